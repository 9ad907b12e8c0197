"""Project files and models that cannot be used: what is wrong is named, with its place."""

from __future__ import annotations

import pickle
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said
from tests.models.test_resolve import Canary
from tests.workflow.helpers import change


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
