"""Prompt formats on dev: with an encoder, with a model that writes, for labels and for answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_rows, project_yaml, write_csv
from tests.models.test_causal import make_causal
from tests.workflow.helpers import Watch
from tunewright import Project
from tunewright.candidates.formats import ScoreAnswerFormats
from tunewright.cli.formats import show
from tunewright.core.errors import ConfigError, DataError
from tunewright.models.causal import CausalModel
from tunewright.tasks.formats import FORMATS, PLAIN, FormatSetting
from tunewright.workers.base import Context
from tunewright.workflow.formats import _judgement, compare_formats


def write_project(folder: Path, model: Path) -> Project:
    """A classification project with a dev file."""
    write_csv(folder / "train.csv", make_rows(80, seed=1))
    write_csv(folder / "dev.csv", make_rows(40, seed=3))
    write_csv(folder / "test.csv", make_rows(40, seed=2))
    data = "{train: train.csv, dev: dev.csv, test: test.csv, text: text, label: label}"
    (folder / "tunewright.yaml").write_text(project_yaml(model, data=data), encoding="utf-8")
    return Project.load(folder)


def test_an_encoder_judges_texts_and_labels(tmp_path: Path, tiny_model: Path) -> None:
    project = write_project(tmp_path, tiny_model)
    found = compare_formats(project, None, in_process=True)
    judged = {entry.judge: entry for entry in found.judged}
    assert found.reader == "encoder"
    assert {f.name for f in judged["probe"].formats} == {PLAIN, "fields", "instruction"}
    assert "descriptions" in {f.name for f in judged["zero_shot"].formats}
    assert "same texts" in found.skipped["separator"], "there is one column"
    assert "not for an encoder" in found.skipped["chat"]
    assert judged["probe"].items == 40
    watch = Watch()
    assert compare_formats(project, None, watch, in_process=True) == found
    assert watch.done == []
    assert json.loads(Path(found.file).read_text())["reader"] == "encoder"


def test_a_model_that_writes_answers_with_the_likeliest_label(tmp_path: Path) -> None:
    project = write_project(tmp_path, make_causal(tmp_path / "m", chat=True))
    found = compare_formats(project, ["fields", "chat", "codes"], in_process=True)
    assert found.reader == "classify"
    (judged,) = found.judged
    assert {f.name for f in judged.formats} == {PLAIN, "fields", "chat"}
    assert all(0 <= f.score <= 1 for f in judged.formats)
    assert "codes" in found.skipped


def test_with_folds_all_rows_are_asked_but_those_that_are_shown(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", make_rows(60, seed=1))
    write_csv(tmp_path / "test.csv", make_rows(40, seed=2))
    data = "{train: train.csv, test: test.csv, text: text, label: label}"
    model = make_causal(tmp_path / "m")
    (tmp_path / "tunewright.yaml").write_text(project_yaml(model, data=data), encoding="utf-8")
    found = compare_formats(Project.load(tmp_path), ["fields", "demonstrations"], in_process=True)
    splits = json.loads((tmp_path / "study" / "data" / "splits.json").read_text())
    rows = len(splits["folds"])
    assert splits["folds"], "so few rows are folded"
    assert found.dev_rows == rows - min(32, rows // 5)


def test_a_run_refuses_a_prompt_format(tmp_path: Path, tiny_model: Path) -> None:
    project = write_project(tmp_path, tiny_model)
    with project.file.open("a", encoding="utf-8") as file:
        file.write("rendering: {format: fields}\n")
    with pytest.raises(ConfigError, match="a run uses the plain one"):
        Project.load(tmp_path)


def test_answers_to_questions_are_judged_by_their_likelihood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"question": f"{text} {n}", "answer": label}
        for n, (text, label) in enumerate(make_rows(100, seed=1))
    ]
    rows.append({"question": "how", "answer": None})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(lines)
    model = make_causal(tmp_path / "m")
    (tmp_path / "tunewright.yaml").write_text(
        f"task: generate\nmodel: {model}\n"
        "data: {train: rows.jsonl, row_schema: question_answer}\n"
    )
    found = compare_formats(Project.load(tmp_path), ["separator", "worked_steps"], in_process=True)
    judged = {entry.judge: entry for entry in found.judged}
    assert set(judged) == {"likelihood", "exact_match"}
    assert all(f.score < 0 for f in judged["likelihood"].formats)
    assert found.rejected == 1
    assert found.dev_rows == judged["likelihood"].items + found.left_out
    show(found)
    assert judged["likelihood"].sentence in capsys.readouterr().out


def test_scores_are_those_of_a_plain_pass(tmp_path: Path) -> None:
    folder = make_causal(tmp_path / "m")
    labels = ["card", "lost card", "bill"]
    cases = [
        {"inputs": {"text": t}, "answer": a}
        for t, a in [
            ("my card is lost", "card"),
            ("pay my bill", "bill"),
            ("where is money", "bill"),
        ]
    ]
    payload = {
        "model": str(folder),
        "content_hash": "x",
        "formats": ["fields"],
        "reader": "classify",
        "labels": labels,
        "descriptions": labels,
        "demonstrations": [],
        "cases": cases,
    }
    found = ScoreAnswerFormats().run(Context(tmp_path, lambda event: None), payload)
    model = CausalModel(folder)
    setting = FormatSetting(reader="classify", labels=labels, descriptions=labels)
    form = FORMATS.get("fields")()
    from tests.models.test_causal import plainly

    for case, right in zip(cases, found["scores"]["label_likelihood"]["fields"], strict=True):
        prompt = model.encode(form.prompt(case["inputs"], setting))  # type: ignore[arg-type]
        answers = [model.encode_answer(form.answer(label, setting)) for label in labels]
        means = [plainly(model, prompt, answer) / len(answer) for answer in answers]
        assert right == float(labels[int(np.argmax(means))] == case["answer"])


def test_a_format_wins_only_after_the_correction() -> None:
    rng = np.random.default_rng(0)
    plain = (rng.random(400) < 0.5).astype(float)
    better = np.maximum(plain, rng.random(400) < 0.2)
    luck = plain.copy()
    luck[np.flatnonzero(plain == 0)[:7]] = 1
    luck[np.flatnonzero(plain == 1)[:1]] = 0
    scores = {PLAIN: plain.tolist(), "fields": better.tolist(), "chat": luck.tolist()}
    judged = _judgement("probe", scores, None)
    assert judged.winner == "fields"
    assert judged.formats[0].name == "fields"
    weak = {PLAIN: plain.tolist(), **{n: luck.tolist() for n in ("fields", "chat", "codes")}}
    assert _judgement("probe", weak, None).winner == PLAIN


def test_a_row_is_put_into_words_by_its_format() -> None:
    setting = FormatSetting(
        reader="classify",
        labels=["c1", "c2"],
        descriptions=["lost card", "late card"],
        demonstrations=[({"text": f"shown {n}"}, "c1") for n in range(4)],
        chats=True,
    )
    row = {"text": "where is it ", "user_name": "Ann"}
    texts = {name: FORMATS.get(name)().prompt(row, setting) for name in FORMATS}
    assert texts["plain"] == "where is it\nAnn\n"
    assert texts["fields"] == "Text: where is it\nUser name: Ann\nLabel:"
    assert str(texts["instruction"]).startswith("Which of these labels fits the text? c1, c2")
    assert texts["chat"][0]["role"] == "user"  # type: ignore[index]
    assert str(texts["demonstrations"]).count("Label:") == 5
    assert FORMATS.get("descriptions")().answer("c2", setting) == " late card"
    assert FORMATS.get("plain")().answer("c2", setting) == "c2"


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_keeps_the_contract(name: str) -> None:
    form = FORMATS.get(name)()
    assert form.about
    assert form.readers
    assert form.renderer(name) != FORMATS.get(name)().renderer("another")
    for reader in ("encoder", "classify", "generate"):
        labels = [] if reader == "generate" else ["a", "b"]
        setting = FormatSetting(
            reader=reader,
            labels=labels,
            descriptions=labels,
            demonstrations=[({"text": "x"}, "a")] * 4,
            chats=True,
        )
        if form.unfit(setting) is not None:
            assert reader not in form.readers
            continue
        prompt = form.prompt({"text": "the row"}, setting)
        shown = prompt if isinstance(prompt, str) else prompt[-1]["content"]
        assert "the row" in shown
        assert prompt == form.prompt({"text": "the row"}, setting)
        assert len(form.describe(setting)) == len(labels)


def test_what_cannot_be_compared_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    project = write_project(tmp_path, tiny_model)
    with pytest.raises(ConfigError, match="no prompt format called 'plane'"):
        compare_formats(project, ["plane"], in_process=True)
    (tmp_path / "tunewright.yaml").write_text(
        f"task: generate\nmodel: {tiny_model}\n"
        "data: {train: rows.jsonl, row_schema: question_answer}\n"
    )
    (tmp_path / "rows.jsonl").write_text('{"question": "a", "answer": "b"}\n')
    with pytest.raises(ConfigError, match="writes no text"):
        compare_formats(Project.load(tmp_path), in_process=True)
    text = (tmp_path / "tunewright.yaml").read_text()
    model = make_causal(tmp_path / "m")
    (tmp_path / "tunewright.yaml").write_text(text.replace(str(tiny_model), str(model)))
    with pytest.raises(DataError, match="too few dev rows"):
        compare_formats(Project.load(tmp_path), in_process=True)
