"""Plain text: one item a line, its label or translation on the same line of a second file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import ClassVar

from tunewright.core.errors import DataError
from tunewright.data.example import Rejected
from tunewright.data.opening import open_text
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record

TEXT_COLUMN = "text"
LABEL_COLUMN = "label"
_SAMPLE_CHARACTERS = 1 << 20


class TextReader(Reader):
    """Lines of text, each one a row; a blank line is a row too, so that the files stay aligned.

    A line feed ends a line, alone or after a carriage return; a carriage return does only in a
    file that has no line feed at its beginning, as old Macintosh files are."""

    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".text")

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        self._encoding = self.find_encoding(file)
        labels = file.labels
        self._line_end = self._find_line_end(file, self._encoding)
        self._label_encoding = "" if labels is None else self.find_encoding(labels)
        self._label_end = (
            "" if labels is None else self._find_line_end(labels, self._label_encoding)
        )
        self.details["encoding"] = self._encoding
        self.columns = (TEXT_COLUMN,) if labels is None else _columns_of(file, labels)
        if labels is not None:
            self.details |= {"labels": labels.name, "label_encoding": self._label_encoding}

    def records(self) -> Iterator[Record | Rejected]:
        """Every line, with its label where there is a label file; see `Reader.records`."""
        labels = self.file.labels
        rows = self._texts() if labels is None else self._pairs(labels)
        row = 0
        for row, values in enumerate(rows, start=1):
            yield Record(source=self.source(row, row), values=values)
        if row == 0:
            raise self.empty()

    def _find_line_end(self, file: DataFile, encoding: str) -> str:
        """A carriage return where there is no line feed; what is unusual is noted."""
        with open_text(file, encoding, newline="") as stream:
            start = stream.read(_SAMPLE_CHARACTERS)
        if "\n" in start or "\r" not in start.rstrip("\r"):
            return "\n"
        self.assumptions.append(
            f"the lines of '{file.name}' end with a carriage return, because it has no line feed"
        )
        return "\r"

    def _texts(self) -> Iterator[dict[str, str]]:
        for text in _lines(self.file, self._encoding, self._line_end):
            yield {TEXT_COLUMN: text}

    def _pairs(self, labels: DataFile) -> Iterator[dict[str, str]]:
        texts_read = labels_read = 0
        pairs = zip_longest(
            _lines(self.file, self._encoding, self._line_end),
            _lines(labels, self._label_encoding, self._label_end),
        )
        for text, label in pairs:
            texts_read += text is not None
            labels_read += label is not None
            if text is not None and label is not None:
                yield dict(zip(self.columns or (), (text, label), strict=True))
        if texts_read != labels_read:
            raise DataError(
                "the text file and the label file have different numbers of lines",
                file=self.file.name,
                found=f"{texts_read:,} lines in '{self.file.name}', "
                f"{labels_read:,} lines in '{labels.name}'",
                expected="line n of one file to belong to line n of the other",
                fix="find the line that is missing or too many, for instance a blank last line",
            )


def _columns_of(texts: DataFile, others: DataFile) -> tuple[str, str]:
    """What two files side by side hold: two languages where their names say so (`a.en+a.de`,
    `train.src+train.tgt`, `source.txt+target.txt`), a text and its label otherwise."""
    from tunewright.data.schemas.parallel import sides_of

    return sides_of(texts.path.name, others.path.name) or (TEXT_COLUMN, LABEL_COLUMN)


def _lines(file: DataFile, encoding: str, line_end: str) -> Iterator[str]:
    """The lines of a file without their line ends."""
    with open_text(file, encoding, newline=line_end) as stream:
        for line in stream:
            yield line.removesuffix("\n").removesuffix("\r")
