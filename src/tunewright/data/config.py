"""The `data:` part of a project: where the rows are, which column is what, how they are split."""

from __future__ import annotations

import codecs
from typing import ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from tunewright.core.config import Config
from tunewright.core.errors import nearest
from tunewright.data.mix_config import MixConfig
from tunewright.data.readers import READERS
from tunewright.data.schemas import SCHEMAS

AUTO_FORMAT = "auto"
CLASSIFICATION = "classification"
"""The row schema of texts and labels."""

_ABSENT = "\x00"
"""Stands for a key that the file does not have, which only classification requires."""

_DELIMITER_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


class DataConfig(Config):
    """Where the data is and how it is to be read and split."""

    aliases: ClassVar[dict[str, str]] = {
        "dataset": "train",
        "datasets": "train",
        "dataset_path": "train",
        "data_path": "train",
        "train_data": "train",
        "train_dataframe": "train",
        "train_dataset": "train",
        "train_file": "train",
        "train_files": "train",
        "test_data": "test",
        "test_dataframe": "test",
        "test_dataset": "test",
        "test_file": "test",
        "test_files": "test",
        "eval_dataset": "dev",
        "eval_file": "dev",
        "val": "dev",
        "val_dataset": "dev",
        "val_file": "dev",
        "valid": "dev",
        "validation": "dev",
        "validation_dataframe": "dev",
        "validation_dataset": "dev",
        "validation_file": "dev",
        "dataset_text_field": "text",
        "input_column": "text",
        "input_feature": "text",
        "input_features": "text",
        "prompt_column": "text",
        "text_column": "text",
        "text_column_names": "text",
        "text_columns": "text",
        "text_field": "text",
        "answer_column": "label",
        "label_column": "label",
        "label_column_name": "label",
        "label_field": "label",
        "output_column": "label",
        "output_feature": "label",
        "target": "label",
        "target_column": "label",
        "group_by": "group",
        "group_column": "group",
        "slice_columns": "slices",
        "dataset_format": "format",
        "split_method": "split_by",
        "split_strategy": "split_by",
        "mixture": "mix",
        "column_mapping": "columns",
        "dataset_type": "row_schema",
        "formatting": "row_schema",
        "schema": "row_schema",
        "time_column": "time",
        "file_format": "format",
        "file_encoding": "encoding",
        "sep": "delimiter",
        "separator": "delimiter",
        "has_header": "header",
        "test_fraction": "test_size",
        "test_split": "test_size",
        "split_dataset_ratio": "dev_size",
        "val_set_size": "dev_size",
        "val_size": "dev_size",
        "val_split_fraction": "dev_size",
        "validation_size": "dev_size",
        "validation_split": "dev_size",
        "cv_folds": "folds",
        "k_folds": "folds",
        "n_folds": "folds",
        "num_folds": "folds",
    }

    train: str | list[str]
    """File or files with the training rows. `train.csv#500` draws 500 rows, `data/*.csv` takes all
    that match, `texts.txt+labels.txt` pairs two files line by line."""

    test: str | list[str] | None = None
    """File or files that are kept sealed until the end; without it a part of `train` is."""

    dev: str | list[str] | None = None
    """File or files on which choices are made; without it a part of `train` is."""

    row_schema: str = CLASSIFICATION
    """How a row is laid out: `classification` (a text and a label), `alpaca`, `sharegpt`,
    `messages`, `prompt_completion`, ... (docs/schemas.md lists them)."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Field of the row schema to the column that holds it, where the names differ. For
    `classification` say `text:` and `label:` instead."""

    text: str | list[str] = _ABSENT
    """The column that holds the text; several are joined by the task."""

    label: str = _ABSENT
    """The column that holds the answer to be predicted."""

    group: str | None = None
    """A column whose equal values belong together (customer, thread, patient): they are never
    divided between train and test."""

    time: str | None = None
    """A column with dates or times; with `split_by: time` the test rows are the latest."""

    split_by: Literal["stratified", "random", "group", "time"] = "stratified"
    """How rows are chosen for test and dev: `stratified` (every label in its share), `random`,
    `group` (whole groups of the `group` column, every label in about its share), or `time` (the
    latest rows are the test set, those before them dev). Equal texts and equal values of a `group`
    column are never divided, whatever it says."""

    mix: MixConfig | None = None
    """Draw the training rows from the files of `train`, each one a data set, in other shares than
    they have. Dev and test are not drawn from."""

    slices: list[str] = Field(default_factory=list)
    """Columns by whose values the results are also shown one by one."""

    format: str = AUTO_FORMAT
    """`auto`, `csv`, `tsv`, `json`, `jsonl`, `parquet`, `arrow`, `conll`, `text`, or what a folder
    holds: `documents`, `beir`, `trec`."""

    encoding: str | None = None
    """Text encoding, as `utf-8` or `cp1252`; worked out from each file when not given."""

    delimiter: str | None = None
    """The character between two fields of a CSV file; worked out when not given."""

    header: bool | None = None
    """Whether a CSV file's first row names its columns. Without a header the columns are called
    `column_1`, `column_2`, ...; when not given, naming such a column says that there is none."""

    test_size: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows kept as test set when `test` is not given."""

    dev_size: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows on which choices are made when `dev` is not given (200 to 2,000 rows). The
    final models learn from them too, so a large share costs nothing in the end."""

    folds: int = Field(default=5, ge=2)
    """Number of folds where data is too scarce for a dev set."""

    max_rows: int = Field(default=200_000, ge=1)
    """More rows than this in one split are refused: the program holds them in memory."""

    on_leak: Literal["drop_from_train", "keep"] = "drop_from_train"
    """What to do with a training row that also stands in the test set."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The text columns, also when there is one; none where the schema has no such thing."""
        if not self.text:
            return ()
        return (self.text,) if isinstance(self.text, str) else tuple(self.text)

    @field_validator("row_schema")
    @classmethod
    def _known_schema(cls, value: str) -> str:
        if value not in SCHEMAS:
            near = nearest(value.lower().replace("-", "_"), SCHEMAS.names())
            hint = f"did you mean '{near}'?" if near else f"there are {', '.join(SCHEMAS.names())}"
            raise ValueError(f"there is no row schema called '{value}'|{hint}")
        return value

    @field_validator("text", "label", mode="before")
    @classmethod
    def _named_for_classification(cls, value: object, info: ValidationInfo) -> object:
        if value != _ABSENT:
            return value
        if info.data.get("row_schema", CLASSIFICATION) == CLASSIFICATION:
            raise PydanticCustomError("missing", "Field required")
        return ""

    @field_validator("train", "test", "dev")
    @classmethod
    def _not_empty(cls, value: str | list[str] | None) -> str | list[str] | None:
        if value is not None and (not value or not all(value)):
            raise ValueError("the value is empty|give a name, or remove the line")
        return value

    @field_validator("text")
    @classmethod
    def _text_not_empty(cls, value: str | list[str], info: ValidationInfo) -> str | list[str]:
        if info.data.get("row_schema", CLASSIFICATION) == CLASSIFICATION:
            cls._not_empty(value)
        return value

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        known = [AUTO_FORMAT, *READERS.names()]
        if value not in known:
            near = nearest(value.lower().lstrip("."), known)
            hint = f"did you mean '{near}'?" if near else f"the formats are {', '.join(known)}"
            raise ValueError(f"there is no data format called '{value}'|{hint}")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            "".encode(value)
            return codecs.lookup(value).name
        except (LookupError, UnicodeError, ValueError) as problem:
            raise ValueError(
                f"there is no text encoding called '{value}'"
                "|common ones are utf-8, utf-16, cp1252 and latin-1; leave it out to let us find it"
            ) from problem

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is None:
            return None
        delimiter = _DELIMITER_WORDS.get(value, value)
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise ValueError(
                f"a delimiter is one character, and no quote|{value!r} is not; "
                "write ',' or ';' or '|' or 'tab'"
            )
        return delimiter

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        named = [*self.text_columns, self.label, self.group, self.time, *self.columns.values()]
        named = [name for name in named if name]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f"the column '{twice}' is named for two purposes"
                "|text, label and group must be different columns"
            )
        if self.test_size + self.dev_size >= 1:
            raise ValueError(
                "test_size and dev_size together leave nothing to train on"
                "|make their sum smaller than 1"
            )
        return self

    @model_validator(mode="after")
    def _split_has_column(self) -> Self:
        for name, column in (("group", self.group), ("time", self.time)):
            if self.split_by == name and column is None:
                raise ValueError(
                    f"`split_by: {name}` needs the column that says so|add `{name}:` with its name"
                )
        return self

    @model_validator(mode="after")
    def _mix_fits(self) -> Self:
        if self.mix is None:
            return self
        if isinstance(self.train, str) or len(self.train) < 2:
            raise ValueError(
                "a mixture needs several data sets|list them under `train:`, or remove `mix:`"
            )
        weights = self.mix.weights
        if weights is not None and len(weights) != len(self.train):
            raise ValueError(
                f"there are {len(weights)} weights for {len(self.train)} data sets"
                "|give one weight for each entry of `train:`"
            )
        return self
