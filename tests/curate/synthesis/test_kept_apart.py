"""Rows that a model wrote are learned from and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import DataError
from tunewright.data.dataset import Dataset, load_dataset
from tunewright.data.prepare import PrepareData
from tunewright.data.synthetic import is_synthetic
from tunewright.workers.base import Context


def write(path: Path, count: int, *, made: bool, prefix: str) -> str:
    rows = [
        {
            "text": f"{prefix} number {n}",
            "label": f"label {n % 2}",
            **({"_synthetic": True} if made else {}),
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path.name


def prepare(folder: Path, **data: Any) -> dict[str, Any]:
    payload = {"data": {"text": "text", "label": "label", **data}, "folder": folder, "seed": 3}
    return PrepareData().run(Context(folder / "study", lambda event: None), payload)


def dataset(folder: Path) -> Dataset:
    return load_dataset(folder / "study" / "data")


def made(part: Any) -> set[int]:
    return {n for n, source in enumerate(part.sources) if source.file.startswith("made")}


@pytest.mark.parametrize("count", [1000, 120], ids=["dev", "folds"])
def test_no_synthetic_row_is_tested_or_chosen_on(tmp_path: Path, count: int) -> None:
    real = write(tmp_path / "real.jsonl", count, made=False, prefix="a message with the")
    new = write(tmp_path / "made.jsonl", count, made=True, prefix="something else of the")
    found = prepare(tmp_path, train=[real, new])
    data = dataset(tmp_path)
    assert found["test"] > 0
    assert not made(data.test)
    assert made(data.fit) and len(made(data.fit)) == count, "all of them are learned from"
    assert data.uses_folds == (count == 120)
    for _, fitted, scored in data.holdouts:
        assert not made(data.fit) & set(scored.tolist())
        assert made(data.fit) <= set(fitted.tolist())
    rows = count + count - found["test"]
    assert found["synthetic"] == {"rows": count, "share": count / rows}
    alone = tmp_path / "alone"
    alone.mkdir()
    (tmp_path / real).rename(alone / real)
    assert prepare(alone, train=real)["test"] == found["test"], "the split is that of real rows"


@pytest.mark.parametrize("split", ["test", "dev"])
def test_a_file_of_synthetic_rows_is_refused(tmp_path: Path, split: str) -> None:
    real = write(tmp_path / "real.jsonl", 100, made=False, prefix="a message with the")
    new = write(tmp_path / "made.jsonl", 40, made=True, prefix="something else of the")
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, **{"train": real, split: new})
    assert f"the {split} file holds rows that a model has written" in caught.value.what
    assert (caught.value.file, caught.value.row, caught.value.field) == (new, 1, "_synthetic")


def test_training_rows_of_a_model_alone_give_no_test_set(tmp_path: Path) -> None:
    new = write(tmp_path / "made.jsonl", 100, made=True, prefix="something else of the")
    with pytest.raises(DataError, match="no row of people's"):
        prepare(tmp_path, train=new)


def test_a_copy_of_a_real_row_is_not_learned_from(tmp_path: Path) -> None:
    """It would stand in train while its twin is in dev or in a scored fold."""
    real = write(tmp_path / "real.jsonl", 120, made=False, prefix="a message with the")
    new = write(tmp_path / "made.jsonl", 30, made=True, prefix="A message, with the")
    found = prepare(tmp_path, train=[real, new])
    assert found["rejected"] == {"synthetic_copy": 30}
    assert found["synthetic"]["rows"] == 0
    assert found["rows_read"] == 150 == found["train"] + found["test"] + 30


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_the_mark_is_read_in_every_format(tmp_path: Path, kind: str) -> None:
    real = write(tmp_path / "real.jsonl", 200, made=False, prefix="a message with the")
    columns = {
        "text": [f"something else of number {n}" for n in range(20)],
        "label": [f"label {n % 2}" for n in range(20)],
        "_synthetic": [True] * 20,
    }
    path = tmp_path / f"made.{kind}"
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(columns), path)
    elif kind == "json":
        keys = list(columns)
        rows = zip(*columns.values(), strict=True)
        path.write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    else:
        rows = zip(*columns.values(), strict=True)
        lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    found = prepare(tmp_path, train=[real, path.name])
    assert found["synthetic"]["rows"] == 20


@pytest.mark.parametrize("value", [True, "true", "True", 1, "1", "yes"])
def test_what_counts_as_the_mark(value: object) -> None:
    assert is_synthetic({"_synthetic": value})


@pytest.mark.parametrize("value", [False, None, "false", "", 0, "no"])
def test_what_does_not(value: object) -> None:
    assert not is_synthetic({"_synthetic": value})
    assert not is_synthetic({"text": "true"})


def test_a_file_with_synthetic_rows_is_not_divided(tmp_path: Path) -> None:
    from tunewright.curate.split import SplitJob, split_file
    from tunewright.data.config import DataConfig

    name = write(tmp_path / "made.jsonl", 50, made=True, prefix="something else of the")
    config = DataConfig(train=name, text="text", label="label")
    with pytest.raises(DataError, match="written by a model"):
        split_file(SplitJob(config=config, folder=tmp_path, out=tmp_path / "parts"))
    assert not (tmp_path / "parts").exists()


def test_the_share_is_in_the_report() -> None:
    from tests.report.pages import STUDIES
    from tunewright.report.render import render

    evidence, verdict = next(iter(STUDIES.values())).build()
    assert "Written by a model" not in render(evidence, verdict)
    evidence["data"]["synthetic"] = {"rows": 125, "share": 0.25}
    page = render(evidence, verdict).replace("\u00a0", " ")
    assert "Written by a model: 125 rows (25.0 % of those learned from)" in page


def test_the_share_is_in_the_evidence(finished_project: Path) -> None:
    found = json.loads((finished_project.parent / "study" / "evidence.json").read_text())
    assert found["data"]["synthetic"] == {"rows": 0, "share": 0.0}
