"""Registry, hashing, files, seeds, events, units, errors."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

import pytest

from tunewright.core import events, files
from tunewright.core.errors import (
    ConfigError,
    DataError,
    GateError,
    StoppedError,
    StudyError,
    TunewrightError,
    error_from_dict,
)
from tunewright.core.files import (
    drafted_folder,
    read_json,
    unusable_name,
    write_error,
    write_json,
    write_text,
)
from tunewright.core.hashing import hash_bytes, hash_file, hash_folder, hash_value
from tunewright.core.registry import Registry
from tunewright.core.seeds import derive_seed
from tunewright.core.text import printable, shortened
from tunewright.core.units import format_bytes, format_difference, format_points, format_seconds
from tunewright.core.usage import Meter


class Animal:
    """Base."""


class Dog(Animal):
    """Member."""


def _registry() -> Registry[Animal]:
    return Registry("animal", f"{__name__}:Animal", {"dog": f"{__name__}:Dog"})


class TestRegistry:
    def test_members_are_loaded_when_asked_for(self) -> None:
        registry = _registry()
        assert registry.names() == ["dog"]
        assert registry.get("dog") is Dog
        assert registry.origin("dog").endswith(":Dog")
        assert "dog" in registry

    def test_a_miss_names_the_nearest(self) -> None:
        with pytest.raises(ConfigError) as caught:
            _registry().get("dogg")
        assert caught.value.fix == "did you mean 'dog'?"

    def test_the_base_class_is_checked(self) -> None:
        with pytest.raises(TypeError, match="must derive"):
            _registry().register("stone")(int)

    def test_two_members_of_one_name_are_refused(self) -> None:
        class Other(Animal):
            pass

        with pytest.raises(ValueError, match="both"):
            _registry().register("dog")(Other)

    def test_nothing_is_added_after_the_start(self) -> None:
        registry = _registry()
        registry.freeze()

        class Cat(Animal):
            pass

        with pytest.raises(RuntimeError, match="after the run had started"):
            registry.register("cat")(Cat)


class TestHashing:
    def test_order_of_keys_does_not_matter(self) -> None:
        assert hash_value({"a": 1, "b": [1, 2]}) == hash_value({"b": [1, 2], "a": 1})
        assert hash_value({"a": 1}) != hash_value({"a": 2})

    def test_parts_are_kept_apart(self) -> None:
        assert hash_bytes(b"ab", b"c") != hash_bytes(b"a", b"bc")

    def test_nan_is_refused(self) -> None:
        with pytest.raises(ValueError, match="JSON"):
            hash_value(float("nan"))

    def test_file(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_bytes(b"abc")
        expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert hash_file(path, "sha256") == expected


class TestFiles:
    def test_a_write_replaces_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "file.json"
        write_json(path, {"é": 1})
        assert read_json(path) == {"é": 1}
        assert list(path.parent.iterdir()) == [path]

    def test_a_failed_write_leaves_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "file.txt"
        write_text(path, "old")

        def full(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(StudyError):
            write_text(path, "new")
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_full_disk_says_what_to_do(self, tmp_path: Path) -> None:
        problem = write_error(OSError(28, "No space left on device"), tmp_path)
        assert isinstance(problem, StudyError)
        assert problem.exit_code == 5
        assert "free some space" in str(problem)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_really_full_device(self) -> None:
        from tunewright.core.files import writing

        full = Path("/dev/full")
        with (
            pytest.raises(StudyError, match="disk is full"),
            writing(full),
            full.open("wb", buffering=0) as stream,
        ):
            stream.write(b"x")

    def test_a_full_device_says_nothing_of_another_disk(self, tmp_path: Path) -> None:
        for number in (errno.ENOSPC, errno.EFBIG):
            for path in (Path("/dev/null"), tmp_path):
                problem = write_error(OSError(number, os.strerror(number)), path)
                free = re.search(r"([\d,]+) bytes free", str(problem.found))
                assert free is None or int(free[1].replace(",", "")) < 10**9
                assert str(problem.found).startswith(os.strerror(number))

    def test_the_fix_names_what_the_person_can_set(self, tmp_path: Path) -> None:
        refused = PermissionError(errno.EACCES, "Permission denied")
        assert "`study:`" in str(write_error(refused, tmp_path).fix)
        fix = str(write_error(refused, tmp_path, "name another with --output").fix)
        assert fix == "make the folder writable, or name another with --output"

    @pytest.mark.parametrize("name", ["x" * 300, "a/" + "ü" * 200 + "/b", "ab/" * 2000, "a\0"])
    def test_names_that_no_disk_can_hold(self, name: str) -> None:
        assert unusable_name(name)
        assert len(str(unusable_name(name))) < 200
        assert unusable_name("a/b.csv" + "x" * 200) is None

    def test_read_only(self, tmp_path: Path) -> None:
        problem = write_error(PermissionError(13, "Permission denied"), tmp_path / "x")
        assert "cannot be written" in problem.what

    def test_a_drafted_folder_appears_only_when_whole(self, tmp_path: Path) -> None:
        target = tmp_path / "entry"
        with pytest.raises(RuntimeError), drafted_folder(target) as draft:
            (draft / "a").write_text("1")
            raise RuntimeError
        assert not target.exists()
        assert list(tmp_path.iterdir()) == []
        with drafted_folder(target) as draft:
            (draft / "a").write_text("1")
        assert (target / "a").read_text() == "1"

    def test_json_that_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "x.json"
        with pytest.raises(DataError, match="does not exist"):
            read_json(path)
        path.write_text("{")
        with pytest.raises(DataError, match="not valid JSON"):
            read_json(path)


def test_seeds_depend_on_every_part_of_the_name() -> None:
    seeds = {
        derive_seed(1, "a", 1),
        derive_seed(1, "a", 2),
        derive_seed(1, "b", 1),
        derive_seed(2, "a", 1),
    }
    assert len(seeds) == 4
    assert derive_seed(1, "a", 1) == derive_seed(1, "a", 1)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    "event",
    [
        events.Progress(activity="x", done=1, total=2),
        events.Metric(name="loss", value=0.5, step=3),
        events.Notice(text="hm", level="warning"),
        events.Artefact(path="a/b"),
        events.Done(result={"a": [1]}, usage={"s": 1.0}),
        events.Failed(error={"what": "x"}),
    ],
)
def test_events_survive_a_line_of_json(event: events.Event) -> None:
    line = json.dumps(events.event_to_dict(event))
    assert events.event_from_dict(json.loads(line)) == event


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (12, "12 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_seconds(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_other_units() -> None:
    assert format_bytes(999) == "999 B"
    assert format_bytes(3_400_000) == "3.4 MB"
    assert format_difference(0.006) == "+0.6 points"
    assert (format_points(0.01), format_points(0.006)) == ("1.0 point", "0.6 points")


def test_errors_name_place_found_expected_and_fix() -> None:
    problem = DataError(
        "bad", file="a.csv", row=3, field="label", found="x", expected="y", fix="do z"
    )
    assert str(problem).splitlines() == [
        "a.csv, row 3, field 'label': bad",
        "  found:    x",
        "  expected: y",
        "  fix:      do z",
    ]


@pytest.mark.parametrize("kind", [ConfigError, DataError, GateError, StoppedError, StudyError])
def test_errors_cross_the_process_boundary(kind: type[TunewrightError]) -> None:
    problem = kind("what", file="f", row=1, fix="fix")
    back = error_from_dict(json.loads(json.dumps(problem.as_dict())))
    assert type(back) is kind
    assert str(back) == str(problem)
    assert back.exit_code == kind.exit_code


def test_the_meter_sees_memory_and_time() -> None:
    meter = Meter()
    block = bytearray(os.urandom(30_000_000))
    usage = meter.usage()
    assert len(block) == 30_000_000
    assert usage["peak_memory_bytes"] > 30_000_000
    assert usage["wall_seconds"] > 0


class TestDraftsAndRefusals:
    def test_drafts_of_killed_writers_are_removed_and_nothing_else(self, tmp_path: Path) -> None:
        draft = files.draft_of(tmp_path / "sub" / "report.html")
        (tmp_path / "sub").mkdir()
        draft.write_text("half")
        folder = files.draft_of(tmp_path / "model")
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        for name in (".hidden", "report.html", ".notes.txt"):
            (tmp_path / name).write_text("mine")
        files.remove_drafts(tmp_path)
        assert sorted(path.name for path in tmp_path.rglob("*")) == [
            *(".hidden", ".notes.txt", "report.html", "sub")
        ]

    @pytest.mark.parametrize(
        "problem",
        [
            OSError("11200 requested and 4064 written"),  # numpy
            Exception("No space left on device (os error 28)"),  # what is written in Rust
        ],
    )
    def test_a_full_disk_in_the_words_of_others(self, tmp_path: Path, problem: Exception) -> None:
        with pytest.raises(StudyError, match="the disk is full"), files.writing(tmp_path):
            raise problem

    def test_a_bug_stays_a_bug(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError), files.writing(tmp_path):
            raise KeyError("a bug")

    def test_the_hash_of_a_folder_follows_names_and_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("1")
        first = hash_folder(tmp_path)
        (tmp_path / "a").write_text("2")
        second = hash_folder(tmp_path)
        (tmp_path / "a").rename(tmp_path / "b")
        assert len({first, second, hash_folder(tmp_path), hash_folder(tmp_path / "none")}) == 4


def test_errors_show_what_others_wrote_on_one_harmless_line() -> None:
    problem = DataError("no '\x1b[2Jlabel\ud800'", file="a\r.csv", found="x" * 50_000)
    lines = str(problem).splitlines()
    assert lines[0] == "a\\r.csv: no '\\x1b[2Jlabel\\ud800'"
    assert lines[1].endswith("(50,012 characters)")
    assert len(lines[1]) < 1_100
    assert problem.as_dict()["found"] == "x" * 50_000


def test_text_is_made_printable() -> None:
    assert printable("plain, ünlike\tothers\n") == "plain, ünlike\tothers\n"
    assert printable("\x1b[31m\x9b\u202e\ud800\x7f") == "\\x1b[31m\\x9b\\u202e\\ud800\\x7f"
    assert shortened("abc", 3) == "abc"
    assert shortened("abcdef", 3) == "abc… (6 characters)"
