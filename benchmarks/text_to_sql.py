"""Text to SQL before and after training: perplexity and exact match on WikiSQL.

    python -m benchmarks.text_to_sql --data FOLDER [--model FOLDER]

`FOLDER` holds `train.jsonl` and `test.jsonl` of WikiSQL as plain text (1,000 and 100 rows): columns
of a table and a question, behind `A:` the query. The query and the end of the text are learned.
Answers are written greedily. Without `--model` a decoder with random weights is trained.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.before_after import Pair, Part, mean_score, parser_of, read_lines, run

_ANSWER = "\nA:"


def main() -> None:
    args = parser_of(__doc__, epochs=20, max_new_tokens=96).parse_args()
    part = Part(train=pairs(args.data / "train.jsonl"), test=pairs(args.data / "test.jsonl"))
    run("text-to-sql", args, part, measured)


def pairs(path: Path) -> list[Pair]:
    """Table and question, and the query."""
    found = []
    for row in read_lines(path):
        prompt, mark, query = row["text"].rpartition(_ANSWER)
        found.append((prompt + mark, query))
    return found


def measured(answers: list[str], references: list[str]) -> dict[str, float]:
    """Exact match, and how many answers have the form of a query."""
    return {
        "exact_match": mean_score("exact_match", answers, references),
        "token_f1": mean_score("token_f1", answers, references),
        "select_from_share": sum(a.startswith("SELECT ") and " FROM " in a for a in answers)
        / len(answers),
    }


if __name__ == "__main__":
    main()
