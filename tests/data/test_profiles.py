from __future__ import annotations

import pytest

from tunewright.data.profiles import profile


def test_the_numbers_of_a_column() -> None:
    found = profile("c", ["a b", " a b ", "c", None, "  "])
    assert (found.filled, found.distinct) == (3, 2)
    assert found.missing_share == pytest.approx(0.4)
    assert found.distinct_share == pytest.approx(2 / 3)
    assert found.mean_length_characters == pytest.approx(7 / 3)
    assert found.mean_words == pytest.approx(5 / 3)
    assert found.number_share == 0
    assert profile("c", ["1", "x"]).number_share == 0.5
    assert profile("c", ["1.2.2025", "x"]).date_share == 0.5
    assert (found.rows, profile("c", []).rows) == (5, 0)


def test_an_empty_column_divides_nothing_by_zero() -> None:
    found = profile("c", [])
    assert (found.filled, found.missing_share, found.is_class, found.is_number) == (
        0,
        1,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("values", "is_class", "is_quantity"),
    [
        (["a", "b"] * 10, True, False),
        (["1", "2", "3", "4", "5"] * 10, True, False),
        (["0.0", "1.0"] * 10, True, False),
        ([str(n) for n in range(77)] * 10, True, False),
        ([f"{n}.5" for n in range(10)] * 10, True, False),
        ([f"{n}.5" for n in range(11)] * 10, False, True),
        ([f"{n},5" for n in range(20)] * 10, False, True),
        ([str(n) for n in range(20)] * 2, True, False),
        ([str(n) for n in range(21)] * 2, False, True),
        (["same"] * 10, False, False),
        ([*["a", "b"] * 9, "one that is long " * 5000, "c"], True, False),
        ([f"{n % 28 + 1:02}.{n % 12 + 1:02}.2025" for n in range(200)], False, False),
        ([f"2025-01-{n % 25 + 1:02} 10:{n % 60:02}" for n in range(80)], False, False),
        ([f"2025-01-{n % 5 + 1:02}" for n in range(80)], True, False),
        ([f"text {n}" for n in range(10)], False, False),
        (["a long text " * 10, "another long text " * 10] * 10, False, False),
    ],
)
def test_labels_are_told_from_quantities_and_texts(
    values: list[str], is_class: bool, is_quantity: bool
) -> None:
    found = profile("c", values)
    assert (found.is_class, found.is_quantity) == (is_class, is_quantity)


def test_slices_are_few() -> None:
    assert profile("c", ["web", "phone"] * 10).is_slice
    assert profile("c", [f"shop {n}" for n in range(20)] * 10).is_slice
    assert not profile("c", [f"shop {n}" for n in range(21)] * 10).is_slice
    assert not profile("c", ["a" * 50, "b" * 50] * 10).is_slice
