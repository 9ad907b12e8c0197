"""Whole syntheses with a model that answers by rules: every row counted, stopped in good order."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.curate.synthesis.helpers import Scripted, labelled, material, qa
from tunewright.core.errors import ConfigError
from tunewright.curate.generators.base import Generated
from tunewright.curate.generators.cache import CachedGenerator
from tunewright.curate.synthesis import METHODS
from tunewright.curate.synthesis.material import HeldOut, Material
from tunewright.curate.synthesis.methods.evolve import OPERATIONS
from tunewright.curate.synthesis.methods.questions import passages_of
from tunewright.curate.synthesis.rows import question_of
from tunewright.curate.synthesis.run import Synthesis, synthesise
from tunewright.data.content import (
    ASSISTANT,
    SYSTEM,
    USER,
    Completion,
    Conversation,
    Message,
    Preference,
)
from tunewright.data.schemas import SCHEMAS

_NOUNS = ["apple", "bridge", "candle", "desk", "engine", "forest"]
_NOUNS += ["garden", "harbour", "island", "jacket", "kettle", "ladder"]
_VERBS = ["paint", "carry", "repair", "measure", "sketch", "borrow"]
_VERBS += ["polish", "weigh", "photograph", "wrap", "label", "count"]
_ASKS = ("Explain how to {v} a {n}", "Why would anyone {v} the {n}?", "Name {k} ways to {v} a {n}",
         "What does it cost to {v} {k} {n}s?", "Describe a {n} that nobody can {v}")  # fmt: skip
ROWS = [qa(f"How do I {v} my {n} today?", f"You {v} it with care.") for v, n in zip(
    _VERBS, _NOUNS, strict=True
)]  # fmt: skip


def new_request(draw: random.Random) -> str:
    return draw.choice(_ASKS).format(
        v=draw.choice(_VERBS), n=draw.choice(_NOUNS), k=draw.randint(2, 9)
    )


def helpful(prompt: str, seed: int) -> str:
    """Writes requests, answers them, changes them, compares them."""
    draw = random.Random(f"{prompt}{seed}")
    if prompt.endswith("Reply:"):
        return "Different"
    if prompt.endswith("New request:"):
        return new_request(draw)
    first = re.search(r"Request (\d+):\Z", prompt)
    if first:
        numbers = range(int(first[1]), int(first[1]) + 4)
        return "\n".join(f"Request {n}: {new_request(draw)}" for n in numbers)
    request = re.findall(r"Request: (.+)\nAnswer:\Z", prompt)[-1]
    return f"With care: {request.split()[-1]}"


def accounted(found: Synthesis) -> None:
    assert found.generated == len(found.rows) + len(found.rejected)
    assert sum(found.counts.values()) == len(found.rejected)
    assert Counter(row["filter"] for row in found.rejected) == found.counts


@pytest.mark.parametrize("method", ["self_instruct", "evolve"])
def test_requests_with_answers(method: str) -> None:
    held = HeldOut(test=[new_request(random.Random(n)) for n in range(5)])
    given = material(ROWS, rule=helpful, method=method, count=20, held_out=held, least_yield=0)
    found = synthesise(given)
    accounted(found)
    assert len(found.rows) == 20
    assert found.stop is None
    texts = [row["question"] for row in found.rows]
    assert len(set(texts)) == 20
    assert not set(texts) & {question_of(row) for row in ROWS} | set(texts) & set(held.test)
    for row in found.rows:
        assert row["_synthetic"] is True
        assert (row["_method"], row["_generator"]) == (method, "scripted@0")
        assert all(place.startswith(("rows.jsonl, row ", "new row ")) for place in row["_origin"])
        assert re.fullmatch("[0-9a-f]{32}", row["_prompt_hash"])
        assert isinstance(row["_seed"], int)
    if method == "evolve":
        assert {row["_operation"] for row in found.rows} <= set(OPERATIONS)
        assert {row["_evolution"] for row in found.rows} > {1}, "some went further"
    else:
        assert any("new row" in place for row in found.rows for place in row["_origin"])


def test_a_prompt_shows_seeds_and_new_rows() -> None:
    generator = Scripted(helpful)
    synthesise(material(ROWS, generator=generator, count=30, least_yield=0))
    asked = [text for text, _ in generator.asked if text.startswith("Below are requests from")]
    shown = [re.findall(r"(?m)^Request \d+: (.+)$", text) for text in asked]
    seeds = {question_of(row) for row in ROWS}
    assert all(sum(text in seeds for text in texts) == 6 for texts in shown)
    assert max(len(texts) for texts in shown) == 8, "two of them new"


def test_every_kind_of_schema_gets_its_rows() -> None:
    rows = [
        Conversation(
            messages=(
                Message(role=SYSTEM, content="Be kind."),
                *row.messages,
            )
        )
        for row in ROWS
    ]
    given = material(rows, rule=helpful, count=3, schema=SCHEMAS.get("messages")({}))
    for row in synthesise(given).rows:
        content = given.schema.read(row)
        assert isinstance(content, Conversation)
        assert [m.role for m in content.messages] == [SYSTEM, USER, ASSISTANT]
        assert content.messages[0].text == "Be kind."
    plain = [Completion(prompt=question_of(row), completion=row.answer) for row in ROWS]
    given = material(plain, rule=helpful, count=3, schema=SCHEMAS.get("prompt_completion")({}))
    found = synthesise(given).rows
    assert len(found) == 3
    assert all({"prompt", "completion"} <= row.keys() for row in found)


CARDS = [labelled(f"my card {v} is {n}", "card") for v, n in zip(_VERBS, _NOUNS, strict=True)]
BILLS = [
    labelled(f"the bill {v} for {n}", "bill") for v, n in zip(_VERBS[:4], _NOUNS, strict=False)
]


def texts_of_a_label(prompt: str, seed: int) -> str:
    draw = random.Random(f"{prompt}{seed}")
    label = re.findall("“(.+)”", prompt)[0]
    first = int(re.findall(r"(\d+)\.\Z", prompt)[0])
    return "\n".join(
        f"{first + n}. {label} {new_request(draw)}"
        if n % 2
        else f"{first + n}. {new_request(draw)}"
        for n in range(4)
    )


def words_decide(texts: list[str]) -> list[tuple[str, float]]:
    return [
        ("card" if "card " in text else "bill" if "bill " in text else "?", 0.8) for text in texts
    ]


def by_label(balance: str, count: int) -> Counter[str]:
    given = material(
        [*CARDS, *BILLS],
        rule=texts_of_a_label,
        method="class_conditional",
        count=count,
        balance=balance,
        predict=words_decide,
        descriptions={"bill": "about an invoice"},
        prompts_per_batch=2,
    )
    found = synthesise(given)
    accounted(found)
    assert found.counts["label_agreement"] > 0
    for row in found.rows:
        assert row["label"] in row["text"]
    return Counter(row["label"] for row in found.rows)


def test_labels_get_as_many_rows() -> None:
    counts = by_label("even", 12)
    assert abs(counts["card"] - counts["bill"]) <= 2


def test_the_scarce_label_goes_first() -> None:
    assert by_label("scarce", 5) == {"bill": 5}


def test_what_a_label_means_and_what_it_is_not() -> None:
    generator = Scripted(texts_of_a_label)
    given = material(
        [*CARDS, *BILLS],
        generator=generator,
        method="class_conditional",
        count=2,
        predict=words_decide,
        descriptions={"bill": "about an invoice"},
    )
    synthesise(given)
    asked = next(text for text, _ in generator.asked if "“bill”" in text)
    assert "“bill” (about an invoice)" in asked
    assert "None may belong to another category: card." in asked


def test_a_label_that_never_passes_does_not_hold_up_the_other() -> None:
    given = material(
        [*CARDS, *BILLS],
        rule=texts_of_a_label,
        method="class_conditional",
        count=10,
        predict=lambda texts: [("card", 0.9)] * len(texts),
        prompts_per_batch=2,
    )
    found = synthesise(given)
    assert Counter(row["label"] for row in found.rows) == {"card": 10}


DOCUMENT = "\n\n".join(
    f"The {n} of the old town was made in {1800 + 7 * i} by a master called {v.title()}. "
    f"It weighs {i + 3} tons and stands beside the gate." for i, (n, v) in enumerate(
        zip(_NOUNS, _VERBS, strict=True)
    )
)  # fmt: skip


def of_passages(prompt: str, seed: int) -> str:
    facts = re.findall(r"The (\w+) of the old town was made in (\d+)", prompt)
    if "by the passage alone" in prompt:
        noun = re.findall(r"Question: When was the (\w+)", prompt)[0]
        return dict(facts)[noun]
    pairs = [f"Question: When was the {n} of the town made?\nAnswer: {y}" for n, y in facts[:3]]
    wrong = f"Question: When was the {facts[-1][0]} built?\nAnswer: 1066"
    return "\n\n".join([*pairs, wrong, "Question: What does the passage say?\nAnswer: Much."])


def test_questions_about_documents() -> None:
    passages = list(passages_of(DOCUMENT, "town.md", 400))
    given = material(passages=passages, rule=of_passages, method="questions", count=100, novelty=1)
    found = synthesise(given)
    accounted(found)
    assert found.stop is not None and found.stop.kind == "exhausted"
    assert found.counts["round_trip"] > 0, "1066 is not what the passage says"
    assert found.counts["schema"] > 0
    years = {noun: str(1800 + 7 * i) for i, noun in enumerate(_NOUNS)}
    for row in found.rows:
        noun = row["question"].split()[3]
        assert row["answer"] == years[noun]
        assert noun in row["_passage"]
        assert row["_origin"][0].startswith("town.md, characters ")


def two_answers(prompt: str, seed: int) -> str:
    if prompt.endswith("Better:"):
        a, b = re.findall(r"(?s)Answer A:\n(.*)\n\nAnswer B:\n(.*)\n\nWhich", prompt)[0]
        if "kettle" in prompt:
            return "A"  # leans to what stands first
        return "A" if len(a) > len(b) else "B"
    hasty = "first thing" in prompt
    return "Oh, somehow." if hasty else "First look at it, then go on slowly and well."


def test_preference_pairs() -> None:
    given = material(
        ROWS,
        rule=two_answers,
        method="preferences",
        count=len(ROWS) - 1,
        schema=SCHEMAS.get("preference")({}),
    )
    found = synthesise(given)
    accounted(found)
    assert len(found.rows) == len(ROWS) - 1
    for row in found.rows:
        content = given.schema.read(row)
        assert isinstance(content, Preference)
        assert content.chosen[0].text.startswith("First look")
        assert content.rejected[0].text == "Oh, somehow."
        assert row["_chosen"] == "careful"
    ties = [row for row in found.rejected if "tie" in row["reason"] or "order" in row["reason"]]
    assert len(ties) >= 1, "a judge that goes by the order decides nothing"
    assert "kettle" not in str(found.rows)


def poor(prompt: str, seed: int) -> str:
    return "Request 7: How do I paint my apple today?"


def test_a_poor_yield_stops_it() -> None:
    found = synthesise(material(ROWS, rule=poor, count=50, yield_batches=3))
    accounted(found)
    assert found.stop is not None
    assert (found.stop.kind, found.batches) == ("yield", 3)
    assert "0 of the last" in found.stop.message


def test_prompts_that_fail_are_counted() -> None:
    failed = Generated(text="", tokens=0, seconds=0.0, problem="the prompt is too long")
    for method in ("self_instruct", "evolve"):
        given = material(ROWS, rule=lambda p, s: failed, method=method, yield_batches=2)
        found = synthesise(given)
        accounted(found)
        assert {row["reason"] for row in found.rejected} == {"the prompt is too long"}
        assert found.cost.failed == found.generated > 0


def test_cut_answers_are_rejected() -> None:
    def cut(prompt: str, seed: int) -> Generated:
        return Generated(text=helpful(prompt, seed), tokens=9, seconds=0.0, finished=False)

    found = synthesise(material(ROWS, rule=cut, yield_batches=1))
    accounted(found)
    assert not found.rows
    assert {row["reason"] for row in found.rejected} == {
        "the answer was cut at the most tokens allowed"
    }


def outcome(work: Path, most: int | None = None) -> tuple[Synthesis, Scripted]:
    inner = Scripted(helpful)
    generator = CachedGenerator(inner, work / "answers.jsonl", most)
    return synthesise(material(ROWS, generator=generator, count=15)), inner


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    whole, _ = outcome(tmp_path / "whole")
    first, asked = outcome(tmp_path / "parts", most=60)
    accounted(first)
    assert first.stop is not None and first.stop.kind == "budget"
    assert len(asked.asked) <= 60
    second, more = outcome(tmp_path / "parts")
    assert second.rows == whole.rows
    assert second.rejected == whole.rejected
    assert second.rows[: len(first.rows)] == first.rows
    assert second.cost.cached == len(asked.asked)
    assert second.cost.requests == len(more.asked)


def test_another_seed_makes_other_rows(tmp_path: Path) -> None:
    one = synthesise(material(ROWS, rule=helpful, count=5)).rows
    other = synthesise(material(ROWS, rule=helpful, count=5, seed=1)).rows
    assert one != other
    assert one == synthesise(material(ROWS, rule=helpful, count=5)).rows


@pytest.mark.parametrize("method", METHODS.names())
def test_data_that_does_not_fit_is_told(method: str) -> None:
    wrong: Material = material(
        ROWS if method == "class_conditional" else CARDS,
        method=method,
    )
    with pytest.raises(ConfigError) as caught:
        synthesise(wrong)
    assert caught.value.fix


def test_a_row_of_two_texts() -> None:
    from tunewright.data.content import Labelled

    def both(prompt: str, seed: int) -> str:
        first = int(re.findall(r"(\d+)\.\Z", prompt)[0])
        draw = random.Random(f"{prompt}{seed}")
        good = f"subject: {new_request(draw)}\nbody: {new_request(draw)}"
        return f"{first}. {good}\n{first + 1}. body: alone {new_request(draw)}"

    rows = [
        Labelled(texts={"subject": f"{v} it", "body": f"the {n}"}, label=label)
        for label in ("a", "b")
        for v, n in zip(_VERBS[:3], _NOUNS, strict=False)
    ]
    columns = {"text": "subject", "text_2": "body", "label": "label"}
    given = material(
        rows,
        rule=both,
        method="class_conditional",
        count=4,
        schema=SCHEMAS.get("classification")(columns),
    )
    found = synthesise(given)
    accounted(found)
    assert len(found.rows) == 4
    assert all(row["subject"] and row["body"] and row["label"] in "ab" for row in found.rows)
    assert {row["reason"] for row in found.rejected if row["filter"] == "schema"} == {
        "the texts of the row cannot be told apart"
    }


def test_turns_of_the_seeds_stay_in_pairs() -> None:
    turns = (
        Message(role=USER, content="Hello"),
        Message(role=ASSISTANT, content="Hello, how can I help?"),
        Message(role=USER, content="What is a yew?"),
        Message(role=ASSISTANT, content="A tree."),
    )
    given = material(
        [Conversation(messages=turns)] * 2,
        rule=two_answers,
        method="preferences",
        count=1,
        schema=SCHEMAS.get("preference")({}),
    )
    found = synthesise(given)
    assert len(found.rows) == 1
    content = given.schema.read(found.rows[0])
    assert isinstance(content, Preference)
    assert [m.text for m in content.prompt] == [m.text for m in turns[:-1]]
