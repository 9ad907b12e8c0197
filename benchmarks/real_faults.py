"""What `check` finds in public data sets as their authors published them.

    python -m benchmarks.real_faults --data FOLDER [--model FOLDER]

`FOLDER` holds the data sets by the names below, as downloaded. For each the command

    tunewright check TRAIN [--test TEST] --json

is run and the number of rows of every finding is written down, with the first places, so that each
can be looked at. `known` holds what is known of a data set from elsewhere.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import write_result

_PLACES = 3


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One public data set."""

    train: tuple[str, ...]
    test: str | None = None
    known: dict[str, int] = field(default_factory=dict)


DATA_SETS = {
    "banking77": DataSet(
        train=("banking77/train.csv",), test="banking77/test.csv", known={"leaks": 25}
    ),
    "wnut17": DataSet(train=("wnut17/wnut17train.conll",), test="wnut17/emerging.test.annotated"),
    "restaurant8k": DataSet(train=("restaurant8k/train_0.json",), test="restaurant8k/test.json"),
    "gsm8k": DataSet(train=("gsm8k/train.jsonl",), test="gsm8k/test.jsonl"),
    "instruct": DataSet(train=("instruct-1100/instruction-data.json",)),
    "preference": DataSet(train=("instruct-1100/instruction-data-with-preference.json",)),
    "wikisql": DataSet(train=("wikisql-text/train.jsonl",), test="wikisql-text/test.jsonl"),
    "hatecheck": DataSet(train=("hatecheck/test_suite_cases.csv",)),
    "textbook": DataSet(train=("openstax-anatomy/derived_text.jsonl",)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="whose tokenizer counts")
    parser.add_argument("--only", nargs="*", default=list(DATA_SETS))
    options = parser.parse_args()
    found = {name: _checked(DATA_SETS[name], options) for name in options.only}
    write_result("real-faults", {"model": options.model, "data_sets": found})


def _checked(data: DataSet, options: argparse.Namespace) -> dict[str, Any]:
    root = options.data.resolve()
    command = [sys.executable, "-m", "tunewright", "check"]
    command += [str(root / name) for name in data.train]
    command += ["--test", str(root / data.test)] if data.test else []
    command += ["--model", options.model, "--json"]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if ended.returncode != 0:
        return {"exit_code": ended.returncode, "error": ended.stderr.strip() or ended.stdout}
    told = json.loads(ended.stdout)
    findings = {finding["check"]: finding for finding in told["findings"]}
    return {
        "rows": {key: told["data"][key] for key in ("rows_read", "rows_used", "rejected")},
        "schema": told["data"]["row_schema"],
        "wall_seconds": round(time.perf_counter() - start, 1),
        "findings": {
            name: {
                "severity": finding["severity"],
                "count": finding["count"],
                "message": finding["message"].replace(f"{root}/", ""),
                "first": [
                    f"{Path(row['file']).name}, row {row['row']}: {row['detail']}".replace(
                        f"{root}/", ""
                    )
                    for row in finding["rows"][:_PLACES]
                ],
            }
            for name, finding in findings.items()
        },
        "known": {
            name: {"expected": count, "found": findings.get(name, {}).get("count", 0)}
            for name, count in data.known.items()
        },
    }


if __name__ == "__main__":
    main()
