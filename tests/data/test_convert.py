"""Files in another format or layout, and back; what became of each row."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import ConfigError, DataError
from tunewright.data import row_file
from tunewright.data.config import DataConfig
from tunewright.data.convert import Conversion, convert, found_header, reading_config, rejected_file
from tunewright.data.formats import open_reader
from tunewright.data.paths import resolve_paths
from tunewright.data.plain import canonical, plain
from tunewright.data.readers.base import ReadOptions, Record

Write = Callable[..., Path]

ENDS = [
    *(".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow"),
    *(".csv.gz", ".tsv.gz", ".json.gz", ".jsonl.gz"),
]
MESSAGES = [
    {"role": "user", "content": "Wie spät? ; | \t"},
    {"role": "assistant", "content": '12:30,\n "genau"'},
]
ROWS: list[dict[str, Any]] = [
    {"messages": MESSAGES, "id": "007", "score": 1.0, "note": None},
    {"messages": MESSAGES[:1], "id": "", "score": 2, "tags": ["a", None]},
    {"messages": [], "id": None, "note": "null", "score": "2"},
]
TEXT_ROWS = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n"


def rows_of(path: Path) -> list[str]:
    (file,) = resolve_paths(path.name, path.parent)[0].files
    records = open_reader(file, "auto", ReadOptions()).records()
    return [
        canonical({k: plain(v) for k, v in row.values.items()})
        for row in records
        if isinstance(row, Record)
    ]


def change(folder: Path, source: str, target: str, **options: Any) -> Conversion:
    config = options.pop("config", None) or reading_config(source, folder)
    return convert(config, folder / target, folder=folder, **options)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("own", ENDS)
def test_there_and_back_is_the_same(write: Write, tmp_path: Path, own: str, end: str) -> None:
    write("rows.jsonl", TEXT_ROWS)
    change(tmp_path, "rows.jsonl", f"own{own}")
    there = change(tmp_path, f"own{own}", f"there{end}")
    back = change(tmp_path, f"there{end}", "back.jsonl")
    assert rows_of(tmp_path / "back.jsonl") == rows_of(tmp_path / "rows.jsonl")
    assert (there.rows, there.written, there.rejected) == (3, 3, {})
    assert back.rejected_file is None


def test_a_table_of_text_stays_a_table_of_text(write: Write, tmp_path: Path) -> None:
    content = 'text,label\n"a, b",x\n,007\n'
    write("t.csv", content)
    change(tmp_path, "t.csv", "t.jsonl")
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert lines == ['{"text": "a, b", "label": "x"}', '{"text": "", "label": "007"}']
    change(tmp_path, "t.jsonl", "back.csv")
    assert (tmp_path / "back.csv").read_text() == content


def test_numbers_keep_their_digits(write: Write, tmp_path: Path) -> None:
    line = '{"a": 1.0, "b": 1e5, "c": 0.10, "d": 123456789012345678901234567890, "e": -0}\n'
    write("t.jsonl", line)
    for end in (".csv", ".parquet", ".arrow", ".json"):
        change(tmp_path, "t.jsonl", f"t{end}")
        change(tmp_path, f"t{end}", "back.jsonl")
        assert (tmp_path / "back.jsonl").read_text() == line


def test_every_row_is_written_or_listed(write: Write, tmp_path: Path) -> None:
    lines = ['{"text": "a"}', "{broken", '{"text": "b\\nc"}', '["no row"]', '{"text": "d"}', ""]
    write("t.jsonl", "\n".join(lines))
    found = change(tmp_path, "t.jsonl", "t.txt")
    assert (tmp_path / "t.txt").read_text() == "a\nd\n"
    assert found.rows == 5 == found.written + sum(found.rejected.values())
    assert found.rejected == {"bad_json": 1, "line_break": 1, "malformed_row": 1}
    assert found.rejected_file == tmp_path / "t.txt.rejected.jsonl"
    listed = [json.loads(line) for line in found.rejected_file.read_text().splitlines()]
    assert [(entry["row"], entry["line"], entry["reason"]) for entry in listed] == [
        *((2, 2, "bad_json"), (3, 3, "line_break"), (4, 4, "malformed_row"))
    ]
    assert {entry["file"] for entry in listed} == {"t.jsonl"}
    assert all(entry["message"] for entry in listed)


def test_none_written_is_an_error_that_explains_itself(write: Write, tmp_path: Path) -> None:
    write("t.jsonl", '{"text": "a\\nb"}\n{broken\n')
    with pytest.raises(
        DataError, match=r"none of the 2 rows can be written into 't\.txt'"
    ) as caught:
        change(tmp_path, "t.jsonl", "t.txt")
    assert "line_break: 1" in str(caught.value.found)
    assert "bad_json: 1" in str(caught.value.found)
    assert not (tmp_path / "t.txt").exists()
    assert len(rejected_file(tmp_path / "t.txt").read_text().splitlines()) == 2


def test_an_older_list_of_rejected_rows_goes(write: Write, tmp_path: Path) -> None:
    write("t.jsonl", '{"text": "a"}\n')
    write("t.csv.rejected.jsonl", "older")
    change(tmp_path, "t.jsonl", "t.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.jsonl"]


@pytest.mark.parametrize("target", ["t.jsonl", "link.jsonl"])
def test_the_source_is_never_written_over(write: Write, tmp_path: Path, target: str) -> None:
    write("t.jsonl", '{"text": "a"}\n')
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "t.jsonl")
    with pytest.raises(ConfigError, match="the file that is read"):
        change(tmp_path, "t.jsonl", target)
    assert (tmp_path / "t.jsonl").read_text() == '{"text": "a"}\n'


def test_the_list_of_rejected_rows_is_not_written_over_the_source(
    write: Write, tmp_path: Path
) -> None:
    write("t.csv.rejected.jsonl", '{"text": "a"}\n')
    with pytest.raises(ConfigError, match="the file that is read"):
        change(tmp_path, "t.csv.rejected.jsonl", "t.csv")


def test_samples_and_several_files(write: Write, tmp_path: Path) -> None:
    for name in "ab":
        write(f"{name}.jsonl", "".join(f'{{"n": "{name}{n}"}}\n' for n in range(50)))
    found = change(tmp_path, "*.jsonl#30", "t.csv")
    assert (found.rows, found.written, found.rows_not_drawn) == (30, 30, 70)


@pytest.mark.parametrize(
    ("content", "header"),
    [
        ("text,label\na,b\n", True),
        ("a,b\nc,d\n", True),
        ("3,a\n4,b\n", False),
        ("x,spam\ny,spam\nz,ham\n", False),
        ("spam,_carried\nspam,\n", True),
    ],
)
def test_headers_are_taken_for_granted_unless_the_rows_tell(
    write: Write, tmp_path: Path, content: str, header: bool
) -> None:
    write("t.csv", content)
    assert found_header(resolve_paths("t.csv", tmp_path)) is header


def test_folders_and_pairs_of_files_are_sources_too(write: Write, tmp_path: Path) -> None:
    write("docs/a.md", "# T\n\ntext\n")
    write("docs/b.png", b"\x89PNG")
    found = change(tmp_path, "docs", "docs.jsonl")
    assert found.rejected == {"not_a_document": 1}
    row = {"text": "# T\n\ntext\n", "title": "T", "path": "a.md"}
    assert json.loads((tmp_path / "docs.jsonl").read_text()) == row
    write("a.de", "eins\n")
    write("b.en", "one\n")
    config = DataConfig(
        train="a.de+b.en", row_schema="parallel", columns={"source": "de", "target": "en"}
    )
    change(tmp_path, "", "t.jsonl", config=config, to="parallel")
    row = json.loads((tmp_path / "t.jsonl").read_text())
    assert (row["source"], row["target"]) == ("eins", "one")


def test_a_file_that_looks_like_another_format_is_told(write: Write, tmp_path: Path) -> None:
    write("t.jsonl", '{"text": "one;a"}\n{"text": "two;b"}\n')
    found = change(tmp_path, "t.jsonl", "t.txt")
    assert found.assumptions == ("'t.txt' looks like csv: say `format: text` where it is read",)


@pytest.mark.parametrize("end", [".csv", ".parquet", ".json"])
def test_lists_of_turns_without_an_object_around_them_come_back(
    write: Write, tmp_path: Path, end: str
) -> None:
    content = json.dumps(MESSAGES, ensure_ascii=False) + "\n"
    write("t.jsonl", content)
    change(tmp_path, "t.jsonl", f"t{end}")
    change(tmp_path, f"t{end}", "back.jsonl")
    assert (tmp_path / "back.jsonl").read_text() == content


ALPACA = [
    {"instruction": "Add.", "input": "1 + 2", "output": "3", "id": 7, "system": ""},
    {"instruction": "Go.", "output": "Gone."},
    {"instruction": "Go.", "input": None, "output": "Gone.", "messages": "mine"},
]


@pytest.mark.parametrize("end", [".jsonl", ".csv", ".parquet", ".tsv.gz"])
@pytest.mark.parametrize("to", ["messages", "sharegpt", "prompt_completion", "classification"])
def test_layouts_there_and_back(write: Write, tmp_path: Path, to: str, end: str) -> None:
    write("a.jsonl", "".join(json.dumps(row) + "\n" for row in ALPACA))
    config = DataConfig(train="a.jsonl", row_schema="alpaca")
    there = change(tmp_path, "", f"there{end}", config=config, to=to)
    assert (there.from_schema, there.to_schema, there.written) == ("alpaca", to, 3)
    named = {"text": "text", "label": "label"} if to == "classification" else {}
    other: Any = {"train": f"there{end}", "row_schema": to, **named}
    back = change(tmp_path, "", "back.jsonl", config=DataConfig(**other), to="alpaca")
    assert back.restored == there.carrying > 0
    assert back.stale == 0
    assert rows_of(tmp_path / "back.jsonl") == rows_of(tmp_path / "a.jsonl")


def test_rows_that_a_layout_cannot_read_or_hold_are_listed(write: Write, tmp_path: Path) -> None:
    lines = [
        {"messages": MESSAGES},
        {"messages": MESSAGES * 2},
        {"messages": "text"},
        {"messages": MESSAGES, "_carried": "mine"},
    ]
    write("m.jsonl", "".join(json.dumps(row) + "\n" for row in lines))
    config = DataConfig(train="m.jsonl", row_schema="messages")
    found = change(tmp_path, "", "q.jsonl", config=config, to="classification")
    assert (found.rows, found.written) == (4, 1)
    assert found.rejected == {"cannot_hold": 1, "wrong_type": 1, "not_carried": 1}


def test_what_was_changed_since_is_told(write: Write, tmp_path: Path) -> None:
    write("a.jsonl", json.dumps(ALPACA[0]) + "\n")
    config = DataConfig(train="a.jsonl", row_schema="alpaca")
    change(tmp_path, "", "m.jsonl", config=config, to="messages")
    text = (tmp_path / "m.jsonl").read_text()
    write("m.jsonl", text.replace('"content": "3"', '"content": "three"'))
    config = DataConfig(train="m.jsonl", row_schema="messages")
    back = change(tmp_path, "", "back.jsonl", config=config, to="alpaca")
    assert (back.restored, back.stale) == (0, 1)
    row = json.loads((tmp_path / "back.jsonl").read_text())
    assert row == {"instruction": "Add.\n1 + 2", "input": "", "output": "three", "id": 7}


def test_a_target_that_does_not_read_back_is_not_written(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("t.jsonl", '{"text": "a"}\n')
    monkeypatch.setattr(row_file, "_digest", lambda row, seen=[0]: seen.append(0) or len(seen))
    with pytest.raises(DataError, match="reads back differently") as caught:
        change(tmp_path, "t.jsonl", "t.csv")
    assert caught.value.row == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Twenty times the rows, and no more memory than some megabytes beyond."""
    code = """
import resource, sys
from pathlib import Path
from tunewright.data.convert import convert, reading_config
rows, folder = int(sys.argv[1]), Path(sys.argv[2])
with (folder / "in.jsonl").open("w") as out:
    for n in range(rows):
        out.write('{"text": "row number %d of many, and some words more", "n": %d}\\n' % (n, n))
for one, other in (("in.jsonl", "a.csv"), ("a.csv", "b.jsonl.gz"), ("b.jsonl.gz", "c.tsv")):
    convert(reading_config(one, folder), folder / other, folder=folder)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    used = []
    for rows in (1_000, 20_000):
        run = subprocess.run(
            [sys.executable, "-c", code, str(rows), str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        used.append(int(run.stdout) * (1 if sys.platform == "darwin" else 1024))
    assert used[1] - used[0] < 12_000_000
