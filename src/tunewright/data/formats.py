"""Which format a file has: by its name, and by its content where names are often wrong."""

from __future__ import annotations

from io import StringIO

from tunewright.core.errors import DataError
from tunewright.data.bare_lists import is_bare
from tunewright.data.binary import refuse_binary, refuse_pickle
from tunewright.data.config import AUTO_FORMAT
from tunewright.data.dialect import SAMPLE_CHARACTERS, looks_delimited
from tunewright.data.encoding import find_encoding
from tunewright.data.json_text import JsonProblemError, parse_json
from tunewright.data.opening import open_bytes, open_text
from tunewright.data.paths import DataFile
from tunewright.data.readers import READERS
from tunewright.data.readers.base import Reader, ReadOptions
from tunewright.data.readers.conll_lines import looks_tagged

_MAGIC = {
    b"PAR1": ("parquet", "it begins with the mark of a Parquet file"),
    b"ARROW1": ("arrow", "it begins with the mark of an Arrow file"),
    b"\xff\xff\xff\xff": ("arrow", "it begins as an Arrow stream does"),
}
_TAGGED = "its lines are tokens with their tags, and blank lines stand between sentences"
_BY_CONTENT = {"json", "jsonl", "text"}
"""Formats whose suffix is often wrong; all others are taken at their word."""


def open_reader(file: DataFile, format_name: str, options: ReadOptions) -> Reader:
    """A reader for one file.

    Args:
        file: the file to read.
        format_name: a name in `READERS`, or `auto`.
        options: what the person said about the file.

    Raises:
        DataError: when the file cannot be used as a whole.
    """
    found, assumption = _find_format(file, format_name, options)
    reader = READERS.get(found)(file, options)
    reader.details = {"format": found, **reader.details}
    if assumption is not None:
        reader.assumptions.insert(0, assumption)
    return reader


def _find_format(file: DataFile, wanted: str, options: ReadOptions) -> tuple[str, str | None]:
    """The name of the format and, where the file's name does not say it, why."""
    if file.labels is not None:
        if wanted not in (AUTO_FORMAT, "text"):
            raise DataError(
                "two files joined by '+' are read line by line as plain text",
                file=file.name,
                found=f"`format: {wanted}`",
                expected="`format: text` or `format: auto`",
                fix="name one file, or remove `format:`",
            )
        return "text", None
    if file.layout is not None and wanted in (AUTO_FORMAT, file.layout):
        return file.layout, None
    if file.layout is not None:
        raise DataError(
            f"this is read as {file.layout}",
            file=file.name,
            found=f"`format: {wanted}`",
            expected=f"`format: {file.layout}` or `format: auto`",
            fix="name one file, or remove `format:`",
        )
    if wanted != AUTO_FORMAT:
        return wanted, None
    named = _by_suffix(file)
    if named == "tsv" and _is_tagged(file, options):
        return "conll", f"'{file.name}' is read as conll, because {_TAGGED}"
    if named is not None and named not in _BY_CONTENT:
        return named, None
    found, why = _by_content(file, named, options)
    if found == named:
        return found, None
    return found, f"'{file.name}' is read as {found}, because {why}"


def _by_suffix(file: DataFile) -> str | None:
    refuse_pickle(file)
    return next((name for name in READERS if file.suffix in READERS.get(name).suffixes), None)


def _is_tagged(file: DataFile, options: ReadOptions) -> bool:
    """Whether a file with the name of a table holds tokens and tags."""
    refuse_binary(file)
    return looks_tagged(_sample(file, options))


def _sample(file: DataFile, options: ReadOptions) -> str:
    encoding = find_encoding(file, options.encoding)
    with open_text(file, encoding.name, newline="") as stream:
        return stream.read(SAMPLE_CHARACTERS)


def _by_content(file: DataFile, named: str | None, options: ReadOptions) -> tuple[str, str]:
    with open_bytes(file) as stream:
        start = stream.read(max(map(len, _MAGIC)))
    for mark, found in _MAGIC.items():
        if start.startswith(mark):
            return found
    refuse_binary(file)
    text = _sample(file, options)
    lines = [line for line in StringIO(text, newline=None) if line.strip()]
    json_kind = _json_kind(lines, named)
    if json_kind is not None:
        return json_kind
    if looks_tagged(text):
        return "conll", _TAGGED
    if looks_delimited(list(StringIO(text, newline=""))):
        return "csv", "its lines all divide into the same number of fields"
    return "text", "its lines are neither JSON nor rows of fields"


def _json_kind(lines: list[str], named: str | None) -> tuple[str, str] | None:
    """Whether JSON text is one document or one object a line; None when it is no JSON.

    A suffix that says JSON is only overruled by a first line that is complete in itself.
    """
    start = lines[0].lstrip()[:1] if lines else ""
    try:
        first = parse_json(lines[0]) if start in ("{", "[") else None
    except JsonProblemError:
        first = None
    if isinstance(first, dict) and len(lines) > 1 and lines[1].lstrip().startswith("{"):
        return "jsonl", "each of its lines is a JSON object"
    if is_bare(first) and (named == "jsonl" or (len(lines) > 1 and lines[1].startswith("["))):
        return "jsonl", "each of its lines is a list of turns"
    rows_inside = isinstance(first, list) and any(isinstance(row, dict) for row in first)
    if start == "[" and (rows_inside or not isinstance(first, list)):
        return "json", "it is one JSON list"
    if named == "jsonl" and lines and lines[0].strip() in ("{", "["):
        return "json", "its first line opens an object or a list that goes on below"
    if named in ("json", "jsonl"):
        return named, "of its name"
    if start == "{":
        return ("jsonl" if isinstance(first, dict) else "json"), "it begins with a JSON object"
    return None
