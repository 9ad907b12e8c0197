"""Personal data and secrets in texts: where they stand, how they are masked, how many rows.

Precision before recall: a number counts when its check digits hold, and, where these are weak,
when a word beside it says what it is. Reserved examples (`@example.com`, 192.0.2.1, 555-0100, the
test cards of payment services) name nobody and do not count.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from tunewright.audit.base import Finding
from tunewright.audit.desk import identifiers as ids
from tunewright.audit.desk.base import DeskRow, Mark, RowCheck, Tally, finding_of
from tunewright.audit.desk.secrets import SECRET_NAMES, may_hold_secret, secret_spans
from tunewright.core.units import format_count
from tunewright.data.content import ROLES, Piece


class PersonalSpan(NamedTuple):
    """Characters `start` up to, but without, `end` of a text, and what stands there."""

    start: int
    end: int
    kind: str
    """A key of `KIND_NAMES`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _IdRule:
    """How a national number is written."""

    kind: str
    name: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    context: re.Pattern[str] | None = None
    """One of these words must stand near, unless the number matches `surely`."""
    surely: re.Pattern[str] | None = None


_ANY_CASE = re.IGNORECASE | re.ASCII
"""ASCII too, or the sign of the kelvin would be a K."""


def _words(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


def _rule(
    kind: str,
    name: str,
    pattern: str,
    valid: Callable[[str], bool],
    context: re.Pattern[str] | None = None,
    surely: str | None = None,
) -> _IdRule:
    return _IdRule(
        kind=kind,
        name=name,
        pattern=re.compile(rf"(?<![\w.+-])(?:{pattern})(?![\w-]|\.\d)", _ANY_CASE),
        valid=valid,
        context=context,
        surely=None if surely is None else re.compile(surely),
    )


_ID_RULES = (
    _rule(
        "cn_resident",
        "a Chinese resident number",
        r"\d{17}[\dX]",
        ids.chinese_resident,
    ),
    _rule(
        "fr_social_security",
        "a French social security number",
        r"[12] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d",
        ids.french_social_security,
    ),
    _rule(
        "it_fiscal",
        "an Italian fiscal code",
        r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]",
        ids.italian_fiscal,
    ),
    _rule(
        "br_cpf",
        "a Brazilian CPF number",
        r"\d{3}\.\d{3}\.\d{3}-\d\d|\d{11}",
        ids.brazilian_cpf,
        _words("cpf", "contribuinte", "cadastro"),
        surely=r"\.",
    ),
    _rule(
        "us_social_security",
        "a US social security number",
        r"\d{3}-\d\d-\d{4}|\d{3} \d\d \d{4}|\d{9}",
        ids.us_social_security,
        _words("ssn", "social security(?: number)?", "soc sec"),
        surely="-",
    ),
    _rule(
        "in_aadhaar",
        "an Indian Aadhaar number",
        r"\d{4}[ -]?\d{4}[ -]?\d{4}",
        ids.indian_aadhaar,
        _words("aadhaa?r", "uidai", "uid"),
    ),
    _rule(
        "pl_pesel",
        "a Polish PESEL number",
        r"\d{11}",
        ids.polish_pesel,
        _words("pesel"),
    ),
    _rule(
        "de_tax",
        "a German tax number",
        r"\d{2} ?\d{3} ?\d{3} ?\d{3}",
        ids.german_tax,
        _words(
            r"steuer\w*", r"idnr\.?", "steuerliche identifikationsnummer", "tax id", "tin", "tax"
        ),
    ),
    _rule(
        "se_personal",
        "a Swedish personal number",
        r"(?:19|20)?\d{6}[-+]\d{4}|(?:19|20)?\d{10}",
        lambda number: ids.swedish_personal(number[-10:]),
        _words("personnummer", "samordningsnummer", "personal number", "pnr"),
        surely=r"[-+]",
    ),
    _rule(
        "nl_citizen",
        "a Dutch citizen number",
        r"\d{9}|\d{4}[ .]\d\d[ .]\d{3}",
        ids.dutch_citizen,
        _words("bsn", "burgerservicenummer", "sofinummer", "citizen service number"),
    ),
    _rule(
        "es_identity",
        "a Spanish identity number",
        r"(?:\d{8}|[XYZ][ -]?\d{7})[ -]?[A-HJ-NP-TV-Z]",
        ids.spanish_identity,
        _words("dni", "nie", "nif", "documento", "identidad", "identity"),
    ),
    _rule(
        "uk_national_insurance",
        "a UK national insurance number",
        r"[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]",
        ids.uk_national_insurance,
        _words("nino?", "national insurance", r"n\.?i\.? number", "insurance number"),
        surely=r"[A-Z]{2} \d\d \d\d \d\d [A-D]",
    ),
)

