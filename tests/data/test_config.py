from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tunewright.core.config import YamlDocument, validate
from tunewright.core.errors import ConfigError
from tunewright.data.config import DataConfig

MINIMAL = "train: train.csv\ntext: text\nlabel: label\n"


def config(**values: Any) -> DataConfig:
    return DataConfig(**{"train": "train.csv", "text": "text", "label": "label", **values})


def refused(yaml: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        validate(DataConfig, YamlDocument.parse(yaml))
    return caught.value


def test_three_lines_are_enough() -> None:
    minimal = validate(DataConfig, YamlDocument.parse(MINIMAL))
    assert (minimal.test, minimal.dev, minimal.group, minimal.slices) == (None, None, None, [])
    assert (minimal.test_size, minimal.dev_size, minimal.folds) == (0.2, 0.2, 5)
    assert (minimal.max_rows, minimal.on_leak, minimal.format) == (
        200_000,
        "drop_from_train",
        "auto",
    )


def test_every_field_is_documented() -> None:
    undocumented = [
        name for name, field in DataConfig.model_fields.items() if not field.description
    ]
    assert undocumented == []


def test_every_alias_leads_to_a_field_and_hides_none() -> None:
    assert set(DataConfig.aliases.values()) <= set(DataConfig.model_fields)
    assert not set(DataConfig.aliases) & set(DataConfig.model_fields)


def test_names_of_other_frameworks_are_understood_and_said() -> None:
    notices: list[str] = []
    yaml = "train_file: a.csv\ntext_column: q\ntarget: y\nval_size: 0.3\n"
    understood = validate(DataConfig, YamlDocument.parse(yaml), notices)
    assert understood == config(train="a.csv", text="q", label="y", dev_size=0.3)
    assert "using dev_size (from val_size)" in notices


def test_a_limit_that_means_something_else_is_no_alias() -> None:
    assert "max_samples" in str(refused(MINIMAL + "max_samples: 100\n"))


def test_text_columns_are_always_a_tuple() -> None:
    assert config(text="a").text_columns == ("a",)
    assert config(text=["a", "b"]).text_columns == ("a", "b")


@pytest.mark.parametrize(
    ("written", "meant"), [("tab", "\t"), ("\\t", "\t"), ("\t", "\t"), (";", ";"), ("comma", ",")]
)
def test_delimiters_can_be_written_as_words(written: str, meant: str) -> None:
    assert config(delimiter=written).delimiter == meant


def test_encodings_have_one_spelling() -> None:
    assert config(encoding="UTF8").encoding == "utf-8"
    assert config(encoding="Windows-1252").encoding == "cp1252"


@pytest.mark.parametrize(
    ("line", "field", "message", "fix"),
    [
        ("format: cvs", "format", "no data format called 'cvs'", "did you mean 'csv'?"),
        ("format: .jsonl", "format", "no data format called '.jsonl'", "did you mean 'jsonl'?"),
        ("format: q", "format", "no data format", "the formats are auto, csv, tsv"),
        ("encoding: uft-9", "encoding", "no text encoding called 'uft-9'", "utf-8"),
        ("encoding: base64", "encoding", "no text encoding called 'base64'", "utf-8"),
        ("delimiter: ',,'", "delimiter", "one character", "',,' is not"),
        ("delimiter: '\"'", "delimiter", "one character", "write ','"),
        ("test_size: 1.5", "test_size", "less than 1", None),
        ("folds: 1", "folds", "greater than or equal to 2", None),
        ("max_rows: 0", "max_rows", "greater than or equal to 1", None),
        ("on_leak: ignore", "on_leak", "'drop_from_train' or 'keep'", None),
        ("test: ''", "test", "empty", "remove the line"),
        ("slicess: [a]", "slicess", "unknown key 'slicess'", "did you mean 'slices'?"),
    ],
)
def test_a_wrong_value_names_field_line_and_fix(
    line: str, field: str, message: str, fix: str | None
) -> None:
    error = refused(MINIMAL + line + "\n")
    assert (error.field, error.row) == (field, 4)
    assert message in error.what
    assert fix is None or fix in str(error.fix)


def test_one_column_cannot_be_text_and_label() -> None:
    error = refused("train: a.csv\ntext: x\nlabel: x\n")
    assert "the column 'x' is named for two purposes" in error.what
    assert "different columns" in str(error.fix)


def test_something_must_be_left_to_train_on() -> None:
    error = refused(MINIMAL + "test_size: 0.6\ndev_size: 0.4\n")
    assert "leave nothing to train on" in error.what


def test_it_is_frozen() -> None:
    with pytest.raises(ValidationError):
        config().label = "other"  # type: ignore[misc]
