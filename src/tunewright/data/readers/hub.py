"""Data sets on the hub, read row by row through the `datasets` library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from tunewright.core.errors import DataError
from tunewright.data.example import Rejected
from tunewright.data.paths import HUB, DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.class_names import Names, named

_NAME = re.compile(
    r"hub:(?P<name>\w[\w.\-]*(?:/\w[\w.\-]*)?)"
    r"(?:(?::(?P<config>[^:\[\]]+))?:(?P<split>[^:\[\]]+(?:\[[^\[\]]*\])?))?"
)
_DEFAULT_SPLIT = "train"


class HubReader(Reader):
    """`hub:owner/name`, `hub:owner/name:split` or `hub:owner/name:config:split`, streamed.

    Whether the network may be used was asked before, by `resolve_paths`. No code of the data set
    is run. Classes that are stored as numbers get their names.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        found = _NAME.fullmatch(file.name)
        if file.layout != HUB or found is None:
            raise self._no_name(file)
        self._name, self._config = found["name"], found["config"]
        self._split = found["split"] or self._only_split()
        self.details |= {"split": self._split}
        rows = self._load(self._split)
        names = getattr(rows, "column_names", None)
        self.columns = tuple(names) if names else None
        self._named = _class_names(getattr(rows, "features", None) or {})

    def records(self) -> Iterator[Record | Rejected]:
        """Every row; see `Reader.records`."""
        row = 0
        rows = iter(self._load(self._split))
        while True:
            try:
                values = next(rows)
            except StopIteration:
                break
            except Exception as problem:
                raise self._refused(problem) from problem
            row += 1
            classes = {
                name: named(value, self._named[name])
                for name, value in values.items()
                if name in self._named
            }
            yield Record(source=self.source(row), values={**values, **classes})
        if row == 0:
            raise self.empty()

    def _only_split(self) -> str:
        """The training split, or the only one there is."""
        splits = self._load(None)
        names = list(splits) if isinstance(splits, Mapping) else [_DEFAULT_SPLIT]
        if _DEFAULT_SPLIT not in names and len(names) != 1:
            raise DataError(
                "the data set has several splits, none of them called 'train'",
                file=self.file.name,
                found=", ".join(map(str, names)),
                expected="the name of one of them",
                fix=f"write 'hub:{self._name}:{names[0] if names else 'SPLIT'}'",
            )
        split = str(_DEFAULT_SPLIT if _DEFAULT_SPLIT in names else names[0])
        if len(names) > 1:
            self.assumptions.append(
                f"the split '{split}' of {self._name} is read, because none was named; there are "
                f"{', '.join(map(str, names))}"
            )
        return split

    def _load(self, split: str | None) -> Any:
        try:
            from datasets import load_dataset

            return load_dataset(self._name, self._config, split=split, streaming=True)
        except Exception as problem:  # whatever a server, a disk or a broken file makes it raise
            raise self._refused(problem) from problem

    def _refused(self, problem: Exception) -> DataError:
        if isinstance(problem, ImportError):
            return DataError(
                "data sets on the hub need the `datasets` library",
                file=self.file.name,
                found=str(problem),
                fix="pip install datasets",
            )
        told = str(problem).strip().splitlines()
        return DataError(
            "the data set cannot be read from the hub",
            file=self.file.name,
            found=f"{type(problem).__name__}: {told[0] if told else ''}",
            expected="`hub:owner/name`, `hub:owner/name:split` or `hub:owner/name:config:split`",
            fix="check the name, the split and the connection; `huggingface-cli login` where it is "
            "private",
        )

    def _no_name(self, file: DataFile) -> DataError:
        from tunewright.data.binary import refuse_pickle
        from tunewright.data.opening import open_bytes

        if file.layout != HUB:
            refuse_pickle(file)
            with open_bytes(file) as stream:
                if not stream.read(1):
                    return self.empty()
        return DataError(
            "this does not name a data set on the hub",
            file=file.name,
            expected="`hub:owner/name`, `hub:owner/name:split` or `hub:owner/name:config:split`",
            fix="write it so, or set `format: auto` to read a file",
        )


def _class_names(features: Mapping[str, Any]) -> Names:
    """The names of classes that are stored as numbers, by column."""
    found = {
        name: _names_of(feature) or _names_of(getattr(feature, "feature", None))
        for name, feature in features.items()
    }
    return {name: names for name, names in found.items() if names is not None}


def _names_of(feature: Any) -> list[str] | None:
    names = getattr(feature, "names", None) if hasattr(feature, "int2str") else None
    return list(names) if names else None
