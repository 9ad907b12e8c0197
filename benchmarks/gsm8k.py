"""GSM8K before and after training: is the form of the answers learned, and are they right?

    python -m benchmarks.gsm8k --data FOLDER [--model FOLDER] [--test-rows 200]

`FOLDER` holds `train.jsonl` and `test.jsonl` (7,473 and 1,319 rows). Each answer works in steps and
ends with `#### ` and a number. A small model learns that form long before it can count; both are
measured. Answers are written greedily. Without `--model` a decoder with random weights is trained.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.before_after import Pair, Part, mean_score, parser_of, read_lines, run

_FORM = re.compile(r"#### -?[\d,.]+$")


def main() -> None:
    args = parser_of(__doc__, epochs=3, max_new_tokens=256).parse_args()
    part = Part(train=pairs(args.data / "train.jsonl"), test=pairs(args.data / "test.jsonl"))
    run("gsm8k", args, part, measured)


def pairs(path: Path) -> list[Pair]:
    """Question and worked answer."""
    return [(f"Question: {r['question']}\nAnswer: ", r["answer"]) for r in read_lines(path)]


def measured(answers: list[str], references: list[str]) -> dict[str, float]:
    """The share of answers with the mark, with a number behind it at the end, and the right one."""
    return {
        "mark_share": sum("####" in answer for answer in answers) / len(answers),
        "form_share": sum(bool(_FORM.search(answer)) for answer in answers) / len(answers),
        "numeric_match": mean_score("numeric_match", answers, references, find="marked"),
        "exact_match": mean_score("exact_match", answers, references),
    }


if __name__ == "__main__":
    main()
