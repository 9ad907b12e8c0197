from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data.paths import DataPath, resolve_paths

Write = Callable[..., Path]


def names(paths: list[DataPath]) -> list[list[str]]:
    return [[file.name for file in path.files] for path in paths]


def test_a_plain_path_starts_at_the_project_folder(tmp_path: Path, write: Write) -> None:
    write("data/train.csv", "x")
    (path,) = resolve_paths("data/train.csv", tmp_path)
    assert path.sample_rows is None
    assert path.files[0].path == tmp_path / "data/train.csv"
    assert path.files[0].name == "data/train.csv"


def test_an_absolute_path_outside_the_folder_keeps_its_name(tmp_path: Path, write: Write) -> None:
    file = write("elsewhere/train.csv", "x")
    (path,) = resolve_paths(str(file), tmp_path / "project")
    assert path.files[0].name == str(file)


def test_a_list_keeps_its_order(tmp_path: Path, write: Write) -> None:
    write("b.csv", "x")
    write("a.csv", "x")
    assert names(resolve_paths(["b.csv", "a.csv"], tmp_path)) == [["b.csv"], ["a.csv"]]


def test_a_sample_size_follows_the_path(tmp_path: Path, write: Write) -> None:
    write("train.csv", "x")
    (path,) = resolve_paths("train.csv#500", tmp_path)
    assert (path.written, path.sample_rows, path.files[0].name) == ("train.csv", 500, "train.csv")


def test_a_literal_name_comes_before_every_notation(tmp_path: Path, write: Write) -> None:
    for name in ("train.csv#500", "a+b.txt", "data[1].csv", "a", "b.txt", "data1.csv"):
        write(name, "x")
    for name in ("train.csv#500", "a+b.txt", "data[1].csv"):
        (path,) = resolve_paths(name, tmp_path)
        assert path.sample_rows is None
        assert [file.name for file in path.files] == [name]
        assert path.files[0].labels is None


def test_a_pattern_takes_all_files_in_order_of_name(tmp_path: Path, write: Write) -> None:
    for name in ("data/b.csv", "data/a.csv", "data/c.json", "data/.hidden.csv"):
        write(name, "x")
    (path,) = resolve_paths("data/*.csv#20", tmp_path)
    assert [file.name for file in path.files] == ["data/a.csv", "data/b.csv"]
    assert path.sample_rows == 20
    (absolute,) = resolve_paths(str(tmp_path / "data" / "*.csv"), tmp_path)
    assert [file.name for file in absolute.files] == ["data/a.csv", "data/b.csv"]


def test_two_files_side_by_side(tmp_path: Path, write: Write) -> None:
    write("c++/texts.txt", "x")
    write("labels.txt", "x")
    (path,) = resolve_paths("c++/texts.txt+labels.txt", tmp_path)
    (file,) = path.files
    assert file.name == "c++/texts.txt"
    assert file.labels is not None
    assert file.labels.name == "labels.txt"


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path, write: Write) -> None:
    write("data/train.csv", "x")
    write("data/test.csv", "x")
    with pytest.raises(DataError) as caught:
        resolve_paths("data/trian.csv", tmp_path)
    error = caught.value
    assert error.file == "data/trian.csv"
    assert error.fix == "did you mean 'data/train.csv'?"
    assert error.found == "test.csv, train.csv"
    assert str(tmp_path) in str(error.expected)


def test_a_missing_part_of_a_pair_is_named(tmp_path: Path, write: Write) -> None:
    write("texts.txt", "x")
    write("labels.txt", "x")
    with pytest.raises(DataError, match=r"did you mean 'labels\.txt'") as caught:
        resolve_paths("texts.txt+label.txt", tmp_path)
    assert caught.value.file == "label.txt"


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither does its folder") as caught:
        resolve_paths("nowhere/train.csv", tmp_path)
    assert str(tmp_path / "nowhere") in str(caught.value.fix)


def test_a_folder_is_no_file(tmp_path: Path, write: Write) -> None:
    write("data/train.csv", "x")
    with pytest.raises(DataError, match="folder, not a file") as caught:
        resolve_paths("data/", tmp_path)
    assert caught.value.found == "train.csv"
    assert "'data/*.csv'" in str(caught.value.fix)


def test_a_pattern_without_a_match_shows_what_is_there(tmp_path: Path, write: Write) -> None:
    write("data/train.json", "x")
    with pytest.raises(DataError, match="matches no file") as caught:
        resolve_paths("data/*.csv", tmp_path)
    assert caught.value.found == "train.json"


