"""`new-model`, and the sample that brings a model of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.cli.conftest import Tunewright
from tests.cli.helpers import imported, said
from tunewright.core.hashing import hash_folder
from tunewright.workers.in_process import InProcessWorker
from tunewright.workflow.project import Project

SHAPE = ("--layers", "2", "--hidden_size", "32", "--heads", "4", "--vocab_size", "400")


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.workflow.new_model.ProcessWorker", InProcessWorker)


@pytest.fixture
def train(tmp_path: Path) -> Path:
    rows = [{"instruction": f"please cancel order {n}", "output": f"cancel {n}"} for n in range(60)]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"instruction": 5}\n')
    return path


class TestNewModel:
    def test_a_model_from_rows(self, tunewright: Tunewright, tmp_path: Path, train: Path) -> None:
        ended = tunewright("new-model", "--data", train, *SHAPE, "--out", tmp_path / "m")
        assert ended.code == 0, ended.err
        assert "random weights" in ended.out
        assert "learned from 60 rows read as alpaca; 1 row could not be read" in ended.out
        assert "the texts have no more that occur twice; 400 asked for" in ended.out
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
        assert (model.config.num_hidden_layers, model.config.hidden_size) == (2, 32)
        assert "Ġcancel" in AutoTokenizer.from_pretrained(tmp_path / "m").get_vocab()
        again = tunewright("new-model", "--data", train, *SHAPE, "--out", tmp_path / "n", "--json")
        assert again.json["rows"] == 60
        assert again.json["rejected"] == 1
        assert again.json["parameters"] == model.num_parameters()
        assert hash_folder(tmp_path / "n") == hash_folder(tmp_path / "m")

    @pytest.mark.parametrize(
        ("arguments", "code", "words", "fix"),
        [
            ([], 2, "nothing says from which texts", "--data train.jsonl"),
            (["--data", "nope.jsonl"], 3, "nope.jsonl", ""),
            (["--architecture", "lama"], 2, "no architecture 'lama'", "did you mean 'llama'?"),
            (["--size", "tny"], 2, "no size 'tny'", "did you mean 'tiny'?"),
            (["--heads", "5"], 2, "must divide the hidden size", "say 4 heads"),
            (["--vocab_size", "100"], 2, "too small", "1024 or more"),
            (["--layers", "0"], 2, "num_hidden_layers", ""),
            (["--max_length", "1"], 2, "max_length", ""),
            (["--seed", "-1"], 2, "seed", ""),
        ],
    )
    def test_what_cannot_be_meant(
        self,
        tunewright: Tunewright,
        tmp_path: Path,
        train: Path,
        arguments: list[str],
        code: int,
        words: str,
        fix: str,
    ) -> None:
        data = [] if not arguments or "--data" in arguments else ["--data", str(train)]
        ended = tunewright("new-model", *data, *arguments, "--out", tmp_path / "m")
        assert ended.code == code
        message = "\n".join(said(ended))
        assert words in message
        assert fix in message
        assert not (tmp_path / "m").exists()

    def test_nothing_heavy_is_loaded_by_the_one_who_asks(self) -> None:
        assert not imported("new-model", "--help") & {"torch", "transformers", "tokenizers"}


class TestSample:
    def test_data_schema_model_and_project(self, tunewright: Tunewright, tmp_path: Path) -> None:
        out = tmp_path / "demo" / "tunewright.yaml"
        ended = tunewright("init", "--sample", "support_actions", "--out", out)
        assert ended.code == 0, ended.err
        found = {path.name for path in out.parent.iterdir()}
        assert found == {
            "README.md",
            "train.jsonl",
            "dev.jsonl",
            "test.jsonl",
            "actions.schema.json",
            "model",
            "tunewright.yaml",
        }
        project = Project.load(out)
        assert (project.config.task, project.config.model) == ("generate", "./model")
        before = hash_folder(out.parent / "model")
        again = tunewright("init", "--sample", "support_actions", "--out", out, "--force", "--json")
        assert again.json["model"] == "./model"
        assert hash_folder(out.parent / "model") == before
        ended = tunewright("show", out, "-n", "1")
        assert ended.code == 0
        assert "<|assistant|>" in ended.out

    def test_a_model_of_the_persons_own_is_taken(
        self, tunewright: Tunewright, tmp_path: Path, train: Path
    ) -> None:
        tunewright("new-model", "--data", train, *SHAPE, "--out", tmp_path / "mine")
        out = tmp_path / "demo" / "tunewright.yaml"
        arguments = ("init", "--sample", "support_actions", "--out", out)
        ended = tunewright(*arguments, "--model", tmp_path / "mine")
        assert ended.code == 0, ended.err
        assert Project.load(out).config.model == str(tmp_path / "mine")
        assert not (out.parent / "model").exists()

    def test_it_takes_no_other_data(
        self, tunewright: Tunewright, tmp_path: Path, train: Path
    ) -> None:
        ended = tunewright("init", train, "--sample", "support_actions", "--out", tmp_path / "p")
        assert ended.code == 2
        assert "brings its own project" in ended.err
        assert not (tmp_path / "actions.schema.json").exists()
