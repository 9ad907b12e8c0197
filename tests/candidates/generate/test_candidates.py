"""What every candidate that answers with texts promises, and what each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from tests.curate.generators.writers import make_writer
from tunewright.candidates.generate import TEXT_CANDIDATES
from tunewright.candidates.generate.asking import Asker
from tunewright.candidates.generate.base import (
    Said,
    TextCandidate,
    TextSetting,
    load_text_candidate,
)
from tunewright.candidates.generate.prompted import up_to_the_next, with_examples
from tunewright.candidates.generate.similar import Similar
from tunewright.core.errors import ModelError
from tunewright.data.content import Completion, Content, Conversation, Message
from tunewright.data.contents import with_answer, without_answer
from tunewright.models.chat import load_chat_model
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.writing import load_writing_model
from tunewright.tasks.generate.renderer import Renderer


def chat(question: str, answer: str | None = None, system: str | None = None) -> Conversation:
    turns = [] if system is None else [Message(role="system", content=system)]
    turns.append(Message(role="user", content=question))
    if answer is not None:
        turns.append(Message(role="assistant", content=answer))
    return Conversation(messages=tuple(turns))


ROWS: list[Content] = [
    chat("where is my card", "it is lost"),
    chat("how to pay the bill", "with money"),
    chat("the app is broken", "hello help"),
    chat("cancel my order please", "it is lost"),
]
NEW = [chat("where is the card today"), chat("pay a bill"), chat("app broken")]


def echo(asked: Sequence[Content]) -> list[Said]:
    """A model that says how many turns or characters it was given."""
    return [
        Said(text=str(len(row.messages)) if isinstance(row, Conversation) else row.question)
        for row in asked
    ]


SETTING = TextSetting(
    seed=1,
    prompted=echo,
    prompt_tokens=lambda row: len(row.question.split()),
    most_tokens=1000,
)


def built(name: str, **settings: object) -> TextCandidate:
    kind = TEXT_CANDIDATES.get(name)
    return kind(kind.Settings(**settings))


@pytest.mark.parametrize("name", TEXT_CANDIDATES.names())
class TestContract:
    def test_saved_and_loaded_it_answers_alike(self, name: str, tmp_path: Path) -> None:
        candidate = built(name)
        candidate.fit(ROWS, SETTING)
        said = candidate.answer(NEW, SETTING)
        assert len(said) == len(NEW)
        candidate.save(tmp_path, {"candidate": name})
        again, description = load_text_candidate(tmp_path)
        assert again.answer(NEW, SETTING) == said
        assert description["candidate"] == name
        assert again.kind == candidate.kind

    def test_the_answer_of_a_row_is_not_looked_at(self, name: str) -> None:
        candidate = built(name)
        candidate.fit(ROWS, SETTING)
        told = [with_answer(row, f"a secret {n}") for n, row in enumerate(NEW)]
        assert candidate.answer(told, SETTING) == candidate.answer(NEW, SETTING)

    def test_a_second_fit_forgets_the_first(self, name: str) -> None:
        candidate = built(name)
        candidate.fit(ROWS, SETTING)
        candidate.answer(NEW, SETTING)
        candidate.fit(ROWS[:2], SETTING)
        fresh = built(name)
        fresh.fit(ROWS[:2], SETTING)
        assert candidate.answer(NEW, SETTING) == fresh.answer(NEW, SETTING)

    def test_nothing_asked_is_nothing_said(self, name: str) -> None:
        candidate = built(name)
        candidate.fit(ROWS, SETTING)
        assert candidate.answer([], SETTING) == []


def test_the_most_frequent_answer() -> None:
    candidate = built("majority")
    candidate.fit(ROWS, SETTING)
    assert [one.text for one in candidate.answer(NEW, SETTING)] == ["it is lost"] * 3


def test_the_answer_of_the_nearest_example() -> None:
    candidate = built("nearest_example")
    candidate.fit(ROWS, SETTING)
    said = [one.text for one in candidate.answer(NEW, SETTING)]
    assert said == ["it is lost", "with money", "hello help"]


def test_similar_texts_are_those_of_a_plain_cosine() -> None:
    """Held against the definition, written out."""
    from math import log, sqrt

    texts = ["a lost card", "pay the bill", "lost lost card money"]
    found = Similar(texts).nearest(["the lost card"], 3)[0].tolist()

    def grams(text: str) -> list[str]:
        words = text.split()
        return words + [f"{a} {b}" for a, b in pairwise(words)]

    def pieces(text: str) -> list[str]:
        padded = [f" {word} " for word in text.split()]
        return [
            word[at : at + size]
            for word in padded
            for size in (3, 4)
            for at in range(max(1, len(word) - size + 1))
        ]

    def similarity(text: str, other: str) -> float:
        total = 0.0
        for parts in (grams, pieces):
            idf = {
                p: log((1 + len(texts)) / (1 + sum(p in parts(t) for t in texts))) + 1
                for t in texts
                for p in parts(t)
            }

            def vector(
                text: str, parts: object = parts, idf: dict[str, float] = idf
            ) -> dict[str, float]:
                found: list[str] = parts(text)  # type: ignore[operator]
                raw = {p: (1 + log(found.count(p))) * idf[p] for p in found if p in idf}
                norm = sqrt(sum(v * v for v in raw.values()))
                return {p: v / norm for p, v in raw.items()}

            a, b = vector(text), vector(other)
            total += sum(value * b.get(p, 0.0) for p, value in a.items())
        return total

    wanted = sorted(range(3), key=lambda at: -similarity("the lost card", texts[at]))
    assert found == wanted == [0, 2, 1]


def test_texts_without_a_word_are_compared_too() -> None:
    assert Similar([":)", ":("]).nearest([":("], 1).tolist() == [[1]]
    assert Similar([" ", "\n"]).nearest(["x"], 1).tolist() == [[0]]


class TestPrompts:
    def test_more_shots_hold_the_fewer(self) -> None:
        shown = {}
        for shots in (1, 2, 3):
            candidate = built("few_shot", shots=shots)
            candidate.fit(ROWS, SETTING)
            shown[shots] = candidate.values["examples"]
        assert shown[2][-1:] == shown[1]
        assert shown[3][-2:] == shown[2]

    def test_the_nearest_example_stands_last(self) -> None:
        asked: list[Content] = []

        def listen(rows: Sequence[Content]) -> list[Said]:
            asked.extend(rows)
            return echo(rows)

        candidate = built("rag", shots=2)
        candidate.fit(ROWS, SETTING)
        candidate.answer(NEW[:1], TextSetting(seed=1, prompted=listen))
        (row,) = asked
        assert isinstance(row, Conversation)
        assert [m.text for m in row.messages][-3:] == [
            "where is my card",
            "it is lost",
            "where is the card today",
        ]

    def test_examples_that_leave_no_room_are_left_out_and_counted(self) -> None:
        candidate = built("few_shot", shots=3)
        candidate.fit(ROWS, SETTING)
        narrow = TextSetting(
            seed=1, prompted=echo, prompt_tokens=SETTING.prompt_tokens, most_tokens=14
        )
        said = [int(one.text or "") for one in candidate.answer(NEW, narrow)]
        assert all(turns < 7 for turns in said)
        left_out = sum((7 - turns) // 2 for turns in said)
        told = f"{left_out} of {3 * len(NEW)} examples did not fit into their prompts"
        assert candidate.notes() == [told]
        candidate.answer(NEW, narrow)
        assert candidate.notes() == [
            told.replace(str(left_out), str(2 * left_out)).replace(
                str(3 * len(NEW)), str(6 * len(NEW))
            )
        ], "of all answers so far, as those of several folds"

    def test_a_system_turn_stays_first_and_stands_once(self) -> None:
        examples = [chat("a", "b", system="be brief"), chat("c", "d", system="be brief")]
        own = with_examples(chat("e", system="be long"), examples)
        assert isinstance(own, Conversation)
        assert [(m.role, m.text) for m in own.messages] == [
            ("system", "be long"),
            *[("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")],
            ("user", "e"),
        ]
        theirs = with_examples(chat("e"), examples)
        assert isinstance(theirs, Conversation)
        assert [m.role for m in theirs.messages].count("system") == 1
        assert theirs.messages[0].text == "be brief"

    def test_plain_texts_end_where_the_next_example_would_begin(self) -> None:
        row, example = (
            Completion(prompt="3:", completion=None),
            Completion(prompt="1:", completion="one"),
        )
        prompt = with_examples(row, [example])
        assert isinstance(prompt, Completion)
        assert prompt.prompt == "1:one\n\n3:"
        said = Said(text="three\n\n4:four", cut_off=True)
        assert up_to_the_next(said, row, [example]) == Said(text="three")
        several = Completion(prompt="1:", completion="one\n\ntwo")
        assert up_to_the_next(said, row, [several]) == said
        assert up_to_the_next(said, row, []) == said
        assert up_to_the_next(said, chat("3"), [chat("1", "one")]) == said


def test_a_damaged_candidate_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no candidate"):
        load_text_candidate(tmp_path)
    (tmp_path / "candidate.json").write_text('{"candidate": "rag"}')
    with pytest.raises(ModelError, match="damaged"):
        load_text_candidate(tmp_path)


def test_what_a_model_writes_is_what_transformers_writes(tmp_path: Path) -> None:
    """Renderer and decoder together, held against the model asked by hand."""
    folder = make_writer(tmp_path / "writer")
    model, tokenizer = load_writing_model(folder)
    loaded = load_chat_model(folder)
    renderer = Renderer(loaded.tokenizer, loaded.templates)
    asker = Asker(model, tokenizer, renderer, GenerationConfig(max_new_tokens=5), ROWS)
    said = asker.ask(NEW)
    for row, one in zip(NEW, said, strict=True):
        ids = renderer.prompt(without_answer(row)).token_ids
        whole = model.generate(
            torch.tensor([ids]), max_new_tokens=5, do_sample=False, eos_token_id=3, pad_token_id=0
        )[0, len(ids) :]
        assert one.text == tokenizer.decode(whole, skip_special_tokens=True)
        assert one.read_tokens == len(ids) == asker.prompt_tokens(row)
        assert one.cut_off == (3 not in whole.tolist())
        assert one.confidence is not None
        assert 0 < one.confidence <= 1
    long = chat("card " * 60)
    assert asker.ask([long])[0].text is None, "a prompt that does not fit has no answer"
