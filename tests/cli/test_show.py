"""`show`: rows as a model is given them, on a terminal and in a pipe."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.audit.desk.test_tokens import model
from tests.cli.conftest import Tunewright
from tests.cli.helpers import imported
from tests.tasks.generate.dialects import CHATML

ROWS = [
    {
        "messages": [
            {"role": "system", "content": "be a cat"},
            {"role": "user", "content": "what\n\tis \x1b[31m it?"},
            {"role": "assistant", "content": "meow"},
        ]
    },
    {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "the mat"}]},
    {"messages": "nothing"},
    {
        "messages": [
            {"role": "user", "content": "the cat " * 60},
            {"role": "assistant", "content": "sat"},
        ]
    },
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model(tmp_path / "model", max_position_embeddings=64)
    rows = ROWS + ROWS[:2] * 20
    (tmp_path / "chat.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_token_is_there_and_the_learned_ones_are_marked(
    folder: Path, tunewright: Tunewright
) -> None:
    out = tunewright("show", "chat.jsonl", "--model", "model", "-n", "1").out
    assert "be a cat" in out and "⟦meow<|im_end|>⟧" in out
    assert "⇥is \\x1b[31m it?" in out, "nothing steers the terminal"
    assert "what↵\n" in out
    lines = [line.split(None, 1) for line in out.splitlines() if line.startswith("  ")]
    roles = [line[0] for line in lines if line]
    assert roles[0] == "template"
    assert {"system", "user", "assistant"} <= set(roles)
    assert "Template: the model's own." in out and "learned (" in out
    assert all(
        line == line.rstrip() or "⟦" in line or "im_start" in line for line in out.split("\n")
    )


def test_values_for_programs(folder: Path, tunewright: Tunewright) -> None:
    found = tunewright("show", "chat.jsonl", "--model", "model", "-n", "3", "--json").json
    assert found["template"] == "default" and found["max_length"] == 64
    assert [row["row"] for row in found["rows"]] == [1, 2, 3, 4]
    first = found["rows"][1]["parts"][0]
    assert "".join(run["text"] for run in first["runs"]) == (
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nthe mat<|im_end|>\n"
    )
    assert [run["text"] for run in first["runs"] if run["learned"]] == ["the mat", "<|im_end|>"]
    assert len(first["token_ids"]) == len(first["weights"]) == first["tokens"]
    assert sum(w > 0 for w in first["weights"]) == first["learned"]
    assert found["rows"][2]["problem"] and found["rows"][2]["parts"] == []
    long = found["rows"][3]
    assert "left out" in long["told"] and long["parts"][0]["cut"] > 0
    assert any(run["cut"] and run["learned"] for run in long["parts"][0]["runs"])


def test_one_row(folder: Path, tunewright: Tunewright) -> None:
    out = tunewright("show", "chat.jsonl", "--model", "model", "--row", "2").out
    assert "row 2" in out and "row 1" not in out
    out = tunewright("show", "chat.jsonl", "--model", "model", "--row", "4").out
    assert "What stands behind ✂ is cut off." in out and "on_too_long: drop" in out
    assert out.count("✂") == 2
    ended = tunewright("show", "chat.jsonl", "--model", "model", "--row", "99")
    assert ended.code == 3 and "there is no such row" in ended.err
    assert f"a row of the {len(ROWS) + 40} that there are" in ended.err


def test_which_template_is_used_is_said(folder: Path, tunewright: Tunewright) -> None:
    model(folder / "bare", template=None)
    out = tunewright("show", "chat.jsonl", "--model", "bare", "-n", "1").out
    assert "Template: 'chatml' (the model brings no chat template, and" in out


def test_a_project_says_how_it_renders(folder: Path, tunewright: Tunewright) -> None:
    (folder / "own.jinja").write_text(CHATML.replace("m['role']", "m['role'] + '!'"))
    (folder / "tunewright.yaml").write_text(
        "task: generate\nmodel: model\nmax_length: 40\n"
        "data: {train: chat.jsonl, row_schema: messages}\n"
        "rendering: {template: own.jinja, train_on: last_assistant, on_too_long: trim_prompt}\n"
    )
    found = tunewright("show", "--row", "4", "--json").json
    assert found["template"] == "own.jinja" and found["train_on"] == "last_assistant"
    row = found["rows"][0]
    assert "without the first" in row["told"] and row["parts"][0]["cut"] == 0
    assert row["parts"][0]["tokens"] <= 40
    assert row["parts"][0]["runs"][0]["text"] == "<|im_start|>"
    (folder / "own.jinja").unlink()
    ended = tunewright("show")
    assert ended.code == 2 and "template file cannot be read" in ended.err


def test_preferences_show_both_answers(folder: Path, tunewright: Tunewright) -> None:
    row = {"prompt": "what?", "chosen": "meow", "rejected": "no"}
    (folder / "pairs.jsonl").write_text(f"{json.dumps(row)}\n" * 3)
    out = tunewright("show", "pairs.jsonl", "--model", "model", "-n", "1").out
    assert "chosen: " in out and "rejected: " in out
    assert "⟦meow<|im_end|>⟧" in out and "⟦no<|im_end|>⟧" in out


def test_classification_as_the_encoder_sees_it(
    tmp_path: Path, tiny_model: Path, tunewright: Tunewright, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ["text,label", "Hello LOST card,card", f"{'please help ' * 20},login"]
    rows += [f"where is my order {number},{('card', 'login')[number % 2]}" for number in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    found = tunewright("show", "a.csv", "--model", tiny_model, "-n", "2", "--json").json
    first, second = found["rows"]
    assert first["parts"][0]["token_texts"] == ["[CLS]", "hello", "lost", "card", "[SEP]"]
    assert first["answer"] == "card"
    assert second["parts"][0]["cut"] == 42 - found["max_length"]
    assert len(second["parts"][0]["token_ids"]) == found["max_length"]
    assert second["parts"][0]["token_texts"][-1] == "[SEP]"
    out = tunewright("show", "a.csv", "--model", tiny_model, "-n", "2").out
    assert "[CLS]" in out and "✂" in out and "label  card" in out


def test_without_a_model_that_writes(
    folder: Path, tiny_model: Path, tunewright: Tunewright
) -> None:
    ended = tunewright("show", "chat.jsonl")
    assert ended.code == 2 and "no model is named" in ended.err and "--model" in ended.err
    ended = tunewright("show", "chat.jsonl", "--model", tiny_model)
    assert ended.code == 2 and "reads texts and does not write any" in ended.err


@pytest.mark.parametrize("width", [40, 80, 140])
def test_lines_fit_the_terminal(folder: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from tunewright.cli import show as command

    screen = Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False)
    monkeypatch.setattr(command, "console", screen)
    command.run(
        ["chat.jsonl"], rows=3, row=None, model="model", schema=None, columns=None, as_json=False
    )
    assert isinstance(screen.file, io.StringIO)
    drawn = screen.file.getvalue()
    assert "\x1b[1;32m" in drawn
    from rich.text import Text

    lines = [Text.from_ansi(line) for line in drawn.splitlines()]
    assert max(line.cell_len for line in lines) <= width


def test_nothing_heavy_is_loaded(folder: Path) -> None:
    found = imported("show", "chat.jsonl", "--model", "model", "-n", "1")
    assert "tokenizers" in found
    assert not {"torch", "transformers", "sklearn"} & found
