"""The page as a whole: self-contained, safe, repeatable, navigable, for every kind of study."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.report.pages import HOSTILE_LABELS, STUDIES, drawn
from tunewright.core.files import write_json
from tunewright.report.render import SECTIONS, RenderReport, render
from tunewright.study.layout import StudyLayout
from tunewright.workers.base import Context

EVERY = pytest.mark.parametrize("name", STUDIES)
_MOST_BYTES = 2_000_000


@EVERY
def test_small_and_complete(name: str) -> None:
    found = drawn(name)
    assert len(found.page.encode()) < _MOST_BYTES
    assert found.page.startswith("<!doctype html>")
    for anchor in (section.anchor for section in SECTIONS):
        assert found.section(anchor).tag == "section"
    for nothing in ("None", "nan", "Undefined", "{{", "{%", "[]"):
        if name != "hostile":
            words = found.tree.one("main").text.replace("None stands out", "").replace("None.", "")
            assert nothing not in words.replace("None: no worker", ""), nothing


@EVERY
def test_no_script_and_nothing_from_outside(name: str) -> None:
    tree, page = drawn(name).tree, drawn(name).page
    assert "<script" not in page.lower()
    assert not [e.tag for e in tree.all() if e.tag in ("script", "iframe", "object", "link", "img")]
    for element in tree.all():
        for attribute, value in element.attributes.items():
            assert not attribute.startswith("on"), (element.tag, attribute)
            if attribute in ("href", "src", "action", "formaction", "xlink:href"):
                assert value.startswith("#"), value
    style = "".join(str(c) for c in tree.one("style").children)
    assert "url(" not in style
    assert "@import" not in style
    assert {v for v in re.findall(r"url\(([^)]*)\)", page) if not v.startswith("#")} == set()


@EVERY
def test_content_security_policy(name: str) -> None:
    policies = [m for m in drawn(name).tree.all("meta") if "http-equiv" in m.attributes]
    assert [p.attributes["http-equiv"] for p in policies] == ["Content-Security-Policy"]
    rules = dict(
        rule.strip().partition(" ")[::2] for rule in policies[0].attributes["content"].split(";")
    )
    assert rules["default-src"] == "'none'"
    assert "script-src" not in rules


@EVERY
def test_ids_and_links(name: str) -> None:
    tree = drawn(name).tree
    ids = [e.attributes["id"] for e in tree.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    targets = [a.attributes["href"].removeprefix("#") for a in tree.all("a")]
    targets += [n for e in tree.all() for n in e.attributes.get("aria-labelledby", "").split()]
    assert set(targets) <= set(ids)
    linked = [a.attributes["href"] for a in tree.one("nav", "top").all("a")]
    assert linked == [f"#{anchor}" for anchor in (section.anchor for section in SECTIONS)]


@EVERY
def test_drawings_are_described(name: str) -> None:
    for drawing in drawn(name).tree.all("svg"):
        said = {"aria-label", "aria-labelledby", "aria-hidden"} & set(drawing.attributes)
        assert said, drawing.attributes


def test_headings_go_down_one_level_at_a_time() -> None:
    tags = [e.tag for e in drawn("tune").tree.all() if re.fullmatch("h[1-6]", e.tag)]
    levels = [int(tag[1]) for tag in tags]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_same_input_same_bytes() -> None:
    found = drawn("tune")
    assert render(found.evidence, found.verdict) == found.page


def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    found = drawn("two_labels")
    paths = [tmp_path / "evidence.json", tmp_path / "verdict.json"]
    for path, value in zip(paths, (found.evidence, found.verdict), strict=True):
        path.write_text(json.dumps(value), encoding="utf-8")
    code = (
        "import json, sys; from tunewright.report.render import render; "
        "sys.stdout.buffer.write(render(*(json.load(open(p)) for p in sys.argv[1:])).encode())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code, *map(str, paths)]
    written = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    assert written.decode() == found.page


def test_input_is_not_changed() -> None:
    evidence, verdict = STUDIES["untuned"].build()
    before = json.dumps([evidence, verdict])
    render(evidence, verdict)
    assert json.dumps([evidence, verdict]) == before


def test_job_writes_the_page(tmp_path: Path) -> None:
    found, layout = drawn("one_candidate"), StudyLayout(tmp_path)
    write_json(layout.evidence, found.evidence)
    write_json(layout.verdict, found.verdict)
    context = Context(study=tmp_path, emit=lambda event: None)
    answer = RenderReport().run(context, {})
    assert layout.report.read_text(encoding="utf-8") == found.page
    assert answer == {"bytes": len(found.page.encode())}


def test_hostile_texts_are_shown_not_obeyed() -> None:
    found = drawn("hostile")
    assert "<img" not in found.page
    assert "\x00" not in found.page
    shown = found.section("disagreements").text
    assert "<script>alert(1)</script> & \"double\" 'single' </style></title><img src=x" in shown
    assert "{{ 7 * 7 }} {% raw %} ${7 * 7} <!-- --> ]]> &lt;b&gt;" in shown
    for label in HOSTILE_LABELS:
        assert label in found.section("errors").text
    assert "<i>value</i>" in found.section("errors").text
    assert found.page.count("</style>") == 1


def test_long_texts_are_folded_and_bounded() -> None:
    found = drawn("long_texts")
    quotes = [q for q in found.tree.all("span", "quote") if "x" * 100 in q.text]
    assert min(len(q.text) for q in quotes) < 400
    assert max(len(q.text) for q in quotes) > 19_000
    assert "more characters, in the data file" in found.section("disagreements").text
    label = next(e for e in found.section("errors").all("bdi", "label") if "aaa" in e.text)
    assert len(label.text.replace(" ", "")) <= 60
    assert "a" * 200 in label.attributes["title"]


def test_right_to_left_texts_keep_their_direction() -> None:
    section = drawn("right_to_left").section("disagreements")
    texts = [q for q in section.all("span", "quote") if "استرداد" in q.text]
    assert texts
    assert all(q.attributes["dir"] == "auto" for q in texts)
    assert all(e.tag == "bdi" for e in section.all(cls="label"))


def test_words_are_explained() -> None:
    tree = drawn("tune").tree
    terms = tree.all("a", "term")
    assert len(terms) > 20
    for term in terms:
        entry = tree.by_id(term.attributes["href"].removeprefix("#"))
        assert term.attributes["title"].replace("`", "") in entry.text.replace("( ", "(").replace(
            " )", ")"
        )
