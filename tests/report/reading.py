"""Reads a page back as a tree, strictly: what is opened must be closed in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "wbr"})


@dataclass
class Element:
    """A tag with its attributes and what is inside."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        """What a person reads, with single spaces; no-break spaces count as spaces."""
        return " ".join(self._raw().split())

    def _raw(self) -> str:
        if self.tag in ("title", "desc", "style"):
            return ""
        parts = [c if isinstance(c, str) else c._raw() for c in self.children]
        joined = "".join(parts)
        return f" {joined} " if self.tag not in _INLINE else joined

    def all(self, tag: str = "", cls: str = "") -> list[Element]:
        """Descendants by tag and class, in order."""
        return [e for e in self._walk() if tag in ("", e.tag) and (not cls or cls in e.classes)]

    def one(self, tag: str = "", cls: str = "") -> Element:
        found = self.all(tag, cls)
        assert len(found) == 1, f"{len(found)} of {tag}.{cls} in {self.tag}"
        return found[0]

    def by_id(self, id_: str) -> Element:
        return next(e for e in self._walk() if e.attributes.get("id") == id_)

    def rows(self) -> list[list[str]]:
        """The cells of every table row below, as texts."""
        return [
            [c.text for c in row.children if isinstance(c, Element) and c.tag in ("td", "th")]
            for row in self.all("tr")
        ]

    def _walk(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._walk()


_INLINE = frozenset({"a", "abbr", "bdi", "b", "i", "strong", "wbr"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("#root")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(page: str) -> Element:
    """The page as a tree."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == [reader.root], f"never closed: {[e.tag for e in reader.open[1:]]}"
    return reader.root
