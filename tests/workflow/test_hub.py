"""Data sets on the hub from the command line on, with a double in the place of `datasets`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from tunewright.cli import convert
from tunewright.cli import init as init_command
from tunewright.core.errors import DataError
from tunewright.workflow.check import check_desk
from tunewright.workflow.desk import Desk


class Rows(list[dict[str, Any]]):
    """What a streamed data set looks like."""

    features: dict[str, Any] | None = None
    column_names: list[str] | None = None


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    tags = SimpleNamespace(names=["O", "B-place"], int2str=str)
    rows = Rows(
        {"tokens": ["in", "Oslo", f"w{n}", "or", f"v{n}"], "ner_tags": [0, 1, 0, 0, 0]}
        for n in range(12)
    )
    rows.features = {"ner_tags": SimpleNamespace(feature=tags)}
    module = ModuleType("datasets")
    monkeypatch.setattr(module, "load_dataset", lambda *a, **k: rows, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", module)


NAME = "hub:owner/places:train"


def init(*, allow_network: bool) -> None:
    options = init_command.InitOptions(
        files=[NAME],
        test=None,
        text=[],
        label=None,
        schema=None,
        columns=[],
        model=None,
        sample=None,
        allow_network=allow_network,
    )
    init_command.run(options, Path("tunewright.yaml"), force=False, as_json=True)


def test_the_network_is_not_used_unasked() -> None:
    with pytest.raises(DataError, match="the network may not be used") as caught:
        init(allow_network=False)
    assert "--allow-network" in str(caught.value)
    with pytest.raises(DataError, match="the network may not be used"):
        Desk.open([NAME])
    assert not Path("tunewright.yaml").exists()


def test_a_project_keeps_the_name_and_the_leave() -> None:
    init(allow_network=True)
    written = yaml.safe_load(Path("tunewright.yaml").read_text())
    assert written["data"]["train"] == NAME
    assert written["allow_network"] is True
    found = check_desk(Desk.open([]), out=Path("found"), processes=1)
    assert found.scan.used == {"train": 12}


def test_files_are_checked_and_converted() -> None:
    desk = Desk.open([NAME], allow_network=True)
    assert check_desk(desk, words=[NAME], out=Path("found"), processes=1).scan.rows_read == 12
    convert.run(
        NAME,
        Path("rows.jsonl"),
        to="tokens",
        schema=None,
        columns=None,
        allow_network=True,
        force=False,
        as_json=True,
    )
    first = json.loads(Path("rows.jsonl").read_text().splitlines()[0])
    assert first["ner_tags" if "ner_tags" in first else "tags"] == ["O", "B-place", "O", "O", "O"]
