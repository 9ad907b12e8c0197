from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tunewright.data.values import NotTextError, as_text, shown, shown_list


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("007", "007"),
        (" a ", " a "),
        (1, "1"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (True, "true"),
        (False, "false"),
        (float("nan"), None),
        (Decimal("1.10"), "1.10"),
        (date(2026, 11, 21), "2026-11-21"),
        (10**400, "1" + "0" * 400),
    ],
)
def test_values_become_text_without_loss(value: object, expected: str | None) -> None:
    assert as_text(value) == expected


@pytest.mark.parametrize(
    ("value", "kind"), [([1], "a list"), ({}, "an object"), (b"x", "binary data")]
)
def test_what_is_no_text_is_named(value: object, kind: str) -> None:
    with pytest.raises(NotTextError, match=kind):
        as_text(value)


def test_shown_text_is_short_and_printable() -> None:
    assert shown("label") == "'label'"
    assert shown("a\tb\n\udcff") == r"'a\tb\n\udcff'"
    assert len(shown("x" * 1000)) == 42
    shown("\ud800").encode("utf-8")


def test_long_lists_are_counted() -> None:
    assert shown_list(["a", "b"]) == "'a', 'b'"
    assert shown_list(["a", "b", "c"], at_most=1) == "'a' and 2 more"
