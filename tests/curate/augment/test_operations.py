"""Every operation on texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.errors import ConfigError, DataError
from tunewright.curate.augment import OPERATIONS
from tunewright.curate.augment.base import Materials, default_share
from tunewright.curate.augment.noise import NEIGHBOURS
from tunewright.curate.augment.synonyms import common_synonyms, read_synonyms
from tunewright.curate.augment.words import Words
from tunewright.curate.generators.base import Generated, Generator, Prompt

SENTENCE = "Please help me, I need to buy a new card quickly!"
RANDOM = [name for name in OPERATIONS if not OPERATIONS.get(name).needs_generator]


def one(name: str, text: str, seed: int = 0, share: float = 0.1, **more: object) -> str | None:
    """One variant of one text."""
    known = {"synonyms": common_synonyms(), **more}
    operation = OPERATIONS.get(name)(Materials(share=share, **known))  # type: ignore[arg-type]
    return operation.variants([text], [seed])[0]


class Echo(Generator):
    """Writes what a test tells it to, and keeps the prompts."""

    identity = "echo"  # type: ignore[assignment]

    def __init__(self, write: object) -> None:
        self.write = write
        self.prompts: list[str] = []

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int = 64,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> list[Generated]:
        self.prompts += [str(prompt) for prompt in prompts]
        return [self.write(str(prompt)) for prompt in prompts]  # type: ignore[operator]


@pytest.mark.parametrize("name", RANDOM)
def test_equal_seeds_give_equal_variants(name: str) -> None:
    assert one(name, SENTENCE, 7) == one(name, SENTENCE, 7)
    assert len({one(name, SENTENCE, seed) for seed in range(20)}) > 1


@pytest.mark.parametrize("name", RANDOM)
@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=1, max_size=60), seed=st.integers(0, 2**63 - 1))
def test_any_text_gives_a_variant_or_none(name: str, text: str, seed: int) -> None:
    found = one(name, text, seed, share=0.3)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize("name", RANDOM)
def test_a_text_without_words_has_no_variant(name: str) -> None:
    assert one(name, "?!") is None


def test_a_synonym_replaces_a_word_and_keeps_the_rest() -> None:
    found = one("synonym", "BUY it. I want to buy!", synonyms={"buy": ["purchase"]})
    assert found == "PURCHASE it. I want to purchase!"
    assert one("synonym", "Buy it", synonyms={"buy": ["purchase"]}) == "Purchase it"
    assert one("synonym", "no such word", synonyms={"buy": ["purchase"]}) is None


def test_insert_adds_as_many_synonyms_as_the_share_says() -> None:
    text = " ".join(["buy"] + ["word"] * 19)
    found = one("insert", text, share=0.2, synonyms={"buy": ["purchase"]})
    assert found is not None
    assert found.split().count("purchase") == 4
    assert len(found.split()) == 24


def test_swap_keeps_every_word() -> None:
    found = one("swap", SENTENCE)
    assert found is not None
    assert found != SENTENCE
    assert sorted(Words(found).words) == sorted(Words(SENTENCE).words)
    assert one("swap", "same Same") is None


def test_delete_takes_some_words_and_never_all() -> None:
    for seed in range(30):
        found = one("delete", "one two three", seed, share=0.95)
        assert found is not None
        assert 1 <= len(found.split()) < 3


def test_noise_keeps_the_first_letter_digits_and_short_words() -> None:
    for seed in range(30):
        found = one("noise", "I pay 1234 euros", seed, share=0.5)
        assert found is not None
        assert found.startswith("I pay 1234 e")
        assert found != "I pay 1234 euros"


def test_neighbours_are_keys_side_by_side() -> None:
    assert NEIGHBOURS["q"] == "aw"
    assert set(NEIGHBOURS["g"]) == set("fhtyvb")
    assert all(a in NEIGHBOURS[b] for a, near in NEIGHBOURS.items() for b in near)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_words_and_what_is_between_them_are_the_text(text: str) -> None:
    assert Words(text).text() == text


def test_the_share_follows_the_number_of_rows() -> None:
    assert (default_share(500), default_share(2000), default_share(5000)) == (0.05, 0.05, 0.1)


def test_paraphrases_come_from_the_model_and_cut_ones_are_dropped() -> None:
    def write(prompt: str) -> Generated:
        cut = "broken" in prompt
        return Generated(text=' "my card is lost" ', tokens=4, seconds=0, finished=not cut)

    echo = Echo(write)
    operation = OPERATIONS.get("paraphrase")(Materials(share=0.1, generator=echo))
    assert operation.variants(["lost\ncard", "broken"], [1, 2]) == ["my card is lost", None]
    assert "lost card" in echo.prompts[0]
    assert operation.variants([], []) == []


def test_back_translation_goes_there_and_back() -> None:
    def write(prompt: str) -> Generated:
        there = "to German" in prompt
        text = "Karte weg" if there and "lost" in prompt else "" if there else "the card is gone"
        return Generated(text=text, tokens=2, seconds=0)

    echo = Echo(write)
    operation = OPERATIONS.get("back_translation")(Materials(share=0.1, generator=echo))
    assert operation.variants(["lost card", "other"], [1, 2]) == ["the card is gone", None]
    assert echo.prompts[-1].endswith("Karte weg")
    assert len(echo.prompts) == 3, "what was not translated there is not translated back"


def test_the_list_replaces_words_by_other_words() -> None:
    known = common_synonyms()
    assert len(known) > 200
    for word, others in known.items():
        assert word == word.lower()
        assert others
        assert word not in others
        assert len(set(others)) == len(others)


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# ours\nParcel, package\n\npackage, box\n", encoding="utf-8")
    assert read_synonyms(path) == {
        "parcel": ["package"],
        "package": ["parcel", "box"],
        "box": ["package"],
    }


@pytest.mark.parametrize("line", ["alone", "a, ", ", b"])
def test_a_line_with_one_word_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(f"a, b\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match="row 2"):
        read_synonyms(path)


def test_a_list_that_is_missing_or_empty_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_synonyms(tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match="empty"):
        read_synonyms(tmp_path / "empty.txt")


def test_random_operations_do_not_touch_the_global_generator() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    for name in RANDOM:
        one(name, SENTENCE)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]
