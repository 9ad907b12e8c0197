"""Do public data sets survive being converted, into every format and layout that can hold them?

    python -m benchmarks.convert_round_trip --data FOLDER

`FOLDER` holds the data sets by the names below, as downloaded. Each file is written in every file
format, and in every row schema that can hold its rows (as JSON Lines, CSV and Parquet), and then
back. Rows are compared as values (the digits of numbers count, the order of an object's keys does
not), files byte by byte with the same file written in its own format.
"""

from __future__ import annotations

import argparse
import filecmp
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.common import write_result
from tunewright.core.errors import DataError
from tunewright.data.config import DataConfig
from tunewright.data.convert import convert, reading_config
from tunewright.data.formats import open_reader
from tunewright.data.paths import resolve_paths
from tunewright.data.plain import canonical, plain
from tunewright.data.propose import propose
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.schemas import SCHEMAS

FILES = (
    *("banking77/train.csv", "banking77/test.csv", "hatecheck/test_suite_cases.csv"),
    *("gsm8k/train.jsonl", "gsm8k/test.jsonl", "wikisql-text/train.jsonl"),
    *("openstax-anatomy/derived_text.jsonl", "instruct-1100/instruction-data.json"),
    *("instruct-1100/instruction-data-with-preference.json", "restaurant8k/train_0.json"),
    *("restaurant8k/test.json", "scan/tasks_train_simple.txt", "wnut17/wnut17train.conll"),
    *("wnut17/emerging.dev.conll", "wnut17/emerging.test.annotated"),
)
ENDS = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".csv.gz", ".jsonl.gz")
LAYOUT_ENDS = (".jsonl", ".csv", ".parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data.resolve()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in FILES:
            source = data / name
            found[name] = {
                "formats": _formats(source, Path(folder)),
                "layouts": _layouts(source, Path(folder)),
            }
    trips = [t for one in found.values() for kind in one.values() for t in kind.values()]
    held = [trip for trip in trips if trip["rows_written"]]
    write_result(
        "convert-round-trip",
        {
            "round_trips": len(held),
            "rows_converted": sum(trip["rows_written"] for trip in held),
            "rows_that_came_back_different": sum(trip["rows_different"] for trip in held),
            "files": found,
        },
    )


def _formats(source: Path, folder: Path) -> dict[str, Any]:
    """Every file format and back, without looking at what the rows mean."""
    own = ".conll" if source.suffix == ".annotated" else source.suffix
    same, back = folder / f"same{own}", folder / f"back{own}"
    convert(reading_config(str(source), folder), same, folder=folder)
    found = {}
    for end in (*ENDS, *({own} - set(ENDS))):
        there = folder / f"there{end}"
        trip = _trip(source, there, back, reading_config(str(source), folder), folder, (None, None))
        if trip["rows_written"]:
            trip["bytes_as_written_in_its_own_format"] = filecmp.cmp(same, back, shallow=False)
        found[end] = trip
    return found


def _layouts(source: Path, folder: Path) -> dict[str, Any]:
    """Every row schema that can hold the rows, and back."""
    try:
        config = propose(str(source), folder).data
    except DataError as problem:
        return {"none": {"rows_written": 0, "why": problem.what}}
    found = {}
    for to in SCHEMAS:
        for end in LAYOUT_ENDS:
            there, back = folder / f"there{end}", folder / "back.jsonl"
            trip = _trip(source, there, back, config, folder, (to, config.row_schema))
            found[f"{config.row_schema} to {to} as {end}"] = trip
            if not trip["rows_written"]:
                break
    return found


def _trip(
    source: Path,
    there: Path,
    back: Path,
    config: DataConfig,
    folder: Path,
    schemas: tuple[str | None, str | None],
) -> dict[str, Any]:
    to, home = schemas
    try:
        first = convert(config, there, folder=folder, to=to)
    except DataError as problem:
        return {"rows_written": 0, "why": problem.found}
    header = True if there.name.endswith((".csv", ".tsv", ".csv.gz")) else None
    named: dict[str, Any] = {"train": there.name, "header": header, "row_schema": to or "text"}
    if to == "classification":
        named |= {"text": "text", "label": "label"}
    convert(DataConfig(**named), back, folder=folder, to=home)
    original, returned = Counter(_rows(source)), Counter(_rows(back))
    return {
        "rows_written": first.written,
        "rows_not_written": dict(first.rejected),
        "rows_carrying": first.carrying,
        "rows_different": (returned - original).total()
        + (first.written - returned.total() if returned.total() < first.written else 0),
        "size": round(there.stat().st_size / source.stat().st_size, 2),
    }


def _rows(path: Path) -> list[str]:
    (file,) = resolve_paths(str(path), Path("/"))[0].files
    records = open_reader(file, "auto", ReadOptions()).records()
    return [
        canonical({name: plain(value) for name, value in row.values.items()})
        for row in records
        if isinstance(row, Record)
    ]


if __name__ == "__main__":
    main()
