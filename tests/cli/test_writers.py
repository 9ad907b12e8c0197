"""`merge`, `chat` and `predict` with a model that writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ended, Tunewright
from tests.tiny_writers import adapted_writer, make_base, make_tuned
from tunewright.cli.chat import Chat, Speaker
from tunewright.cli.chat_screen import Pieces, Screen
from tunewright.models.generation.config import GenerationConfig
from tunewright.serve.texts import load_text_predictor


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writers")
    return make_tuned(folder / "study" / "model", make_base(folder / "base"))


def lines(ended: Ended) -> list[dict[str, Any]]:
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


# -- merge ------------------------------------------------------------------------------------


def test_merge_writes_a_plain_folder_that_answers_the_same(
    tunewright: Tunewright, tuned: Path, tmp_path: Path
) -> None:
    out = tmp_path / "merged"
    found = tunewright("merge", tuned.parent, "--out", out, "--json").json
    assert found["dtype"] == "float32"
    assert found["largest_difference"] < 1e-5
    assert (out / "README.md").read_text().startswith("---\nlibrary_name: transformers")
    asked = ("--text", "where is my card", "--text", "help")
    assert lines(tunewright("predict", tuned, *asked)) == lines(tunewright("predict", out, *asked))
    again = tunewright("merge", tuned, "--out", out)
    assert (again.code, again.out) == (2, "")
    assert "--force" in again.err
    assert tunewright("merge", tuned, "--out", out, "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tuned}", "--out", "{tuned}"], "holds what is merged"),
        (["{tuned}", "--out", "{tmp}/x", "--dtype", "int4"], "not written in this form"),
        (["{tmp}", "--out", "{tmp}/x"], "this is not a tuned model"),
        (["{study}", "--out", "{tmp}/x", "--candidate", "tune"], "no tuned finalist"),
        (["{tuned}", "--out", "{file}"], "this is a file"),
    ],
)
def test_what_cannot_be_merged(
    tunewright: Tunewright, tuned: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "file").touch()
    places = {
        "tuned": tuned,
        "study": tuned.parent,
        "tmp": tmp_path / "none",
        "file": tmp_path / "file",
    }
    ended = tunewright("merge", *(a.format(**places) for a in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


# -- predict ----------------------------------------------------------------------------------


def test_every_row_of_a_file_has_its_line(
    tunewright: Tunewright, tuned: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows = [{"instruction": "my card"}, {"other": 3}, {"instruction": "card " * 60}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = tunewright("predict", tuned, "--input", path, "--output", out)
    assert (ended.code, ended.out) == (0, ""), ended.err
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["row"] for row in found] == [1, 2, 3]
    assert set(found[0]) >= {"answer", "ended", "cut_off", "tokens", "probability", "file"}
    assert found[2]["reason"] == "not_answered"
    assert "error" in found[1]
    assert "3 rows: 1 answered" in ended.err


def test_lines_and_constraints(tunewright: Tunewright, tuned: Path, tmp_path: Path) -> None:
    choices = tmp_path / "choices.json"
    choices.write_text('["card", "refund"]')
    arguments = ("predict", "--project", tuned.parent, "--constraint", choices)
    ended = tunewright(*arguments, stdin='my card\n\n{"instruction": "a refund"}\n\n')
    found = lines(ended)
    assert [row["row"] for row in found] == [1, 2, 3]
    assert [row["answer"].strip() in ("card", "refund") for row in (found[0], found[2])] == [
        True,
        True,
    ]
    assert found[1]["reason"] == "empty_row"
    assert "0 do not meet the constraint" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--text", " "], 2, "this text is empty"),
        (["--text", "a", "--input", "b"], 2, "not from both"),
        (["--text", "a", "--top", "3"], 2, "there are no labels"),
        (["--text", "a", "--temperature", "0", "--top-p", "0.5"], 2, "nothing is drawn"),
        (["--input", "none.csv"], 3, "none.csv"),
        (["--input", "a.csv", "--schema", "alpca"], 2, "alpaca"),
        ([], 3, "there are no rows"),
    ],
)
def test_what_cannot_be_answered(
    tunewright: Tunewright, tuned: Path, arguments: list[str], code: int, words: str
) -> None:
    ended = tunewright("predict", tuned, *arguments, stdin="")
    assert (ended.code, ended.out) == (code, "")
    assert words in ended.err


def test_options_of_writers_are_refused_by_a_model_of_labels(
    tunewright: Tunewright, small_project: Path
) -> None:
    ended = tunewright("predict", "--project", small_project, "--text", "my card")
    assert ended.code == 2
    assert "--text" in ended.err


# -- chat -------------------------------------------------------------------------------------


def test_a_chat_through_a_pipe(tunewright: Tunewright, tuned: Path) -> None:
    ended = tunewright("chat", tuned, stdin="my card\n\n/reset\nmy card\n/quit\nnever\n")
    assert ended.code == 0, ended.err
    first, second = ended.out.splitlines()
    assert first == second, "without what was said before the answer is the same"
    both = tunewright("chat", tuned, "--side-by-side", stdin="my card\n")
    base, mine = both.out.splitlines()
    assert mine == f"tuned: {first}"
    assert base.startswith("base: ")
    assert base.removeprefix("base: ") != first
    assert tunewright("chat", tuned, "--base", stdin="my card\n").out == f"{base[6:]}\n"


def test_chats_that_cannot_be(tunewright: Tunewright, tuned: Path, tmp_path: Path) -> None:
    empty = tunewright("chat", tuned, stdin="\n")
    assert (empty.code, empty.out) == (2, "")
    assert "standard input is empty" in empty.err
    long = tunewright("chat", tuned, stdin="card " * 60 + "\n")
    assert long.code == 2
    assert "does not fit the model" in long.err
    both = tunewright("chat", tuned, "--base", "--side-by-side", stdin="a\n")
    assert "leave one of --base and --side-by-side out" in both.err
    writer, _ = adapted_writer(tuned.parent.parent / "base")
    plain = make_tuned(
        tmp_path / "plain", tuned.parent.parent / "base", writer, content="completion"
    )
    refused = tunewright("chat", plain, "--system", "be kind", stdin="a\n")
    assert "have no system turn" in refused.err


class Script(Screen):
    """A person who says these lines; Ctrl-C at the prompt for `^C`."""

    def __init__(self, said: Sequence[str], stop_after: int | None = None) -> None:
        self._lines: Iterator[str] = iter(said)
        self._stop_after = stop_after
        self.notes: list[str] = []
        self.answers: list[str] = []
        self.stopped: list[bool] = []

    def greet(self, predictor: Any, config: Any, names: Sequence[str]) -> None:
        self.names = list(names)

    def ask(self) -> str:
        line = next(self._lines, None)
        if line is None:
            raise EOFError
        if line == "^C":
            raise KeyboardInterrupt
        return line

    def show(self, answers: Sequence[Pieces], stopped: Callable[[], bool]) -> None:
        for answer in answers:
            self.stopped.append(False)
            for count, _ in enumerate(iter(answer.next, None), start=1):
                if count == self._stop_after:
                    import signal

                    signal.raise_signal(signal.SIGINT)
                if stopped():
                    self.stopped[-1] = True
                    answer.stop()
                    break
            self.answers.append(answer.text)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def speakers(tuned: Path) -> list[Speaker]:
    predictor = load_text_predictor(tuned, with_base=True)
    assert predictor.base is not None
    return [Speaker("base", predictor.base, "be kind"), Speaker("tuned", predictor, "be kind")]


def talk(speakers: list[Speaker], screen: Script, tokens: int = 6) -> None:
    for speaker in speakers:
        speaker.reset()
    config = GenerationConfig(max_new_tokens=tokens)
    Chat(speakers, config, screen, alone=False).talk()


def test_each_speaker_hears_its_own_answers(speakers: list[Speaker], tmp_path: Path) -> None:
    saved = tmp_path / "chat.jsonl"
    said = ["my card", "^C", "//reset", f"/save {saved}", "/nothing", "/quit", "never"]
    screen = Script(said)
    talk(speakers, screen)
    assert len(screen.answers) == 4
    for place, speaker in enumerate(speakers):
        texts = [turn.text for turn in speaker.turns]
        first, second = screen.answers[place], screen.answers[2 + place]
        assert texts == ["be kind", "my card", first, "/reset", second]
    rows = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [row["model"] for row in rows] == ["base", "tuned"]
    assert [turn["role"] for turn in rows[0]["messages"]][:3] == ["system", "user", "assistant"]
    assert "there is no command /nothing" in screen.notes[-1]


def test_ctrl_c_stops_the_answer_and_not_the_chat(speakers: list[Speaker]) -> None:
    whole = Script(["my card"])
    talk(speakers[1:], whole)
    screen = Script(["my card", "help"], stop_after=1)
    talk(speakers[1:], screen)
    assert len(screen.answers) == 2
    assert whole.answers[0].startswith(screen.answers[0])
    assert screen.stopped[0], "though what was written meanwhile may be all there was to say"
    assert whole.stopped == [False]
    assert speakers[1].turns[2].text == screen.answers[0], "what was said stays said"


def test_a_conversation_that_has_grown_too_long(speakers: list[Speaker]) -> None:
    screen = Script(["card " * 60, "help"])
    talk(speakers[1:], screen)
    assert "/reset begins anew" in screen.notes[0]
    assert len(screen.answers) == 1
    assert [turn.text for turn in speakers[1].turns][1] == "help", "the turn was left out"


def test_help_loads_no_torch() -> None:
    from tests.cli.helpers import imported

    for command in ("chat", "merge", "predict"):
        assert not {"torch", "transformers", "peft"} & imported(command, "--help"), command
    assert sys.modules["torch"]


@pytest.mark.parametrize("command", ["predict", "chat", "merge"])
def test_a_candidate_that_is_no_tuned_model_names_the_project(
    tunewright: Tunewright, tmp_path: Path, command: str
) -> None:
    """`study/model` of a study that a retriever has won."""
    folder = tmp_path / "study" / "model"
    folder.mkdir(parents=True)
    (folder / "candidate.json").write_text('{"candidate": "nearest_example", "task": "generate"}')
    found = tunewright(command, folder, *(["--out", "x"] if command == "merge" else []))
    assert (found.code, found.out) == (2, "")
    assert "candidate of a study" in found.err
    assert "name the project" in found.err
