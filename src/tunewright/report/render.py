"""`report.html` from `evidence.json` and `verdict.json`, and from nothing else.

The page is one file: styles and drawings are inside it, there are no scripts, and a content
security policy forbids it to load anything. The same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tunewright.core.files import read_json, write_text
from tunewright.report.environment import environment
from tunewright.report.facts import Facts
from tunewright.report.intake import taken_in
from tunewright.report.sections.candidates import candidates_view
from tunewright.report.sections.curve import curve_view
from tunewright.report.sections.data import data_view
from tunewright.report.sections.disagreements import disagreements_view
from tunewright.report.sections.errors import errors_view
from tunewright.report.sections.examples import examples_view
from tunewright.report.sections.failures import failures_view
from tunewright.report.sections.method import method_view
from tunewright.report.sections.search import search_view
from tunewright.report.sections.verdict import badge, source_name, verdict_view
from tunewright.report.sections.words import words_view
from tunewright.study.layout import StudyLayout, reading
from tunewright.workers.base import Context, JobHandler


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: a view of the evidence, and the template that lays it out."""

    anchor: str
    """Also what the template calls the view."""
    name: str
    view: Callable[[Facts], Any]
    template: str


_VERDICT = Section("verdict", "Verdict", verdict_view, "verdict.html.j2")
_CANDIDATES = Section("candidates", "Candidates", candidates_view, "candidates.html.j2")
_CURVE = Section("curve", "More data?", curve_view, "curve.html.j2")
_SEARCH = Section("search", "Search", search_view, "search.html.j2")
_DATA = Section("data", "Data", data_view, "data.html.j2")
_METHOD = Section("method", "Method", method_view, "method.html.j2")
_WORDS = Section("words", "Words", words_view, "words.html.j2")

SECTIONS = (
    _VERDICT,
    _CANDIDATES,
    _CURVE,
    _SEARCH,
    Section("errors", "Errors", errors_view, "errors.html.j2"),
    Section("disagreements", "Disagreements", disagreements_view, "disagreements.html.j2"),
    _DATA,
    _METHOD,
    _WORDS,
)
"""The page about labels, in order."""
TEXT_SECTIONS = (
    _VERDICT,
    _CANDIDATES,
    Section("examples", "Examples", examples_view, "examples.html.j2"),
    Section("failures", "Errors", failures_view, "failures.html.j2"),
    _CURVE,
    _SEARCH,
    _DATA,
    _METHOD,
    _WORDS,
)
"""The page about written answers, in order."""


class RenderReport(JobHandler):
    """Payload: nothing. Reads evidence and verdict, writes the page."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        layout = StudyLayout(context.study)
        with reading(layout.root):
            evidence, verdict = read_json(layout.evidence), read_json(layout.verdict)
        page = render(evidence, verdict)
        write_text(layout.report, page)
        return {"bytes": len(page.encode("utf-8"))}


def render(evidence: dict[str, Any], verdict: dict[str, Any]) -> str:
    """The whole page.

    Args:
        evidence: content of `evidence.json`.
        verdict: content of `verdict.json`.
    """
    found, decided = taken_in(evidence, verdict)
    facts = Facts(evidence=found, verdict=decided)
    sections = TEXT_SECTIONS if facts.writes else SECTIONS
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            {section.anchor: section.view(facts) for section in sections},
            title=f"{badge(facts)['text']} – {source_name(facts)}",
            sections=sections,
            facts=facts,
        )
    )
