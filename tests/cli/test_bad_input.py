"""What people get wrong: one clear message, the right exit code, earlier results intact."""

from __future__ import annotations

import errno
import gzip
import json
import os
import pickle
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ended, Tunewright
from tests.conftest import make_rows, write_csv
from tests.models.test_resolve import Canary
from tests.workflow.helpers import change
from tunewright.core.hashing import hash_folder

GOOD = make_rows(60, seed=5)


def table(rows: list[tuple[str, str]]) -> bytes:
    return ("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)).encode()


def said(ended: Ended) -> list[str]:
    """The lines of the one message."""
    assert ended.err.count("tunewright: ") == 1, ended.err
    assert "bug" not in ended.err
    return ended.err[ended.err.index("tunewright: ") :].splitlines()


def results(project: Path) -> dict[str, str]:
    study = project.parent / "study"
    return {name: hash_folder(study / name) for name in ("model", "candidates")} | {
        name: (study / name).read_text() for name in ("verdict.json", "evidence.json")
    }


BAD_FILES: dict[str, tuple[bytes | None, list[str]]] = {
    "missing": (None, ["train.csv: the file does not exist", "found:    test.csv", "fix:"]),
    "empty": (b"", ["train.csv: the file is empty", "fix:      check that"]),
    "white space": (b"\n \n\n", ["train.csv: the file", "fix:"]),
    "header only": (b"text,label\n", ["has a header but no rows", "'text', 'label'"]),
    "one class": (
        table([(text, "card") for text, _ in GOOD]),
        ["field 'label': there is only one label", "'card' in every usable row (60 rows)"],
    ),
    "labels all null": (
        table([(text, "") for text, _ in GOOD]),
        ["train.csv, row 1: none of the 60 rows can be used", "missing_label: 60"],
    ),
    "texts all empty": (
        table([(" ", label) for _, label in GOOD]),
        ["none of the 60 rows can be used", "empty_text: 60"],
    ),
    "wrong column": (
        table(GOOD).replace(b"text,label", b"txt,label"),
        ["field 'text': there is no column called 'text'", "'txt', 'label'", "did you mean 'txt'?"],
    ),
    "column twice": (
        table(GOOD).replace(b"text,label", b"text,text"),
        ["field 'text': two columns are called 'text'", "columns 1, 2"],
    ),
    "random bytes": (
        bytes(range(256)) * 300,
        ["train.csv: the file is not text", "control characters", "CSV"],
    ),
    "gzip": (gzip.compress(table(GOOD)), ["the file is not text", "a gzip archive", "unpack it"]),
    "spreadsheet": (
        b"PK\x03\x04" + b"\0" * 26 + b"xl/workbook.xml" + b"\0" * 99,
        ["the file is not text", "spreadsheet", "save it as CSV"],
    ),
    "pickle": (pickle.dumps(GOOD), ["the file is not text", "a pickle, which can run code"]),
    "every row ragged": (
        b"text,label\n" + b"a,card,late\n" * 60,
        ["none of the 60 rows can be used", "wrong_field_count: 60", "row 1"],
    ),
    "quote never closed": (
        b'text,label\n"' + b"my card,card\n" * 60,
        ["train.csv", "only one label"],
    ),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_cannot_be_used(
    tunewright: Tunewright, finished_project: Path, content: bytes | None, words: list[str]
) -> None:
    before = results(finished_project)
    train = finished_project.parent / "train.csv"
    good = train.read_bytes()
    train.unlink()
    if content is not None:
        train.write_bytes(content)
    for command in ("check", "run"):
        ended = tunewright(command, finished_project)
        assert (ended.code, ended.out) == (3, "")
        message = "\n".join(said(ended))
        for word in words:
            assert word in message
    error = tunewright("check", finished_project, "--json").json
    assert (error["exit_code"], error["file"]) == (3, "train.csv")
    assert error["fix"]
    assert results(finished_project) == before
    train.write_bytes(good)
    ended = tunewright("run", finished_project, "--json")
    assert ended.code == 0
    assert results(finished_project) == before


def test_a_pickle_by_its_name_is_not_opened(
    tunewright: Tunewright, small_project: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    (small_project.parent / "train.pkl").write_bytes(pickle.dumps(Canary(trace)))
    change(small_project, "train: train.csv", "train: train.pkl")
    ended = tunewright("check", small_project)
    assert ended.code == 3
    assert "train.pkl: the file is not text" in said(ended)[0]
    assert not trace.exists()


def test_a_file_of_300_megabytes_that_holds_nothing(
    tunewright: Tunewright, small_project: Path
) -> None:
    with (small_project.parent / "train.csv").open("wb") as stream:
        stream.truncate(300_000_000)
    ended = tunewright("check", small_project)
    assert ended.code == 3
    assert "NUL bytes" in ended.err


def test_a_file_of_more_rows_than_are_held_in_memory(
    tunewright: Tunewright, small_project: Path
) -> None:
    change(small_project, "label: label}", "label: label, max_rows: 500}")
    ended = tunewright("check", small_project)
    assert ended.code == 3
    message = "\n".join(said(ended))
    assert "train.csv, row 501: there are too many rows" in message
    assert "'train.csv#500', or raise `max_rows:`" in message
    change(small_project, "train: train.csv", "train: train.csv#500")
    assert tunewright("run", small_project, "--until", "data").code == 0


SHORT = (
    "training: {search: {trials: 1, learning_rate: [0.003], num_train_epochs: [1], "
    "strategy: [{name: top_layers, settings: {layers: 1}}]}, curve: {fractions: []}, "
    "final: {seeds: 1}}\n"
)


@pytest.fixture
def odd_project(tmp_path: Path, tiny_model: Path) -> Callable[..., Path]:
    """Makes a project of odd but usable data, with as little training as there can be."""

    def make(rows: list[tuple[str, str]], data: str = "", **files: str) -> Path:
        write_csv(tmp_path / "train.csv", rows)
        for name, content in files.items():
            (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
        path = tmp_path / "tunewright.yaml"
        path.write_text(
            f"data: {{train: train.csv, text: text, label: label{data}}}\n"
            f"model: {tiny_model}\nthreads: 1\ncandidates: [tfidf, probe, tune]\n{SHORT}"
        )
        return path

    return make


def findings(ended: Ended) -> dict[str, dict[str, Any]]:
    assert ended.code == 0, ended.err
    return {finding["check"]: finding for finding in ended.json["findings"]}


class TestOddData:
    """Data that can be used: it is said what is odd, and the run comes to its end."""

    def test_a_class_with_one_row(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        path = odd_project([*make_rows(120, seed=3), ("only one of these", "rare")])
        found = findings(tunewright("check", path, "--json"))
        rare = next(f for f in found.values() if "'rare' (1)" in f["message"])
        assert rare["severity"] == "warning"
        assert rare["rows"][0]["row"] == 121
        assert tunewright("run", path).code == 0

    def test_a_test_file_with_an_unseen_label(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        test = table([*make_rows(60, seed=9), ("what is this", "novel")]).decode()
        path = odd_project(make_rows(120, seed=3), ", test: test.csv", test=test)
        found = findings(tunewright("check", path, "--json"))
        message = "1 label of the test set has no training row: 'novel'"
        assert any(f["message"] == message for f in found.values())
        ended = tunewright("run", path, "--json")
        assert ended.code == 0
        assert ended.json["verdict"]["test_items"] == 61

    def test_labels_that_differ_in_case_or_spaces(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        rows = [
            (text, label.upper() if n % 4 == 0 else f" {label} ")
            for n, (text, label) in enumerate(make_rows(160, seed=3))
        ]
        ended = tunewright("check", odd_project(rows), "--json")
        found = next(f for f in findings(ended).values() if "probably one" in f["message"])
        assert "'CARD' and 'card'" in found["message"]
        assert found["severity"] == "warning"
        assert len(ended.json["data"]["labels"]) == 8, "outer spaces do not count, case does"

    def test_a_row_of_a_megabyte(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        path = odd_project([*make_rows(120, seed=3), ("card " * 200_000, "card")])
        found = findings(tunewright("check", path, "--json"))
        cut = next(f for f in found.values() if "longer than 24 tokens" in f["message"])
        assert (cut["count"], cut["rows"][0]["row"]) == (1, 121)
        assert tunewright("run", path).code == 0

    def test_ragged_rows(self, tunewright: Tunewright, odd_project: Callable[..., Path]) -> None:
        rows = [
            (t, f"{label},x" if n % 10 == 0 else label) for n, (t, label) in enumerate(GOOD * 2)
        ]
        ended = tunewright("check", odd_project(rows), "--json")
        found = findings(ended)["wrong_field_count"]
        assert (found["count"], found["severity"]) == (12, "error")
        assert found["rows"][0] | {"id": None} == {
            "file": "train.csv",
            "row": 1,
            "line": 2,
            "id": None,
            "detail": "the row has 3 fields, the header has 2; a field that holds a comma must "
            "stand in double quotes",
        }
        assert ended.json["data"]["rejected"] == {"wrong_field_count": 12}

    def test_nan(self, tunewright: Tunewright, odd_project: Callable[..., Path]) -> None:
        path = odd_project(GOOD)
        nan = float("nan")
        lines = [
            json.dumps({"text": nan if n % 9 == 0 else t, "label": nan if n % 7 == 0 else label})
            for n, (t, label) in enumerate(make_rows(160, seed=3))
        ]
        (path.parent / "train.jsonl").write_text("\n".join(lines))
        change(path, "train.csv", "train.jsonl")
        found = findings(tunewright("check", path, "--json"))
        assert found["empty_text"]["count"] == 18
        assert found["missing_label"]["count"] == 20
        assert tunewright("run", path, "--until", "plan").code == 0

    def test_nothing_is_left_for_a_test_set(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        ended = tunewright("check", odd_project([("my card", "card"), ("my app", "app")]))
        assert ended.code == 3
        assert "every label has too few rows" in said(ended)[0]

    def test_every_training_row_is_in_the_test_set(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        path = odd_project(GOOD, ", test: test.csv", test=table(GOOD).decode())
        ended = tunewright("check", path)
        assert ended.code == 3
        assert "no training row is left" in said(ended)[0]


class TestProjectFile:
    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("label: label", "lable: label", ["row 1", "field 'data.lable'", "mean 'label'?"]),
            ("threads: 1", "thread: 1", ["row 3, field 'thread'", "did you mean 'threads'?"]),
            ("trials: 2", "trails: 2", ["'training.search.trails'", "did you mean 'trials'?"]),
            ("trials: 2", "trials: many", ["training.search.trials", "found:    'many'"]),
            ("threads: 1", "threads: 1\nthreads: 2", ["'threads' is given twice", "line 3"]),
            ("threads: 1", "threads: [", ["not valid YAML"]),
            ("threads: 1", "threads: \x01", ["not valid YAML", "special characters"]),
            ("threads: 1", "threads: !!python/object:os.system x", ["not valid YAML"]),
            ("threads: 1", "decision: {metric: acuracy}", ["acuracy", "accuracy"]),
            ("threads: 1", "candidates: [prob]", ["prob", "did you mean 'probe'?"]),
            ("name: top_layers", "name: top_layer", ["top_layer", "did you mean 'top_layers'?"]),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line(
        self, tunewright: Tunewright, small_project: Path, old: str, new: str, words: list[str]
    ) -> None:
        change(small_project, old, new)
        for command in ("check", "run", "status", "verify"):
            ended = tunewright(command, small_project)
            assert ended.code == 2
            message = "\n".join(said(ended))
            assert str(small_project) in message
            for word in words:
                assert word in message
        assert not (small_project.parent / "study").exists()

    def test_no_project_file(self, tunewright: Tunewright, tmp_path: Path) -> None:
        for command in ("check", "plan", "run", "status", "report", "verify"):
            ended = tunewright(command, tmp_path)
            assert ended.code == 2
            assert "the project file does not exist" in ended.err
            assert "tunewright init YOUR_DATA_FILE" in ended.err

    @pytest.mark.parametrize(
        "content", ["", "just words", "- a\n- b\n", "&a [*a]", "a: &a {b: *a}"]
    )
    def test_no_project_in_the_file(
        self, tunewright: Tunewright, tmp_path: Path, content: str
    ) -> None:
        (tmp_path / "tunewright.yaml").write_text(content)
        ended = tunewright("check", tmp_path)
        assert ended.code == 2
        said(ended)


class TestModel:
    @pytest.fixture
    def model(self, tiny_model: Path, small_project: Path) -> Path:
        folder = small_project.parent / "model"
        shutil.copytree(tiny_model, folder)
        change(small_project, str(tiny_model), "./model")
        return folder

    @pytest.mark.parametrize(
        ("gone", "words"),
        [
            ("model.safetensors", ["has no weights", "config.json", "download the model again"]),
            ("config.json", ["has no config.json"]),
            ("tokenizer.json", ["has no tokenizer.json", "save_pretrained"]),
        ],
    )
    def test_a_part_is_missing(
        self, tunewright: Tunewright, small_project: Path, model: Path, gone: str, words: list[str]
    ) -> None:
        (model / gone).unlink()
        ended = tunewright("check", small_project)
        assert ended.code == 2
        message = "\n".join(said(ended))
        assert str(model) in message
        for word in words:
            assert word in message

    @pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
    def test_a_pickle_checkpoint_is_refused_and_never_opened(
        self, tunewright: Tunewright, small_project: Path, model: Path, name: str
    ) -> None:
        trace = model.parent / "trace"
        (model / "model.safetensors").unlink()
        (model / name).write_bytes(pickle.dumps(Canary(trace)))
        for named in ("./model", f"./model/{name}"):
            small_project.write_text(
                re.sub(r"model: \./.*\n", f"model: {named}\n", small_project.read_text())
            )
            ended = tunewright("run", small_project)
            assert ended.code == 2
            assert f"{model / name}: this is a pickle checkpoint" in said(ended)[0]
        assert not trace.exists()

    def test_no_such_folder(self, tunewright: Tunewright, small_project: Path, model: Path) -> None:
        shutil.rmtree(model)
        ended = tunewright("check", small_project)
        assert ended.code == 2
        assert "there is no model folder at this path" in said(ended)[0]
        assert "relative paths start at" in ended.err

    def test_a_name_that_would_need_the_network(
        self, tunewright: Tunewright, small_project: Path, model: Path
    ) -> None:
        change(small_project, "./model", "someone/some-model")
        ended = tunewright("check", small_project)
        assert ended.code == 2
        assert "allow_network: true" in ended.err

    def test_weights_that_do_not_fit_the_configuration(
        self, tunewright: Tunewright, small_project: Path, model: Path
    ) -> None:
        change(model / "config.json", '"num_hidden_layers": 3', '"num_hidden_layers": 4')
        ended = tunewright("check", small_project)
        assert ended.code == 2
        assert "lacks part of the model" in said(ended)[0]

    def test_damaged_weights(
        self, tunewright: Tunewright, small_project: Path, model: Path
    ) -> None:
        weights = model / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        ended = tunewright("check", small_project)
        assert ended.code == 2
        assert "the weight file is damaged" in said(ended)[0]


@contextmanager
def files_no_larger_than(count: int) -> Iterator[None]:
    """What a full disk does to large files, for any user: the system refuses to let them grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestDisk:
    @pytest.mark.parametrize("limit", [1_000, 12_000, 80_000])
    def test_a_full_disk_stops_the_run_and_it_can_be_resumed(
        self, tunewright: Tunewright, finished_project: Path, limit: int
    ) -> None:
        before = results(finished_project)
        with files_no_larger_than(limit):
            ended = tunewright("run", finished_project, "--fresh")
        assert ended.code == 5
        message = "\n".join(said(ended))
        assert re.search(r"the disk is full|the ledger cannot be written", message)
        assert "run the same command again" in message
        assert str(finished_project.parent / "study") in message
        ended = tunewright("run", finished_project)
        assert ended.code == 0
        assert results(finished_project)["model"] == before["model"]
        assert results(finished_project)["verdict.json"] is not None

    def test_a_disk_too_small_for_the_store(
        self, tunewright: Tunewright, small_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tunewright.study.store.free_bytes", lambda path: 1_000_000)
        ended = tunewright("run", small_project)
        assert ended.code == 5
        assert "the disk is too small for the stored activations" in said(ended)[0]
        assert "set `store: false`" in ended.err

    def test_output_of_predict(self, tunewright: Tunewright, finished_project: Path) -> None:
        arguments = ("predict", "--project", finished_project, "--output", "/dev/full")
        ended = tunewright(*arguments, stdin="my card\n")
        assert ended.code == 5
        assert "/dev/full: the disk is full" in said(ended)[0]

    def test_a_read_only_study(self, tunewright: Tunewright, finished_project: Path) -> None:
        before = results(finished_project)
        with read_only(finished_project.parent / "study"):
            for command in (["run"], ["run", "--fresh"], ["check"], ["verify"]):
                ended = tunewright(*command, finished_project)
                assert ended.code == 5
                message = "\n".join(said(ended))
                assert "the folder cannot be written" in message
                assert "or set `study:` in tunewright.yaml to another folder" in message
            for command in (["status"], ["report"]):
                assert tunewright(*command, finished_project).code == 0
            predicted = tunewright("predict", "--project", finished_project, stdin="my card\n")
            assert predicted.code == 0
        assert results(finished_project) == before

    def test_a_study_where_no_folder_can_be(
        self, tunewright: Tunewright, small_project: Path
    ) -> None:
        small_project.write_text(small_project.read_text() + "study: train.csv/study\n")
        ended = tunewright("run", small_project)
        assert ended.code == 5
        assert "train.csv/study" in said(ended)[0]

    def test_a_damaged_ledger(self, tunewright: Tunewright, finished_project: Path) -> None:
        ledger = finished_project.parent / "study" / "ledger.sqlite"
        ledger.write_bytes(b"no database at all, but long enough to look like one" * 100)
        for command in ("run", "status", "verify"):
            ended = tunewright(command, finished_project)
            assert ended.code == 5
            assert "the ledger is damaged" in said(ended)[0]
            assert "to a new folder" in ended.err

    def test_a_data_file_that_may_not_be_read(
        self, tunewright: Tunewright, small_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root may read everything, so the refusal is put in."""
        original = Path.open

        def refuse(path: Path, *args: Any, **options: Any) -> Any:
            if path.name == "train.csv":
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return original(path, *args, **options)

        monkeypatch.setattr(Path, "open", refuse)
        ended = tunewright("check", small_project)
        assert ended.code == 3
        assert "train.csv: the file cannot be read" in said(ended)[0]
        assert "found:    Permission denied" in ended.err


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder nobody can write to: by its mode, or for root by the immutable flag."""
    root = os.geteuid() == 0
    lock, unlock = ("+i", "-i") if root else ("a-w", "u+w")
    tool = "chattr" if root else "chmod"
    if shutil.which(tool) is None or subprocess.run([tool, "-R", lock, folder]).returncode:
        subprocess.run([tool, "-R", unlock, folder])
        pytest.skip("this system gives root no way to make a folder read-only")
    try:
        yield
    finally:
        subprocess.run([tool, "-R", unlock, folder], check=True)
