"""Personal data and secrets: what is found, what only looks alike, what is shown."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.desk.driver import asked, conversation, findings, marks, names
from tunewright.audit.desk.personal import (
    KIND_NAMES,
    Personal,
    family,
    mask,
    may_hold_personal,
    personal_spans,
)
from tunewright.audit.desk.secrets import secret_spans
from tunewright.data.content import Conversation, Message


def _token(*parts: object) -> str:
    coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*coded, "c2lnbmF0dXJlLXdpdGgtYnl0ZXM"])


AWS = "AKIA" + "ZQ3DRTYU7WQPLMNB"
GITHUB = "ghp_" + "a8Fk2LmN9pQr4StUv7WxYz1BcD3EfG5HiJ6K"
JWT = _token({"alg": "HS256", "typ": "JWT"}, {"sub": "42", "name": "Ann"})

FOUND = [
    ("write to ann.lee+shop@mail.acme.co.uk today", "ann.lee+shop@mail.acme.co.uk", "email"),
    ("call +44 20 7946 0958 now", "+44 20 7946 0958", "phone"),
    ("it is (212) 736-5000.", "(212) 736-5000", "phone"),
    ("my mobile is 0171 2345678", "0171 2345678", "phone"),
    ("card 4539 1488 0343 6467 please", "4539 1488 0343 6467", "card"),
    ("card 4539148803436467", "4539148803436467", "card"),
    ("pay DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00", "iban"),
    ("IBAN: GB82WEST12345698765432.", "GB82WEST12345698765432", "iban"),
    ("the server 8.8.4.4 is down", "8.8.4.4", "ip_address"),
    ("ping 2a00:1450:4001:81b::200e once", "2a00:1450:4001:81b::200e", "ip_address"),
    ("SSN 536-90-4399", "536-90-4399", "us_social_security"),
    ("my social security number is 536904399", "536904399", "us_social_security"),
    ("NI: AB 12 34 56 C", "AB 12 34 56 C", "uk_national_insurance"),
    ("Steuer-ID 86 095 742 719", "86 095 742 719", "de_tax"),
    ("sécu 2 55 08 14 168 025 38", "2 55 08 14 168 025 38", "fr_social_security"),
    ("mi DNI es 12345678Z", "12345678Z", "es_identity"),
    ("codice RSSMRA85T10A562S", "RSSMRA85T10A562S", "it_fiscal"),
    ("BSN 111222333", "111222333", "nl_citizen"),
    ("PESEL: 44051401359", "44051401359", "pl_pesel"),
    ("född 811218-9876", "811218-9876", "se_personal"),
    ("CPF 529.982.247-25", "529.982.247-25", "br_cpf"),
    ("Aadhaar 2341 2341 2346", "2341 2341 2346", "in_aadhaar"),
    ("身份证 11010519491231002X", "11010519491231002X", "cn_resident"),
    (f"key {AWS} is ours", AWS, "aws_key"),
    (f"use {GITHUB} there", GITHUB, "github_token"),
    (f"Bearer {JWT}", JWT, "json_web_token"),
    ("postgres://bob:s3cr-Etpw@db.acme.io/x", "s3cr-Etpw", "url_password"),
    ('password = "hunter2Xy!9"', "hunter2Xy!9", "assigned_secret"),
    ("API_KEY=9f8Kd72hLsPq0xZm", "9f8Kd72hLsPq0xZm", "assigned_secret"),
    ("sk-proj-" + "abcdEFGH1234ijklMNOP5678qrst", None, "model_key"),
]

LOOKS_ALIKE = [
    "write to someone@example.com",
    "the decorator @app.route('/x') and me@home",
    "icon@2x.png",
    "card 4539 1488 0343 6468",
    "card 4111 1111 1111 1111 is for tests",
    "order 1234567890123456 has left",
    "80000+50000=130000 and 1,234,567.89",
    "on 2024-01-15 12:30:00 or 15.01.2024",
    "ISBN 978-3-16-148410-0",
    "version 1.2.3.4 and v10.0.19.41",
    "at 192.168.1.1, 10.0.0.7 and 127.0.0.1",
    "see 192.0.2.44 in the manual",
    "std::vector<int>::size() at 10:30:45:22",
    "fe80::1 and ::1",
    "call 555-0100 or (212) 555-0134",
    "number 111222333 of the list",
    "part 12345678Z",
    "item 44051401359",
    "GB82WEST12345698765431",
    "password: your password here",
    'token = "<your-token-goes-here>"',
    "AKIAIOSFODNN7EXAMPLE",
    "the secret: never give up",
    "sk-learn-is-a-library-that-is-used-often",
    "https://user@github.com/a/b",
    "the key = value pairs of a token: see above",
    "3.14159265358979 and 2718281828",
]


@pytest.mark.parametrize(("text", "value", "kind"), FOUND)
def test_what_is_found(text: str, value: str | None, kind: str) -> None:
    spans = personal_spans(text)
    assert [(text[s.start : s.end], s.kind) for s in spans] == [(value or text, kind)]
    assert may_hold_personal(text)
    assert kind in KIND_NAMES


@pytest.mark.parametrize("text", LOOKS_ALIKE)
def test_what_only_looks_alike(text: str) -> None:
    assert personal_spans(text) == []


def test_a_private_key_is_taken_whole() -> None:
    body = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2] * 3)
    key = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"
    (span,) = personal_spans(f"here: {key} end")
    assert span == (6, 6 + len(key), "private_key")


def test_marks_name_field_role_and_kind_and_hide_the_value() -> None:
    (mark,) = marks(Personal, asked("I am ann.lee@acme.io", "Hello"))
    assert mark.finding == "email"
    assert mark.detail == "messages[0].content (user): an e-mail address, a…o"


def test_arguments_of_tools_are_looked_at() -> None:
    call = {"function": {"name": "mail", "arguments": {"to": "ann.lee@acme.io"}}}
    turns = (
        Message(role="user", content="mail her"),
        Message(role="assistant", content=None, tool_calls=(call,)),
    )
    (mark,) = marks(Personal, Conversation(messages=turns))
    assert mark.detail.startswith("messages[1].tool_calls[0].function.arguments (assistant)")


def test_findings_count_rows_once_and_values_by_role() -> None:
    rows = [
        conversation(
            ("user", "a.b@acme.io and c.d@acme.io"), ("assistant", "I write to a.b@acme.io")
        ),
        asked("nothing", "here"),
        asked(f"the key is {AWS}", "thanks"),
    ]
    found = findings(Personal, rows)
    assert set(found) == {"email", "secret"}
    assert found["email"].count == 1
    assert found["email"].numbers["by_role"] == {"user": 2, "assistant": 1}
    assert found["email"].repair == "tunewright clean DATA --apply redact"
    assert found["secret"].severity == "error"
    assert found["secret"].numbers["by_kind"] == {"aws_key": 1}
    assert AWS not in str(found)


def test_clean_rows_have_no_marks() -> None:
    assert names(Personal, asked("Is the shop open on 24 December?", "Yes, from 9 to 14.")) == []


_PARTS = st.sampled_from([value or text for text, value, _ in FOUND])


@given(st.lists(st.one_of(st.text(max_size=12), _PARTS), max_size=5).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_spans_lie_in_the_text_and_masks_hide_it(text: str) -> None:
    spans = personal_spans(text)
    for span in spans:
        value = text[span.start : span.end]
        shown = mask(value)
        assert 0 <= span.start < span.end <= len(text)
        assert len(shown) <= 3 and "…" in shown
        assert family(span.kind)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    if spans:
        assert may_hold_personal(text)
    for mark in marks(Personal, asked(text, "yes")):
        for span in spans:
            assert text[span.start : span.end] not in mark.detail


@given(st.text(alphabet=st.characters(), max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_text_can_be_looked_at(text: str) -> None:
    personal_spans(text)
    list(secret_spans(text))


@pytest.mark.parametrize(
    "unit", ["1 ", "a@", "1.", "+1-", "A1 ", ":", "-----BEGIN PRIVATE KEY-", "sk-a-"]
)
def test_long_texts_are_read_in_time(unit: str) -> None:
    """No pattern goes back over what it has read: 100,000 characters take well under a second."""
    import time

    start = time.perf_counter()
    personal_spans(unit * (100_000 // len(unit)))
    assert time.perf_counter() - start < 5
