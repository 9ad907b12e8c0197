"""`report.html` from `evidence.json` and `verdict.json`, and from nothing else.

The page is one file: styles and drawings are inside it, there are no scripts, and a content
security policy forbids it to load anything. The same input gives the same bytes.
"""

from __future__ import annotations

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
from tunewright.report.sections.method import method_view
from tunewright.report.sections.search import search_view
from tunewright.report.sections.verdict import badge, source_name, verdict_view
from tunewright.study.layout import StudyLayout, reading
from tunewright.workers.base import Context, JobHandler

SECTIONS = (
    ("verdict", "Verdict"),
    ("candidates", "Candidates"),
    ("curve", "More data?"),
    ("search", "Search"),
    ("errors", "Errors"),
    ("disagreements", "Disagreements"),
    ("data", "Data"),
    ("method", "Method"),
    ("words", "Words"),
)
"""Anchor and name of each section, in order."""


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
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=f"{badge(facts)['text']} – {source_name(facts)}",
            sections=SECTIONS,
            facts=facts,
            verdict=verdict_view(facts),
            candidates=candidates_view(facts),
            curve=curve_view(facts),
            search=search_view(facts),
            errors=errors_view(facts),
            disagreements=disagreements_view(facts),
            data=data_view(facts),
            method=method_view(facts),
        )
    )
