"""The templates with what all pages share: filters, glossary, style sheet."""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tunewright.report import words
from tunewright.report.glossary import TERMS

_FILTERS = (
    "breakable",
    "capital",
    "compact",
    "count",
    "duration",
    "number",
    "p_value",
    "percent",
    "plural",
    "points",
    "prose",
    "rate",
    "short",
    "signed",
    "signed_points",
    "size",
    "spaced",
)


@cache
def environment() -> Environment:
    """Templates with escaping on and undefined names as errors."""
    environment = Environment(
        loader=PackageLoader("tunewright.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in _FILTERS:
        environment.filters[name] = getattr(words, name)
    environment.globals["TERMS"] = TERMS
    environment.globals["anchors"] = {key: f"word-{key.replace(' ', '-')}" for key in TERMS}
    # The style sheet is ours: nothing of a person's data is in it.
    environment.globals["style"] = Markup(_style_sheet())
    return environment


def _style_sheet() -> str:
    folder = resources.files("tunewright.report") / "templates"
    return (folder / "style.css").read_text(encoding="utf-8")
