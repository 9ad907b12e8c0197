"""Check digits, against numbers that their makers publish as examples."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tunewright.audit.desk import identifiers as ids

PUBLISHED: list[tuple[Callable[[str], bool], str]] = [
    (ids.luhn, "79927398713"),
    (ids.verhoeff, "2363"),
    (ids.payment_card, "4111111111111111"),
    (ids.payment_card, "5555555555554444"),
    (ids.payment_card, "378282246310005"),
    (ids.payment_card, "3530111333300000"),
    (ids.iban, "GB82WEST12345698765432"),
    (ids.iban, "DE89370400440532013000"),
    (ids.iban, "FR1420041010050500013M02606"),
    (ids.iban, "NL91ABNA0417164300"),
    (ids.iban, "MT84MALT011000012345MTLCAST001S"),
    (ids.german_tax, "86095742719"),
    (ids.german_tax, "65929970489"),
    (ids.french_social_security, "255081416802538"),
    (ids.spanish_identity, "12345678Z"),
    (ids.spanish_identity, "X1234567L"),
    (ids.italian_fiscal, "RSSMRA85T10A562S"),
    (ids.dutch_citizen, "111222333"),
    (ids.polish_pesel, "44051401359"),
    (ids.swedish_personal, "8112189876"),
    (ids.brazilian_cpf, "52998224725"),
    (ids.indian_aadhaar, "234123412346"),
    (ids.chinese_resident, "11010519491231002X"),
]


@pytest.mark.parametrize(("check", "number"), PUBLISHED)
def test_a_published_number_is_valid(check: Callable[[str], bool], number: str) -> None:
    assert check(number)


@pytest.mark.parametrize(("check", "number"), PUBLISHED)
def test_a_changed_digit_is_noticed(check: Callable[[str], bool], number: str) -> None:
    changed = [
        number[:place] + str((int(digit) + 1) % 10) + number[place + 1 :]
        for place, digit in enumerate(number)
        if digit.isdigit()
    ]
    # dates, ranges and countries are looked at too, so some changes are caught twice
    assert not any(map(check, changed))


@pytest.mark.parametrize(
    "check", [ids.luhn, ids.verhoeff, ids.dutch_citizen, ids.german_tax, ids.brazilian_cpf]
)
def test_few_random_numbers_pass(check: Callable[[str], bool]) -> None:
    lengths: dict[Callable[[str], bool], int] = {
        ids.dutch_citizen: 9,
        ids.german_tax: 11,
        ids.brazilian_cpf: 11,
    }
    draw = random.Random(7)
    length = lengths.get(check, 16)
    drawn = ["".join(draw.choices("0123456789", k=length)) for _ in range(2000)]
    assert sum(map(check, drawn)) < 0.13 * len(drawn)


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("536904399", True),
        ("000904399", False),
        ("666904399", False),
        ("912904399", False),
        ("536004399", False),
        ("536900000", False),
        ("078051120", False),
    ],
)
def test_ranges_of_us_social_security(number: str, valid: bool) -> None:
    assert ids.us_social_security(number) is valid


@pytest.mark.parametrize(
    ("number", "valid"),
    [("AB123456C", True), ("DA123456A", False), ("GB123456A", False), ("AB123456E", False)],
)
def test_letters_of_uk_national_insurance(number: str, valid: bool) -> None:
    assert ids.uk_national_insurance(number) is valid


def test_an_iban_has_the_length_of_its_country() -> None:
    assert not ids.iban("GB82WEST1234569876543")
    assert not ids.iban("ZZ82WEST12345698765432")
