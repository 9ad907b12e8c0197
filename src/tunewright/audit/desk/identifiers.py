"""Numbers that name a person, a card or an account, told apart by their check digits.

Each function takes a number without spaces and marks and says whether it can be one. Check digits
catch nine of ten or more of the numbers that only look alike; where one in ten is not enough, the
finder (`personal.py`) also wants a word beside the number that says what it is.
"""

from __future__ import annotations

from collections import Counter
from datetime import date

_VERHOEFF_PRODUCT = tuple(
    tuple(map(int, row))
    for row in (
        "0123456789",
        "1234067895",
        "2340178956",
        "3401289567",
        "4012395678",
        "5987604321",
        "6598710432",
        "7659821043",
        "8765932104",
        "9876543210",
    )
)
_VERHOEFF_MOVES = tuple(
    tuple(map(int, row))
    for row in (
        "0123456789",
        "1576283094",
        "5803796142",
        "8916043527",
        "9453126870",
        "4286573901",
        "2793806415",
        "7046913258",
    )
)

_IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""Characters of an account number, and the countries that have so many (public IBAN registry)."""

_IBAN_LENGTHS = {
    country: length
    for length, countries in _IBAN_COUNTRIES.items()
    for country in countries.split()
}

_CARD_RANGES = (
    # first digits from, to, lengths
    (4, 4, (16,)),  # Visa
    (51, 55, (16,)),  # Mastercard
    (2221, 2720, (16,)),  # Mastercard
    (34, 34, (15,)),  # American Express
    (37, 37, (15,)),
    (6011, 6011, (16,)),  # Discover
    (644, 659, (16,)),
    (3528, 3589, (16,)),  # JCB
    (62, 62, (16, 17, 18, 19)),  # UnionPay
    (2200, 2204, (16,)),  # Mir
    (300, 305, (14,)),  # Diners Club
    (36, 36, (14,)),
    (38, 39, (14,)),
    (5018, 5018, (16,)),  # Maestro
    (5020, 5020, (16,)),
    (5038, 5038, (16,)),
    (6304, 6304, (16,)),
    (6759, 6763, (16,)),
)

_NINO_FIRST = frozenset("ABCEGHJKLMNOPRSTWXYZ")
_NINO_SECOND = frozenset("ABCEGHJKLMNPRSTWXYZ")
_NINO_NEVER = frozenset(("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"))
_SSN_NEVER = frozenset(("078051120", "219099999", "123456789"))
"""Numbers that were printed on sample cards, and the one that everybody writes as an example."""

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_FISCAL_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
            *(2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        ),
        strict=True,
    )
)


def luhn(number: str) -> bool:
    """Whether the digits end in their Luhn check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) << (place & 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def verhoeff(number: str) -> bool:
    """Whether the digits end in their Verhoeff check digit (Verhoeff 1969)."""
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = _VERHOEFF_PRODUCT[check][_VERHOEFF_MOVES[place % 8][int(digit)]]
    return check == 0


def payment_card(number: str) -> bool:
    """Luhn, a range of a known issuer, and not one digit all the way."""
    if len(set(number)) < 2 or not luhn(number):
        return False
    return any(
        len(number) in lengths and low <= int(number[: len(str(low))]) <= high
        for low, high, lengths in _CARD_RANGES
    )


def iban(number: str) -> bool:
    """An account number with the length of its country and the check of ISO 13616 (mod 97)."""
    number = number.upper()
    if _IBAN_LENGTHS.get(number[:2]) != len(number) or not number[2:4].isdigit():
        return False
    moved = number[4:] + number[:4]
    if not (moved.isascii() and moved.isalnum()):
        return False
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def us_social_security(number: str) -> bool:
    """Nine digits in a range that is given out (rules since 2011)."""
    area = int(number[:3])
    given = area not in (0, 666) and area < 900 and number[3:5] != "00" and number[5:] != "0000"
    return given and number not in _SSN_NEVER and len(set(number)) > 1


def uk_national_insurance(number: str) -> bool:
    """Two letters that are given out, six digits, a letter from A to D."""
    number = number.upper()
    first, second = number[0], number[1]
    return (
        first in _NINO_FIRST
        and second in _NINO_SECOND
        and number[:2] not in _NINO_NEVER
        and number[8] in "ABCD"
        and number != "QQ123456C"
    )


def german_tax(number: str) -> bool:
    """Eleven digits: one of the first ten stands there twice or three times; ISO 7064 MOD 11,10."""
    repeats = Counter(number[:10])
    more = [count for count in repeats.values() if count > 1]
    if number[0] == "0" or more not in ([2], [3]):
        return False
    product = 10
    for digit in number[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(number[10])


def french_social_security(number: str) -> bool:
    """Fifteen characters: sex, year, month, place, order, and the key 97 - n mod 97."""
    number = number.upper()
    body = number[:13].replace("2A", "19", 1) if number[5:7] == "2A" else number[:13]
    if number[5:7] == "2B":
        body = number[:13].replace("2B", "18", 1)
    if not (body.isdigit() and number[13:].isdigit() and number[0] in "12"):
        return False
    month = int(number[3:5])
    known = 1 <= month <= 12 or month == 20 or 30 <= month <= 42 or month >= 50
    return known and 97 - int(body) % 97 == int(number[13:])


def spanish_identity(number: str) -> bool:
    """Eight digits, or X, Y or Z and seven, and the letter of their remainder by 23."""
    number = number.upper()
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return digits.isdigit() and _DNI_LETTERS[int(digits) % 23] == number[-1]


def italian_fiscal(number: str) -> bool:
    """Sixteen characters with the check letter of the Ministry of Finance (decree of 1976)."""
    number = number.upper()
    total = sum(_FISCAL_ODD[c] for c in number[:15:2])
    total += sum(int(c) if c.isdigit() else ord(c) - ord("A") for c in number[1:15:2])
    return chr(ord("A") + total % 26) == number[15]


def dutch_citizen(number: str) -> bool:
    """Nine digits that pass the test of eleven."""
    total = sum(int(d) * weight for d, weight in zip(number, range(9, 1, -1), strict=False))
    return len(set(number)) > 1 and (total - int(number[8])) % 11 == 0


def polish_pesel(number: str) -> bool:
    """Eleven digits: a date of birth with the century in its month, order, check digit."""
    century, month = divmod(int(number[2:4]), 20)
    years = (1900, 2000, 2100, 2200, 1800)
    if not _is_date(years[century] + int(number[:2]), month, int(number[4:6])):
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    total = sum(int(d) * weight for d, weight in zip(number, weights, strict=False))
    return (10 - total % 10) % 10 == int(number[10])


def swedish_personal(number: str) -> bool:
    """Ten digits: a date of birth (day plus 60 for a coordination number), order, Luhn."""
    day = int(number[4:6])
    born = _is_date(2000 + int(number[:2]), int(number[2:4]), day - 60 if day > 60 else day)
    return born and luhn(number)


def brazilian_cpf(number: str) -> bool:
    """Eleven digits, the last two of which check the others (mod 11)."""
    if len(set(number)) == 1:
        return False
    for length in (9, 10):
        total = sum(
            int(d) * weight for d, weight in zip(number, range(length + 1, 1, -1), strict=False)
        )
        if total * 10 % 11 % 10 != int(number[length]):
            return False
    return True


def indian_aadhaar(number: str) -> bool:
    """Twelve digits that begin with neither 0 nor 1, with a Verhoeff check digit."""
    return number[0] not in "01" and len(set(number)) > 1 and verhoeff(number)


def chinese_resident(number: str) -> bool:
    """Eighteen characters: place, date of birth, order, ISO 7064 MOD 11-2 (GB 11643-1999)."""
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    if number[0] in "09" or not 1880 <= year <= 2100 or not _is_date(year, month, day):
        return False
    total = sum(int(d) * (2 ** (17 - place) % 11) for place, d in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
