"""The text of an HTML page as a reader would see it, with its title."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_UNSEEN = {"script", "style", "template", "head", "svg", "math", "iframe", "object", "noscript"}
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "dialog"),
    *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr"),
    *("html", "li", "main", "nav", "ol", "option", "p", "pre", "section", "select", "summary"),
    *("table", "tbody", "textarea", "tfoot", "thead", "tr", "ul"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ul", "ol"}
_SPACE = re.compile(r"[ \t\n\r\f]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def html_text(page: str) -> tuple[str | None, str]:
    """Title (None where there is none) and text of a page.

    Scripts, styles and the like are left out; blocks stand on lines of their own, paragraphs,
    headings, lists and tables with a blank line around them; cells of a table are divided by tabs.
    """
    parser = _Text()
    parser.feed(page)
    parser.close()
    return parser.title(), parser.text()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._unseen: list[str] = []
        self._pre = 0
        self._titles: dict[str, list[str]] = {}
        self._title: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._unseen.clear()  # a head that was never closed ends here
        if tag in _UNSEEN:
            self._unseen.append(tag)
        if tag in ("title", "h1") and tag not in self._titles and "svg" not in self._unseen:
            self._title = tag
            self._titles[tag] = []
        self._break(tag)
        if tag == "pre":
            self._pre += 1
        elif tag == "br":
            self._parts.append("\n")
        elif tag in ("td", "th") and self._parts and not self._parts[-1].endswith("\n"):
            self._parts.append("\t")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            return  # `<script/>` has no content, and no end
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
        if tag == self._title:
            self._title = None
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._title is not None:
            self._titles[self._title].append(data)
        if self._unseen or self._title == "title":
            return
        if self._pre:
            self._parts.append(data)
            return
        text = _SPACE.sub(" ", data)
        if not self._parts or self._parts[-1].endswith(("\n", "\t", " ")):
            text = text.removeprefix(" ")
        if text:
            self._parts.append(text)

    def _break(self, tag: str) -> None:
        if self._unseen or tag not in _BLOCKS or not self._parts:
            return
        self._parts[-1] = self._parts[-1].rstrip(" ") if not self._pre else self._parts[-1]
        if tag in _PARAGRAPHS:
            self._parts.append("\n\n")
        elif not self._parts[-1].endswith("\n"):
            self._parts.append("\n")

    def title(self) -> str | None:
        """Of the page, or of its first heading."""
        for name in ("title", "h1"):
            title = _SPACE.sub(" ", "".join(self._titles.get(name, []))).strip()
            if title:
                return title
        return None

    def text(self) -> str:
        """All that was seen so far."""
        return _BLANK_LINES.sub("\n\n", "".join(self._parts)).strip("\n ")
