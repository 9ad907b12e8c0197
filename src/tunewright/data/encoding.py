"""Which encoding a text file has."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from tunewright.core.errors import DataError
from tunewright.core.units import format_count
from tunewright.data.binary import refuse_nul_bytes
from tunewright.data.opening import open_bytes, open_text
from tunewright.data.paths import DataFile
from tunewright.data.values import BAD_BYTE

_BLOCK = 1 << 20
_SAMPLE_BYTES = 1 << 16

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""UTF-32 first, since its mark begins with that of UTF-16."""

_WESTERN = "cp1252"
_SINGLE_BYTE = [
    *(_WESTERN, "latin_1", "iso8859_15", "mac_roman", "cp437", "cp850", "cp1250", "iso8859_2"),
    *("cp1251", "koi8_r", "cp1253", "cp1254"),
]
_MULTI_BYTE = ["shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]
_NOT_ASCII = re.compile("[^\x00-\x7f]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """A codec that Python knows and, where it was a guess, the sentence that says why."""

    name: str
    assumption: str | None = None


def find_encoding(file: DataFile, wanted: str | None) -> Encoding:
    """The encoding asked for, or else the one that the file's bytes show.

    A byte order mark decides; then strict UTF-8 over the whole file; then, when it holds more
    valid UTF-8 characters than invalid bytes, UTF-8 with damaged rows; then a single-byte guess.

    Raises:
        DataError: when the file cannot be opened, is no text, contradicts `wanted`, or shows no
            encoding that we know.
    """
    with open_bytes(file) as stream:
        start = stream.read(_SAMPLE_BYTES)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "")
    name = marked if wanted is None else _agree(file, wanted, marked)
    if not name.startswith(("utf-16", "utf-32")):
        refuse_nul_bytes(file, start)
    if name:
        return Encoding(name=name)
    if _is_utf8(file):
        return Encoding(name="utf-8")
    return _damaged_utf8(file) or _guess(file)


def _agree(file: DataFile, wanted: str, marked: str) -> str:
    """The wanted encoding, in the form that skips the byte order mark where there is one."""
    if marked and not wanted.startswith(marked.removesuffix("-sig")):
        raise DataError(
            "the file's byte order mark contradicts `encoding:`",
            file=file.name,
            found=f"the mark of {marked.removesuffix('-sig')}",
            expected=wanted,
            fix="remove `encoding:`, then the mark decides",
        )
    return marked or wanted


def _is_utf8(file: DataFile) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes(file) as stream:
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _damaged_utf8(file: DataFile) -> Encoding | None:
    """UTF-8 when more characters of several bytes are valid than single bytes are not."""
    bad = unusual = 0
    with open_text(file, "utf-8", newline="") as stream:
        while block := stream.read(_BLOCK):
            bad += len(BAD_BYTE.findall(block))
            unusual += len(_NOT_ASCII.findall(block))
    if unusual - bad <= bad:
        return None
    return Encoding(
        name="utf-8",
        assumption=f"'{file.name}' is read as UTF-8, because {unusual - bad:,} of its characters "
        f"are valid UTF-8; {format_count(bad, 'byte is', 'bytes are')} not, and the rows that "
        "hold them are rejected",
    )


def _guess(file: DataFile) -> Encoding:
    """The single-byte encoding that reads best; Western European where several read as well."""
    from charset_normalizer import from_bytes

    sample = _lines_beyond_ascii(file)
    matches = list(from_bytes(sample, cp_isolation=_SINGLE_BYTE + _MULTI_BYTE))
    possible = [name for match in matches for name in match.could_be_from_charset]
    if not possible or (possible[0] in _MULTI_BYTE and _WESTERN not in possible):
        likely = f", but it looks like {possible[0]}" if possible else ""
        raise DataError(
            "the file's text encoding cannot be worked out",
            file=file.name,
            found=f"bytes that are not UTF-8{likely}",
            expected="UTF-8, or UTF-16 with a byte order mark",
            fix=f"set `encoding: {possible[0] if possible else 'NAME'}` if you know that it is, "
            "or save the file as UTF-8",
        )
    name = _WESTERN if _WESTERN in possible else possible[0]
    return Encoding(
        name=name,
        assumption=f"'{file.name}' is read as {name}, because it is not valid UTF-8 and its bytes "
        "look most like that; set `encoding:` if accented letters come out wrong",
    )


def _lines_beyond_ascii(file: DataFile) -> bytes:
    """The first lines that hold a byte above 127: the others look alike in every encoding."""
    sample = bytearray()
    with open_bytes(file) as stream:
        while len(sample) < _SAMPLE_BYTES and (line := stream.readline(_SAMPLE_BYTES)):
            if not line.isascii():
                sample += line
    return bytes(sample)
