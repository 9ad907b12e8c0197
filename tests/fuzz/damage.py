"""Ways in which files are damaged: by transfer, by editors, by programs that write them wrongly."""

from __future__ import annotations

from random import Random

TOKENS = (
    b'"', b"'", b"\\", b",", b"\t", b";", b"|", b"\n", b"\r", b"\r\n", b"\x00", b"\xff",
    b"\xfe\xff",
    b"\xef\xbb\xbf", b"{", b"}", b"[", b"]", b":", b"null", b"NaN", b"1e999", b"-0", b"\\ud800",
    b"\xed\xa0\x80", b"\xc3", b"\xe2\x80\xa8", b"\x0b", b"\x0c", b"\x1a", b"\x85", b"[[[[[[[[",
    b'{"text":', b'"text"', b"PAR1", b"ARROW1", b"\x1f\x8b", b"-DOCSTART-", b"B-", b"I-x",
    b"\xf0\x9f",
)  # fmt: skip
"""Bytes that mean something in one format or another."""


def damaged(content: bytes, random: Random) -> bytes:
    """The content with one to three random damages."""
    for _ in range(random.randint(1, 3)):
        content = random.choice(_DAMAGES)(content, random)
    return content


def _place(content: bytes, random: Random) -> int:
    return random.randrange(len(content) + 1)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: _place(content, random)]


def _headless(content: bytes, random: Random) -> bytes:
    return content[_place(content, random) :]


def _drop(content: bytes, random: Random) -> bytes:
    start = _place(content, random)
    return content[:start] + content[start + random.randint(1, 9) :]


def _flip(content: bytes, random: Random) -> bytes:
    if not content:
        return content
    at = random.randrange(len(content))
    return content[:at] + bytes([random.randrange(256)]) + content[at + 1 :]


def _insert(content: bytes, random: Random) -> bytes:
    at = _place(content, random)
    return content[:at] + random.choice(TOKENS) + content[at:]


def _repeat(content: bytes, random: Random) -> bytes:
    start = _place(content, random)
    piece = content[start : start + random.randint(1, 60)]
    return content[:start] + piece * random.randint(2, 4) + content[start:]


def _swap(content: bytes, random: Random) -> bytes:
    a, b = sorted((_place(content, random), _place(content, random)))
    return content[b:] + content[a:b] + content[:a]


def _recode(content: bytes, random: Random) -> bytes:
    encoding = random.choice(("utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig", "utf-7"))
    return content.decode("utf-8", "replace").encode(encoding, "replace")


def _line_ends(content: bytes, random: Random) -> bytes:
    return content.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\x00\n")))


_DAMAGES = (_cut, _headless, _drop, _flip, _insert, _insert, _repeat, _swap, _recode, _line_ends)
