"""Turns Vega's SVG into one that can stand inside the page.

Colours become style-sheet variables, ids are renamed so that no two drawings share one and the
bytes are the same every time, what Vega writes for its own use is dropped, and the drawing gets a
title and a description for those who cannot see it.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markupsafe import Markup

from tunewright.report.charts.palette import NAMES

_DROPPED = frozenset(
    {
        "aria-hidden",
        "aria-label",
        "aria-roledescription",
        "class",
        "font-family",
        "pointer-events",
        "role",
        "stroke-miterlimit",
        "version",
    }
)
_COLOURED = ("fill", "stroke")
_IDS = re.compile(r"url\(#([^)]+)\)")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def inline(drawing: str, *, name: str, title: str, description: str) -> Markup:
    """The drawing as an `<svg>` element for the page.

    Args:
        drawing: what vl-convert returned.
        name: unique on the page; prefix of every id.
        title: a few words.
        description: what a person sees in it, in a sentence or two.
    """
    root = ElementTree.fromstring(drawing)
    _strip(root)
    _rename_ids(root, name)
    root.set("class", f"drawing {name}")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for tag, text in (("desc", description), ("title", title)):
        child = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        child.text = text
        root.insert(0, child)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _strip(root: ElementTree.Element) -> None:
    """Drop name spaces, Vega's own attributes and invisible paths; rename colours."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for key in list(element.attrib):
            if key in _DROPPED or key.startswith("{"):
                del element.attrib[key]
        if element.get("opacity") == "1":
            del element.attrib["opacity"]
        for key in _COLOURED:
            variable = NAMES.get(element.get(key, "").lower())
            if variable is not None:
                element.set(key, f"var(--{variable})")
        for key in ("d", "transform"):
            if key in element.attrib:
                element.set(key, _LONG_NUMBER.sub(_rounded, element.attrib[key]))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == "path" and parent.tag != "clipPath" and _invisible(child):
                parent.remove(child)
    _drop_empty_groups(root)


def _invisible(path: ElementTree.Element) -> bool:
    """Vega's outermost group has no fill, so what names no colour has none."""
    return path.get("display") == "none" or all(
        path.get(key, "none") == "none" for key in _COLOURED
    )


def _drop_empty_groups(element: ElementTree.Element) -> None:
    for child in list(element):
        _drop_empty_groups(child)
        if child.tag == "g" and len(child) == 0:
            element.remove(child)


def _rename_ids(root: ElementTree.Element, name: str) -> None:
    """`clip17` becomes `name-1`: Vega counts on from drawing to drawing."""
    new: dict[str, str] = {}
    for element in root.iter():
        if "id" in element.attrib:
            new[element.attrib["id"]] = f"{name}-{len(new) + 1}"
            element.set("id", new[element.attrib["id"]])
    for element in root.iter():
        for key, value in element.attrib.items():
            found = _IDS.fullmatch(value)
            if found:
                element.set(key, f"url(#{new[found.group(1)]})")


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")