KIND_NAMES = {
    "email": "an e-mail address",
    "phone": "a telephone number",
    "card": "a payment card number",
    "iban": "a bank account number (IBAN)",
    "ip_address": "an IP address",
    **{rule.kind: rule.name for rule in _ID_RULES},
    **SECRET_NAMES,
}
"""Kind of a span to what it is called in a sentence."""

_NATIONAL = frozenset(rule.kind for rule in _ID_RULES)

_DIGIT = re.compile("[0-9]")
_DIGITS = re.compile(
    r"[0-9](?:[ .\-/()]{0,2}[0-9]){6}|[0-9]\.[0-9]{1,3}\.[0-9]"
    r"|[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]\b"
)
"""What every number below has somewhere; a text without it, `@`, `:` or capitals has none."""

_LETTERS_DIGITS = re.compile("[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z]")
_EMAIL = re.compile(
    r"(?<![\w.%+-])(?<!//)(?!git@)[A-Za-z0-9](?:[\w.%+'-]{0,62}[\w+-])?"
    r"@(?P<host>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24})\b(?![-@])",
    re.ASCII,
)
_RESERVED_HOST = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net|edu)|(?:\w+\.)?(?:example|test|invalid|localhost|local))$"
    r"|^(?:domain|email|company|yourcompany|yourdomain)\.com$",
    re.IGNORECASE,
)
_FILE_ENDING = frozenset(("png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "py"))
_CARD = re.compile(
    r"(?<![\w.,+$€£-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -])\d{6}\2\d{5}"
    r"|3[0689]\d\d([ -])\d{6}\3\d{4}|\d{14,19})(?![\w-]|[.,]\d)",
    re.ASCII,
)
_CARD_CONTEXT = _words("card", "visa", "mastercard", "amex", "credit", "debit", "karte", "carte")
_TEST_CARDS = frozenset(
    (
        *("4111111111111111", "4242424242424242", "4012888888881881", "5555555555554444"),
        *("5105105105105100", "378282246310005", "371449635398431", "6011111111111117"),
        *("30569309025904", "3530111333300000", "4000056655665556", "5200828282828210"),
    )
)
"""Numbers that payment services print for tests."""

_IBAN = re.compile(r"\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _ANY_CASE)
_IPV4 = re.compile(
    r"(?<![\w.:-])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\w-]|\.\d)",
    re.ASCII,
)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])", re.ASCII)
_VERSION = re.compile(
    r"(?:\b(?:v|ver|version|release|build|firmware|section|chapter|clause|oid|asn)|[§=]=?)"
    r"[\s.:=#]*$",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w.,$€£=*/:#-])(?:\+|00)?[ ]?(?:\(\+?\d{1,5}\)|\d)(?:[ .\-/]{0,2}\(?\d\)?){6,15}"
    r"(?![\w%*=]|[.,]\d|-\d)",
    re.ASCII,
)
_PHONE_CONTEXT = _words(
    r"phones?", r"tele?ph?on?\w*", r"tel\.?", "call(?:ed|ing)?", "mobile", "cell", "fax", "dial",
    "text(?:ed)? me", "ring", "whatsapp", "handy", "rufnummer", "portable", "móvil", "celular",
    "contact", "reach", "number is", "hotline",
)  # fmt: skip
_US_PHONE = re.compile(r"(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}")
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "BR")
"""Countries in which a number without country code is looked up, when a word says it is one."""

_NEAR_CHARACTERS = 40


