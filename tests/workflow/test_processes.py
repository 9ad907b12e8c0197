"""`processes` and `sharding` of a run: what is refused before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.core.errors import ConfigError
from tunewright.workflow.project import Project


def _project(folder: Path, task: str, more: str = "") -> Project:
    data = "row_schema: prompt_completion" if task == "generate" else "text: text, label: label"
    text = f"task: {task}\ndata: {{train: rows.jsonl, {data}}}\nmodel: model\n{more}"
    (folder / "tunewright.yaml").write_text(text)
    return Project.load(folder)


def test_a_classifier_is_trained_in_one_process(tmp_path: Path) -> None:
    for project, asked in (
        (_project(tmp_path, "classify"), {"processes": 2}),
        (_project(tmp_path, "classify", "processes: 3\n"), {}),
    ):
        with pytest.raises(ConfigError, match="is trained in one process") as caught:
            project.run(**asked)  # type: ignore[arg-type]
        assert caught.value.field == "processes"
    assert not (tmp_path / "study").exists()


def test_weights_are_divided_among_several_processes_only(tmp_path: Path) -> None:
    project = _project(tmp_path, "generate", "sharding: full\n")
    with pytest.raises(ConfigError, match="only be divided among several"):
        project.run()
    with pytest.raises(ConfigError, match="sharding"):
        project.run(processes=2, sharding="half")
    with pytest.raises(ConfigError, match="processes"):
        project.run(processes=0)
