"""Lines of tokens and tags, with a blank line between sentences: what is what in such a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice

from tunewright.core.units import format_count

SAMPLE_LINES = 5000
MOST_TOKENS = 50_000
"""A longer sentence is no sentence: the blank lines are missing."""

DOCUMENT_START = "-DOCSTART-"

_TAG = re.compile(r"O|[BIESLUM][-_]\S+")
_KEYED = re.compile(r"#\s*(?P<key>[^\s=]+)\s*=(?P<value>.*)", re.DOTALL)
_NUMBERED = re.compile(r"#\s*id\s+(?P<id>\S+)(?P<more>(?:\s+[^\s=]+=\S*)*)\s*")
_NEARLY_ALL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How the lines of a file divide into fields."""

    tabs: bool
    """Whether a tab stands between two fields; else white space does."""

    fields: int

    def split(self, line: str) -> list[str]:
        """The fields of a line."""
        if not self.tabs:
            return line.split()
        fields = line.split("\t")
        return [*fields[:-1], fields[-1].strip()]

    def is_comment(self, line: str) -> bool:
        """Whether a line that begins with '#' is no token: tweets are full of such tokens."""
        if not line.startswith("#"):
            return False
        if self.tabs:
            return "\t" not in line
        return len(line.split()) != self.fields or comment_values(line) is not None


@dataclass(kw_only=True, slots=True)
class Sentence:
    """The lines of one sentence."""

    line: int
    """1-based, of the first token."""

    document: int
    """How many documents have begun so far."""

    rows: list[list[str]] = field(default_factory=list)
    """Fields of each token."""

    comments: list[str] = field(default_factory=list)
    problem: str | None = None
    """What is wrong with it, as a sentence."""

    def add(self, fields: list[str], number: int, layout: Layout) -> None:
        """Take a token in; the first one that does not fit is remembered."""
        if self.problem is not None:
            return
        if len(fields) != layout.fields:
            found = format_count(len(fields), "field")
            self.problem = f"line {number} has {found}, where the file has {layout.fields}"
        elif not all(map(str.strip, fields)):
            self.problem = f"line {number} has an empty field"
        elif len(self.rows) == MOST_TOKENS:
            self.problem = f"the sentence has more than {MOST_TOKENS:,} tokens"
        else:
            self.rows.append(fields)


class Sentences:
    """The sentences of a file, one at a time.

    Args:
        lines: of the file, with or without their line ends.
        layout: how they divide into fields.
    """

    def __init__(self, lines: Iterable[str], layout: Layout) -> None:
        self._lines = lines
        self._layout = layout
        self.passed_over = 0
        """Lines so far that belong to no sentence: marks of documents, blank ones that follow no
        sentence, comments that precede none."""

    def __iter__(self) -> Iterator[Sentence]:
        layout, documents = self._layout, 0
        comments: list[str] = []
        sentence: Sentence | None = None
        for number, ended in enumerate(self._lines, start=1):
            line = ended.rstrip("\n")
            starts = line.startswith(DOCUMENT_START)
            if starts or not line.strip():
                if sentence is not None:
                    yield sentence
                self.passed_over += starts or sentence is None
                self.passed_over += len(comments)
                documents += starts
                sentence, comments = None, []
            elif sentence is None and layout.is_comment(line):
                comments.append(line)
            else:
                if sentence is None:
                    sentence = Sentence(line=number, document=documents, comments=comments)
                    comments = []
                sentence.add(layout.split(line), number, layout)
        if sentence is not None:
            yield sentence
        self.passed_over += len(comments)


def find_layout(lines: Iterable[str]) -> Layout | None:
    """How most of some lines divide; None where no line holds anything."""
    filled = [line for line in lines if line.strip() and not line.startswith(DOCUMENT_START)]
    plain = [line for line in filled if not line.startswith("#")] or filled
    if not plain:
        return None
    tabs = 2 * sum("\t" in line for line in plain) > len(plain)
    divided = (line for line in plain if not tabs or "\t" in line)
    counts = Counter(len(Layout(tabs=tabs, fields=0).split(line.rstrip("\n"))) for line in divided)
    return Layout(tabs=tabs, fields=counts.most_common(1)[0][0])


def looks_tagged(text: str) -> bool:
    """Whether the beginning of a file is tokens with tags, and blank lines between sentences."""
    lines = list(islice(StringIO(text, newline=None), SAMPLE_LINES))
    layout = find_layout(lines)
    if layout is None or layout.fields < 2 or all(line.strip() for line in lines[:-1]):
        return False
    tokens = [
        layout.split(line.rstrip("\n"))
        for line in lines
        if line.strip() and not line.startswith(DOCUMENT_START) and not layout.is_comment(line)
    ]
    tagged = [
        fields[-1]
        for fields in tokens
        if len(fields) == layout.fields and _TAG.fullmatch(fields[-1])
    ]
    return len(tagged) >= _NEARLY_ALL * len(tokens) and any(tag != "O" for tag in tagged)


def comment_values(line: str) -> dict[str, str] | None:
    """The values that a comment names, as `# id = 7` and `# id 7 domain=news`; None where it
    names none."""
    keyed = _KEYED.fullmatch(line)
    if keyed:
        return {keyed["key"]: keyed["value"].strip()}
    numbered = _NUMBERED.fullmatch(line)
    if numbered is None:
        return None
    more = (pair.partition("=") for pair in numbered["more"].split())
    return {"id": numbered["id"], **{name: value for name, _, value in more}}