def may_hold_personal(text: str) -> bool:
    """Quick: False only where `personal_spans` finds nothing."""
    if "@" in text or may_hold_secret(text):
        return True
    if _DIGIT.search(text) is None:
        return text.count(":") > 2 and _IPV6.search(text) is not None
    return (
        _DIGITS.search(text) is not None
        or (text.count(":") > 1 and _IPV6.search(text) is not None)
        or _LETTERS_DIGITS.search(text) is not None
    )


def personal_spans(text: str) -> list[PersonalSpan]:
    """Personal data and secrets in a text, in order; no two overlap.

    Where two readings overlap the surer one counts: keys, then addresses, then numbers with check
    digits, then telephone numbers.
    """
    taken: list[PersonalSpan] = []
    for start, end, kind in _candidates(text):
        if all(end <= other.start or start >= other.end for other in taken):
            taken.append(PersonalSpan(start, end, kind))
    return sorted(taken)


def mask(value: str) -> str:
    """What may be shown of a value: its first and its last character."""
    value = value.strip()
    return f"{value[0]}…{value[-1]}" if len(value) > 4 else "…"


def without_personal(text: str) -> str:
    """The text with every personal datum replaced by its mark."""
    if not may_hold_personal(text):
        return text
    parts, at = [], 0
    for start, end, kind in personal_spans(text):
        parts += [text[at:start], f"[{family(kind).upper()}]"]
        at = end
    return "".join([*parts, text[at:]])


def family(kind: str) -> str:
    """The finding that a kind of span belongs to."""
    if kind in SECRET_NAMES:
        return "secret"
    return "national_id" if kind in _NATIONAL else kind


def _candidates(text: str) -> Iterator[tuple[int, int, str]]:
    if may_hold_secret(text):
        yield from secret_spans(text)
    if "@" in text:
        yield from _emails(text)
    if _LETTERS_DIGITS.search(text) or _DIGITS.search(text):
        yield from _numbers(text)
    if text.count(":") > 1:
        yield from _ipv6(text)