def test_a_sample_of_no_rows_is_refused(tmp_path: Path, write: Write) -> None:
    write("train.csv", "x")
    with pytest.raises(DataError, match="sample of 0 rows") as caught:
        resolve_paths("train.csv#0", tmp_path)
    assert "train.csv#500" in str(caught.value.expected)


def test_a_file_named_twice_is_refused(tmp_path: Path, write: Write) -> None:
    write("a.csv", "x")
    with pytest.raises(DataError, match="named twice") as caught:
        resolve_paths(["a.csv", "*.csv"], tmp_path)
    assert caught.value.file == "a.csv"


@pytest.mark.parametrize(
    "name", ["x" * 5000, "~nobody-here/x.csv", "a\0b", "[", "**x", "+", "#3", "#", "-"]
)
def test_odd_names_are_missing_files_and_no_crash(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError):
        resolve_paths(name, tmp_path)


@pytest.mark.parametrize("rows", ["abc", "-1", "", "1.5", "500k", "9" * 6000])
def test_what_is_no_number_of_rows_is_said(tmp_path: Path, write: Write, rows: str) -> None:
    write("train.csv", "x")
    for path in ("train.csv", "*.csv"):
        with pytest.raises(DataError, match="no number of rows") as caught:
            resolve_paths(f"{path}#{rows}", tmp_path)
        assert caught.value.found == f"'{rows}'"
        assert caught.value.fix == f"write '{path}#500' for 500 rows, or '{path}' for all of them"


def test_a_mark_in_a_path_that_is_not_there_speaks_of_the_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file does not exist"):
        resolve_paths("train.csv#abc", tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/train.csv",
        "https://example.com/t.csv#500",
        "https://example.com/t.csv#part",
        "s3://bucket/train.csv",
        "hf://data/*.parquet",
        "HTTP://x+y/z",
    ],
)
def test_an_address_is_no_file(tmp_path: Path, write: Write, address: str) -> None:
    write("train.csv", "x")
    with pytest.raises(DataError, match="this is an address, not the path of a file") as caught:
        resolve_paths(address, tmp_path)
    assert "download the file" in str(caught.value.fix)


def test_a_file_address_is_answered_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an address") as caught:
        resolve_paths("file:///data/my%20train.csv", tmp_path)
    assert caught.value.fix == "name the path alone: '/data/my train.csv'"


@pytest.mark.parametrize("stream", ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0", "-"])
def test_a_stream_is_no_file_even_where_it_looks_like_one(tmp_path: Path, stream: str) -> None:
    with pytest.raises(DataError, match="a stream of the running program") as caught:
        resolve_paths(stream, tmp_path)
    assert "to a file first" in str(caught.value.fix)


needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="these are not on Windows")


@needs_posix
def test_devices_and_pipes_are_no_files(tmp_path: Path, write: Write) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    write("labels.txt", "x")
    for name, kind in (
        ("pipe.csv", "a pipe"),
        ("/dev/zero", "a device"),
        ("/dev/null", "a device"),
    ):
        for written in (name, f"{name}#5", f"{name}+labels.txt", f"labels.txt+{name}"):
            with pytest.raises(DataError, match=f"this is {kind}, not a file") as caught:
                resolve_paths(written, tmp_path)
            assert "file" in str(caught.value.fix)


@needs_posix
def test_links_that_lead_nowhere_are_told(tmp_path: Path, write: Write) -> None:
    (tmp_path / "gone.csv").symlink_to("old/train.csv")
    with pytest.raises(DataError, match="a link to a file that does not exist") as caught:
        resolve_paths("gone.csv", tmp_path)
    assert caught.value.found == "a link to 'old/train.csv'"
    (tmp_path / "round.csv").symlink_to("round.csv")
    with pytest.raises(DataError, match="a link that leads back to itself") as caught:
        resolve_paths("round.csv", tmp_path)
    assert caught.value.fix == "name the file itself"
    with pytest.raises(DataError, match="a link on the way to the file leads back to itself"):
        resolve_paths("round.csv/train.csv", tmp_path)
    write("train.csv", "x")
    (tmp_path / "good.csv").symlink_to("train.csv")
    assert names(resolve_paths("good.csv", tmp_path)) == [["good.csv"]]


@needs_posix
def test_a_path_through_a_file_is_told(tmp_path: Path, write: Write) -> None:
    file = write("train.csv", "x")
    with pytest.raises(DataError, match="leads through a file") as caught:
        resolve_paths("train.csv/rows", tmp_path)
    assert str(file) in str(caught.value.found)


def test_a_folder_that_may_not_be_entered_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(DataError, match="may not be entered"):
        resolve_paths("train.csv", tmp_path)
