from __future__ import annotations

import pytest

from tunewright.data.names import (
    GROUP_NAMES,
    LABEL_NAMES,
    TEXT_NAMES,
    is_group_name,
    is_key_name,
    is_known_name,
    rank_of,
    words_of,
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("customer_id", ["customer", "id"]),
        ("customerId", ["customer", "id"]),
        ("CustomerID", ["customer", "id"]),
        ("Customer ID", ["customer", "id"]),
        ("sentence1", ["sentence1"]),
        ("größe", ["größe"]),
        ("", []),
    ],
)
def test_names_have_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize("cell", ["text", " Label ", "user_text", "labelName", "y", "ID"])
def test_known_names(cell: str) -> None:
    assert is_known_name(cell)


@pytest.mark.parametrize(
    "cell", ["my text is here", "the label", "hello", "", "42", "text, label", "x" * 100_000]
)
def test_what_is_no_name(cell: str) -> None:
    assert not is_known_name(cell)


def test_exact_names_go_before_names_that_contain_a_word() -> None:
    assert rank_of("text", TEXT_NAMES) == 0
    assert rank_of("y", LABEL_NAMES) < rank_of("label_gold", LABEL_NAMES)  # type: ignore[operator]
    assert rank_of("customerId", GROUP_NAMES) == len(GROUP_NAMES) + GROUP_NAMES.index("customer")
    assert rank_of("price", LABEL_NAMES) is None


@pytest.mark.parametrize("name", ["Kd.Nr", "order_id", "Kundennummer", "contract no."])
def test_numbers_of_something(name: str) -> None:
    assert is_key_name(name)
    assert not is_group_name(name)


@pytest.mark.parametrize("name", ["id", "row number", "label id", "category_no", "Anliegen", ""])
def test_no_numbers_of_something(name: str) -> None:
    assert not is_key_name(name)
