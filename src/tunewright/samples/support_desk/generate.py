"""Writes the sample anew: `python -m tunewright.samples.support_desk.generate`.

The output is committed, and a test compares it byte for byte with a fresh run: whoever edits a
phrasing must run this and commit what changes.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from tunewright.core.files import write_text
from tunewright.samples.support_desk.drawing import (
    OVERLAP_LIMIT,
    SEED,
    TEST,
    TRAIN,
    Drawer,
    Row,
    stream,
)
from tunewright.samples.support_desk.grammar import Intent, load_intents
from tunewright.samples.support_desk.planting import Planter

COLUMNS = ("message", "intent", "channel", "customer")


def main() -> None:
    """Rewrite the committed files beside this module."""
    generate(Path(__file__).parent)


def generate(folder: Path) -> None:
    """Write `train.csv`, `test.csv` and `planted.json` into `folder`."""
    intents = load_intents()
    drawer = Drawer(intents)
    rows = drawer.rows()
    records = Planter(intents=intents, customers=drawer.customers, rows=rows).plant()
    files = {file: _shuffled(rows, file) for file in (TRAIN, TEST)}
    for file, ordered in files.items():
        write_text(folder / file, _as_csv(ordered))
    write_text(folder / "planted.json", _as_json(_planted(intents, files, records)))


def _shuffled(rows: list[Row], file: str) -> list[Row]:
    ordered = [row for row in rows if row.file == file]
    stream("order", file).shuffle(ordered)
    return ordered


def _as_csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([row.message, row.intent, row.channel, row.customer] for row in rows)
    return text.getvalue()


def _planted(
    intents: dict[str, Intent],
    files: dict[str, list[Row]],
    records: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """The truth about both files; rows are counted from 1, the first one after the header."""
    numbers = {row: index for rows in files.values() for index, row in enumerate(rows, start=1)}
    pairs = {tuple(sorted((i.name, i.sibling))) for i in intents.values() if i.sibling}
    customers = {file: {row.customer for row in rows} for file, rows in files.items()}
    return {
        "seed": SEED,
        "row_numbers": "1 is the first row after the header",
        "word_overlap_limit": OVERLAP_LIMIT,
        "files": [
            {
                "file": file,
                "rows": len(rows),
                "channels": _counts(row.channel for row in rows),
                "intents": _counts(row.intent for row in rows if row.intent),
            }
            for file, rows in files.items()
        ],
        "confusable_pairs": [list(pair) for pair in sorted(pairs)],
        "customers_in_both_files": len(customers[TRAIN] & customers[TEST]),
        "test_rows_of_held_out_phrasings": [numbers[row] for row in files[TEST] if row.held_out],
        **{kind: _numbered(found, numbers) for kind, found in records.items()},
    }


def _counts(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _numbered(records: list[dict[str, Any]], numbers: dict[Row, int]) -> list[dict[str, Any]]:
    """The records with row numbers in place of rows, in the order of the files."""
    found = [
        {
            new: value
            for key, content in record.items()
            for new, value in _located(key, content, numbers)
        }
        for record in records
    ]
    return sorted(found, key=_place)


def _place(record: dict[str, Any]) -> tuple[bool, int]:
    """Train before test, then by the first row number named."""
    first = record.get("row") or record.get("test_row") or record["rows"][0]
    return record.get("file") == TEST, first


def _located(key: str, content: Any, numbers: dict[Row, int]) -> list[tuple[str, Any]]:
    if key == "at":
        return [("file", content.file), ("row", numbers[content])]
    if key == "rows":
        return [("file", content[0].file), ("rows", [numbers[row] for row in content])]
    if key in ("test", "train"):
        return [(f"{key}_row", numbers[content])]
    return [(key, content)]


def _as_json(values: dict[str, Any]) -> str:
    """JSON with one record a line, so that a change to one row is one line of the diff."""
    lines = []
    for key, value in values.items():
        if isinstance(value, list) and value and not isinstance(value[0], int):
            items = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value)
            lines.append(f'  "{key}": [\n    {items}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
