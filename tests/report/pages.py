"""The studies that the tests draw, each drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.report.builder import Study
from tests.report.reading import Element, read
from tunewright.report.render import render

HOSTILE = (
    "<script>alert(1)</script> & \"double\" 'single' </style></title><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %} ${7 * 7} <!-- --> ]]> &lt;b&gt;",
    "one line\nanother\tline\u2028and \x00 \x1b control \ufffe characters",
    "javascript:alert(1) https://example.com/?a=1&b=2",
)
HOSTILE_LABELS = ['<script>alert("x")</script>', "a&b", "</style>\"'", "{{ label }}", "`tick`"]
LONG = ["word " * 4_000, "x" * 20_000, "a short one"]
RIGHT_TO_LEFT = [
    "مرحبا، أريد استرداد أموالي من فضلك (رقم 123).",
    "שלום, אני לא מצליח להתחבר",
    "mixed: مرحبا and text",
]
UNSURE = {"majority": 0.25, "tfidf": 0.7, "probe": 0.86, "tune": 0.9}
NO_GAIN = {"majority": 0.25, "tfidf": 0.7, "probe": 0.93, "tune": 0.931}

STUDIES: dict[str, Study] = {
    "tune": Study(items=300, others={"probe-c1": 0.7}, blur=0.15),
    "cannot_tell": Study(items=120, rights=UNSURE),
    "no_tune": Study(items=3_000, rights=NO_GAIN, margin=0.02),
    "untuned": Study(rights={"majority": 0.25, "tfidf": 0.7, "probe": 0.9}),
    "one_candidate": Study(rights={"probe": 0.9}),
    "two_labels": Study(labels=["yes", "no"], rights={"majority": 0.5, "probe": 0.8, "tune": 0.9}),
    "many_labels": Study(
        labels=[f"intent_number_{n}_of_a_long_list" for n in range(150)], items=900
    ),
    "hostile": Study(
        labels=HOSTILE_LABELS,
        texts=list(HOSTILE),
        columns={"<b>column</b>": ["<i>value</i>", "${x}"] * 80},
    ),
    "long_texts": Study(
        labels=["a" * 300, "many words in a label " * 12, "c"], texts=LONG, items=600
    ),
    "right_to_left": Study(labels=["استرداد", "فاتورة", "כניסה", "card"], texts=RIGHT_TO_LEFT),
    "no_curve": Study(changes={"curve": [], "curve_answer": None}),
    "no_search": Study(changes={"search": []}),
    "groups": Study(items=200, groups=True, metric="macro_f1"),
    "few_items": Study(items=8),
    "no_margin": Study(margin=0.0),
}


@dataclass(frozen=True)
class Drawn:
    """A study, and its page as text and as a tree."""

    evidence: dict[str, Any]
    verdict: dict[str, Any]
    page: str
    tree: Element

    def section(self, anchor: str) -> Element:
        return self.tree.by_id(anchor)


@cache
def drawn(name: str) -> Drawn:
    """One of the studies; callers must not change what they get."""
    evidence, verdict = STUDIES[name].build()
    page = render(evidence, verdict)
    return Drawn(evidence, verdict, page, read(page))
