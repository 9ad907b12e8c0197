"""Ledgers and proofs of splits that somebody has edited, cut off or put beside another file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tunewright, tunewright
from tests.cli.helpers import said

__all__ = ["tunewright"]
WRONG: list[Any] = [None, -1, 10**30, "x", "a\0", "\ud800", [], {}, True, 1.5, ["a"], {"a": 1}]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten conversations, among them mojibake and copies."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"the caf\u00c3\u00a9 number {at % 7}"},
                {"role": "assistant", "content": f" answer {at % 7} "},
            ]
        }
        for at in range(10)
    ]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.fixture
def cleaned(folder: Path, tunewright: Tunewright) -> Path:
    """A cleaned file whose original is gone."""
    apply = "fix_encoding,strip_whitespace,dedupe"
    assert tunewright("clean", "a.jsonl", "--apply", apply, "--out", "c.jsonl").code == 0
    (folder / "a.jsonl").rename(folder / "kept.jsonl")
    return folder / "c.jsonl.ledger.jsonl"


def every_change(value: Any) -> list[Callable[[Any], None]]:
    """Ways to change one place of a JSON value."""
    found: list[Callable[[Any], None]] = []

    def walk(inner: Any, way: tuple[Any, ...]) -> None:
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        for key in keys:
            found.extend(partial(_put, way, key, wrong) for wrong in WRONG)
            found.append(partial(_remove, way, key))
            if isinstance(inner[key], dict | list):
                walk(inner[key], (*way, key))

    walk(value, ())
    return found


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def rows_of(name: str) -> list[Any]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def _put(way: tuple[Any, ...], key: Any, wrong: Any, value: Any) -> None:
    _at(value, way)[key] = wrong


def _remove(way: tuple[Any, ...], key: Any, value: Any) -> None:
    del _at(value, way)[key]


def _at(value: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        value = value[key]
    return value


def test_undo_without_the_original(cleaned: Path, tunewright: Tunewright) -> None:
    assert tunewright("clean", "--undo", "c.jsonl").code == 0
    assert rows_of("c.jsonl") == rows_of("kept.jsonl")
    assert names() == ["c.jsonl", "kept.jsonl"]


def test_an_edited_ledger(cleaned: Path, tunewright: Tunewright) -> None:
    """Whatever was changed: the rows as they were, or a message and no file."""
    lines = cleaned.read_text().splitlines()
    for at in (0, 1, len(lines) - 1):
        for number, change in enumerate(every_change(json.loads(lines[at]))):
            if number % 7 != at % 7:
                continue
            line = json.loads(lines[at])
            change(line)
            text = "\n".join([*lines[:at], json.dumps(line), *lines[at + 1 :]]) + "\n"
            cleaned.write_text(text)
            before = names()
            ended = tunewright("clean", "--undo", "c.jsonl", "--out", "back.jsonl")
            if ended.code == 0:
                assert at == 0  # something that tells how, and not what
                assert rows_of("back.jsonl") == rows_of("kept.jsonl")
                Path("back.jsonl").unlink()
            else:
                assert ended.code in (2, 3)
                assert said(ended)
            assert names() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: lines[:-1],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0].replace("messages", "\ud8ff"), *lines[1:]],
        lambda lines: ["\x00" * 100],
        lambda lines: [],
    ],
)
def test_lines_that_are_missing_or_too_many(
    cleaned: Path, tunewright: Tunewright, damage: Callable[[list[str]], list[str]]
) -> None:
    lines = damage(cleaned.read_text().splitlines())
    cleaned.write_bytes("".join(f"{x}\n" for x in lines).encode("utf-8", "surrogatepass"))
    before = names()
    ended = tunewright("clean", "--undo", "c.jsonl")
    assert ended.code == 3
    assert "the ledger is damaged" in said(ended)[0]
    assert names() == before


def test_an_edited_proof_of_a_split(folder: Path, tunewright: Tunewright) -> None:
    assert tunewright("split", "a.jsonl", "--out", "parts").code == 0
    path = folder / "parts" / "split.json"
    held = json.loads(path.read_text())
    for number, change in enumerate(every_change(held)):
        if number % 5:
            continue
        edited = json.loads(json.dumps(held))
        change(edited)
        if json.dumps(edited) == json.dumps(held):
            continue
        path.write_text(json.dumps(edited))
        ended = tunewright("split", "--verify", "parts")
        assert ended.code in (2, 3, 4)


def test_names_that_are_not_utf_8(folder: Path, tunewright: Tunewright) -> None:
    odd = folder / os.fsdecode(b"caf\xe9.jsonl")
    try:
        shutil.copy(folder / "a.jsonl", odd)
    except OSError:
        pytest.skip("this file system knows only names in UTF-8")
    with odd.open("a") as stream:
        stream.write("no JSON\n")
    assert tunewright("clean", odd.name, "--apply", "dedupe", "--out", "c.jsonl").code == 0
    assert tunewright("split", odd.name, "--out", "parts").code == 0
    assert tunewright("split", "--verify", "parts").code == 0
    assert tunewright("check", odd.name, "--out", "found").code == 0
    listed = ("clean", odd.name, "--apply", "drop:duplicates", "--findings", "found")
    assert tunewright(*listed, "--out", "d.jsonl").code == 0
    assert tunewright("clean", "--undo", "c.jsonl").code == 0
    assert Path("c.jsonl").read_bytes() == odd.read_bytes()


def test_no_file_without_its_ledger(
    folder: Path, tunewright: Tunewright, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tunewright.curate.ledger.LedgerWriter.save", interrupted)
    monkeypatch.setattr("tunewright.curate.split._save", interrupted)
    before = names()
    clean = ("clean", "a.jsonl", "--apply", "dedupe", "--out", "c.jsonl")
    assert tunewright(*clean).code == 5
    assert names() == before
    assert tunewright("split", "a.jsonl", "--out", "parts").code == 5
    assert [*Path("parts").iterdir()] == []


def test_personal_data_in_the_name_of_a_speaker_is_masked(
    folder: Path, tunewright: Tunewright
) -> None:
    turns = [{"role": "jane.roe@postfach-nord.de", "content": "x"}]
    with Path("a.jsonl").open("a") as stream:
        stream.write(json.dumps({"messages": turns}) + "\n")
    ended = tunewright("check", "a.jsonl", "--out", "found", "--json")
    assert ended.code == 0
    assert "[EMAIL]" in Path("found/findings/unknown_role.jsonl").read_text()
    written = [path.read_text() for path in Path("found").rglob("*") if path.is_file()]
    assert not any("postfach-nord" in text for text in [*written, ended.out, ended.err])