def _emails(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _EMAIL.finditer(text):
        host = found["host"]
        ending = host.rpartition(".")[2].lower()
        if ".." in found[0] or _RESERVED_HOST.search(host) or ending in _FILE_ENDING:
            continue
        yield found.start(), found.end(), "email"


def _numbers(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _IBAN.finditer(text):
        length = _iban_length(found[0])
        if length:
            yield found.start(), found.start() + length, "iban"
    for found in _CARD.finditer(text):
        number = _plain(found[0])
        weak = len(number) not in (15, 16) and not _near(_CARD_CONTEXT, text, found)
        if number not in _TEST_CARDS and not weak and ids.payment_card(number):
            yield found.start(), found.end(), "card"
    for rule in _ID_RULES:
        for found in rule.pattern.finditer(text):
            if not rule.valid(_plain(found[0])):
                continue
            sure = rule.context is None or (rule.surely and rule.surely.search(found[0]))
            if sure or (rule.context and _near(rule.context, text, found)):
                yield found.start(), found.end(), rule.kind
    for found in _IPV4.finditer(text):
        if _is_public_address(found[0]) and not _VERSION.search(text[: found.start()][-20:]):
            yield found.start(), found.end(), "ip_address"
    yield from _phones(text)


def _iban_length(text: str) -> int:
    """Characters of the account number at the start of a match that may have run on."""
    length = len(text)
    while length >= 15:
        if ids.iban(text[:length].replace(" ", "")):
            return length
        length = max(text.rfind(" ", 0, length), 0) if " " in text[:length] else 0
    return 0


def _ipv6(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _IPV6.finditer(text):
        groups = [group for group in found[0].split(":") if group]
        if len(groups) >= 3 and _is_public_address(found[0]):
            yield found.start(), found.end(), "ip_address"


def _is_public_address(text: str) -> bool:
    """An address of a machine on the internet; not of a home network, of examples, of no one."""
    try:
        return ipaddress.ip_address(text).is_global and not text.endswith(".0.0")
    except ValueError:
        return False


def _phones(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _PHONE.finditer(text):
        written = found[0].strip()
        digits = re.sub(r"\D", "", written)
        if not 7 <= len(digits) <= 15 or len(set(digits)) < 3:
            continue
        if written.count("(") != written.count(")"):
            continue
        start = found.start() + found[0].index(written[0])
        if _is_phone(written, digits, text, found):
            yield start, start + len(written), "phone"


def _is_phone(written: str, digits: str, text: str, found: re.Match[str]) -> bool:
    if written.startswith("+"):
        return _valid_phone(written, None)
    if written.startswith("00"):
        return _valid_phone("+" + written[2:], None)
    if _US_PHONE.fullmatch(written):
        if written.count(".") == 2 and not _near(_PHONE_CONTEXT, text, found):
            return False
        return digits[-7:-2] != "55501" and _valid_phone(written, "US")
    if len(digits) < 9 or not _near(_PHONE_CONTEXT, text, found):
        return False
    return any(_valid_phone(written, region) for region in _REGIONS)


def _valid_phone(written: str, region: str | None) -> bool:
    import phonenumbers

    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(number))


def _plain(written: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", written)


def _near(words: re.Pattern[str], text: str, found: re.Match[str]) -> bool:
    before = text[max(0, found.start() - _NEAR_CHARACTERS) : found.start()]
    after = text[found.end() : found.end() + _NEAR_CHARACTERS // 2]
    return words.search(before) is not None or words.search(after) is not None


_FINDINGS = {
    # finding: severity, what, consequence
    "secret": ("error", "a key, token or password", "anyone who has the model can make it say it"),
    "card": ("error", "a payment card number", "a tuned model repeats what it saw, word for word"),
    "iban": ("error", "a bank account number", "a tuned model repeats what it saw, word for word"),
    "national_id": (
        "error",
        "a national identity, tax or insurance number",
        "a tuned model repeats what it saw, and the law protects such numbers",
    ),
    "email": ("warning", "an e-mail address", "a tuned model may give the address to anyone"),
    "phone": ("warning", "a telephone number", "a tuned model may give the number to anyone"),
    "ip_address": ("warning", "a public IP address", "it may lead to a person or a machine"),
}


class Personal(RowCheck):
    """E-mail, telephone, card, account and national numbers, IP addresses, secrets, by speaker."""

    name: ClassVar[str] = "personal"

    def look(self, row: DeskRow) -> Iterable[Mark]:
        if not may_hold_personal(row.text):
            return ()
        marks: list[Mark] = []
        for piece in row.written:
            marks.extend(self._marks(piece))
        return marks

    def _marks(self, piece: Piece) -> Iterator[Mark]:
        role = piece.role if piece.role in ROLES else "other"
        for span in personal_spans(piece.text):
            finding = family(span.kind)
            self.counts[f"kind {finding} {span.kind}"] += 1
            self.counts[f"role {finding} {role}"] += 1
            shown = mask(piece.text[span.start : span.end])
            yield Mark(
                finding=finding, detail=f"{piece.field} ({role}): {KIND_NAMES[span.kind]}, {shown}"
            )

    def findings(self, tally: Tally) -> list[Finding]:
        found = []
        for name, (severity, what, consequence) in _FINDINGS.items():
            if name not in tally.marked:
                continue
            marked = tally.marked[name]
            roles = _under(tally, f"role {name} ")
            found.append(
                finding_of(
                    marked,
                    check=name,
                    severity=severity,
                    message=f"{format_count(marked.count, 'row')} "
                    f"{'holds' if marked.count == 1 else 'hold'} {what} "
                    f"({', '.join(f'{role}: {n:,}' for role, n in roles.items())})",
                    consequence=consequence,
                    fix="redact the values, or leave the rows out; a value that was real is to be "
                    "treated as known"
                    if name == "secret"
                    else "redact the values, or leave the rows out",
                    repair="tunewright clean DATA --apply redact",
                    numbers={
                        "values": sum(roles.values()),
                        "by_role": roles,
                        "by_kind": _under(tally, f"kind {name} "),
                        "rows_by_split": dict(marked.by_split),
                    },
                )
            )
        return found


def _under(tally: Tally, prefix: str) -> dict[str, int]:
    """Counts whose key begins so, by the rest of the key, largest first."""
    found = {key[len(prefix) :]: n for key, n in tally.counts.items() if key.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
