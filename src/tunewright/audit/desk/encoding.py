"""Characters that nobody meant: wrongly decoded ones, controls, unseen ones, left-over HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from tunewright.audit.base import Finding, Severity
from tunewright.audit.desk.base import DeskRow, Mark, RowCheck, Tally, Told, told_findings
from tunewright.core.units import format_count
from tunewright.data.values import shown

_CP1252 = "".join(
    bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xC0)
)
"""What the later bytes of UTF-8 look like to Windows, and to Latin-1 where it has none."""

_FOLLOWS = re.escape(_CP1252) + "\x80-\x9f"
_BROKEN = re.compile(
    # a first byte of UTF-8 and the bytes that follow it, all read as Latin-1 or Windows-1252
    f"[\u00c2-\u00df][{_FOLLOWS}]|[\u00e0-\u00ef][{_FOLLOWS}][{_FOLLOWS}]"
    # and the commonest pairs as an old Macintosh reads them: '‚Äô' for ’, '√©' for é
    "|\u201a\u00c4[\u00ec-\u00f6\u2122]|\u221a[\u00a9\u00ae\u2020\u00b0\u00b1\u2265\u00df\u00a7]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_UNSEEN = re.compile("[\u00ad\u180e\u200b\u2060-\u2064\ufeff\ufff9-\ufffb]")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
"""Letters beside which marks of direction are at home."""

_ENTITY = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|copy|reg|hellip|mdash|ndash|[lr][sd]quo|eacute|euro|pound"
    r"|#\d{2,5}|#x[0-9a-fA-F]{2,5});"
)
_TAG = re.compile(
    r"</?(?:p|br|div|span|strong|em|ul|ol|li|table|t[rdh]|h[1-6]|font|img|script|style|body|html)"
    r"(?:\s[^<>]{0,300})?/?>|<a\s[^<>]{0,300}>|</a>",
    re.IGNORECASE,
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_MARKUP_IS_MEANT = re.compile(r"\bhtml\b|\bcss\b|<!doctype|\btags?\b|\bxml\b|jsx", re.IGNORECASE)
"""Rows that talk about markup hold it on purpose."""


def is_mojibake(text: str) -> bool:
    """Whether a text holds UTF-8 that was read as another encoding ('cafÃ©' for 'café').

    A quick pattern proposes; ftfy (Speer 2019), which knows what people really write, decides.
    """
    return not text.isascii() and _BROKEN.search(text) is not None and repaired(text) != text


def repaired(text: str) -> str:
    """The text with wrongly decoded characters mended; the same text where none is sure."""
    if text.isascii():
        return text
    from ftfy import fix_encoding

    return str(fix_encoding(text))


def without_entities(text: str) -> str:
    """The text with the characters that HTML entities stand for."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


class Encoding(RowCheck):
    """Mojibake, lost characters, controls, unseen characters, entities and tags of HTML."""

    name: ClassVar[str] = "encoding"

    def look(self, row: DeskRow) -> Iterable[Mark]:
        text = row.text
        if text.isascii():
            odd = not text.replace("\n", "").isprintable() and _CONTROL.search(text)
            if not odd and "&" not in text and "<" not in text:
                return ()
        return self._marks(row)

    def _marks(self, row: DeskRow) -> Iterator[Mark]:
        holds = ("<" in row.text and _TAG.search(row.text)) or (
            "&" in row.text and _ENTITY.search(row.text)
        )
        markup = holds and not _MARKUP_IS_MEANT.search(row.text)
        for piece in row.written:
            text = piece.text
            if not text.isascii():
                for finding, what in _beyond_ascii(text):
                    yield Mark(finding=finding, detail=f"{piece.field}: {what}")
            if found := _CONTROL.search(text):
                yield Mark(
                    finding="control_characters",
                    detail=f"{piece.field}: the character U+{ord(found[0]):04X}",
                )
            if markup:
                for finding, what in _markup(text):
                    yield Mark(finding=finding, detail=f"{piece.field}: {what}")

    def findings(self, tally: Tally) -> list[Finding]:
        told: dict[str, Told] = {
            name: (severity, f"with {what}", consequence, fix, repair)
            for name, severity, what, consequence, fix, repair in _FINDINGS
        }
        return told_findings(tally, told)


_FINDINGS: tuple[tuple[str, Severity, str, str, str, str], ...] = (
    # finding, severity, what, consequence, fix, repair
    (
        "mojibake",
        "warning",
        "text that was decoded wrongly (cafÃ© for café)",
        "the model learns to write such characters, and spends several tokens on each",
        "mend the encoding where the files are made, or let it be mended here",
        "fix_encoding",
    ),
    (
        "replacement_character",
        "warning",
        "the mark of a lost character (U+FFFD)",
        "what stood there cannot be known any more, and the model learns to write the mark",
        "make the files anew from their source; no repair can bring the characters back",
        "",
    ),
    (
        "control_characters",
        "warning",
        "control characters",
        "they are tokens that nobody types and nobody sees",
        "remove them; tabs and line breaks stay",
        "strip_control",
    ),
    (
        "unseen_characters",
        "warning",
        "characters without width, or that turn the direction of writing",
        "equal texts become unequal, words fall into odd tokens, and text can be hidden",
        "remove them",
        "strip_control",
    ),
    (
        "html_entities",
        "info",
        "HTML entities (&amp;) in running text",
        "the model learns to write them where a person reads plain text",
        "unescape them where the files are made",
        "",
    ),
    (
        "html_tags",
        "info",
        "HTML tags outside code, where nothing speaks of markup",
        "the model learns to write tags where a person reads plain text",
        "take the text out of its markup where the files are made",
        "",
    ),
)


def _beyond_ascii(text: str) -> Iterator[tuple[str, str]]:
    if (found := _BROKEN.search(text)) and repaired(text) != text:
        near = text[max(0, found.start() - 8) : found.end() + 8]
        yield "mojibake", f"{shown(near)}, meant is {shown(repaired(near))}"
    if "\ufffd" in text:
        yield "replacement_character", format_count(text.count("\ufffd"), "character")
    if found := _UNSEEN.search(text):
        yield "unseen_characters", f"the character U+{ord(found[0]):04X}"
    elif (found := _DIRECTION.search(text)) and not _RIGHT_TO_LEFT.search(text):
        yield "unseen_characters", f"the mark of direction U+{ord(found[0]):04X}"


def _markup(text: str) -> Iterator[tuple[str, str]]:
    if "&" not in text and "<" not in text:
        return
    running = _CODE.sub(" ", text)
    if found := _ENTITY.search(running):
        yield "html_entities", found[0]
    if found := _TAG.search(running):
        yield "html_tags", shown(found[0])
