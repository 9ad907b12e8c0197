"""Keys, tokens and passwords in texts.

Most services begin their keys with letters of their own so that they can be found; those are
taken at their word. A value that is merely assigned to a name like `password` must look random.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Iterator

SECRET_NAMES = {
    "aws_key": "an AWS access key",
    "github_token": "a GitHub token",
    "gitlab_token": "a GitLab token",
    "slack_token": "a Slack token or webhook",
    "google_key": "a Google API key",
    "model_key": "a key of a model provider",
    "huggingface_token": "a Hugging Face token",
    "stripe_key": "a Stripe key",
    "npm_token": "an npm token",
    "sendgrid_key": "a SendGrid key",
    "twilio_key": "a Twilio key",
    "telegram_token": "a Telegram bot token",
    "json_web_token": "a JSON web token",
    "private_key": "a private key",
    "url_password": "a password in an address",
    "assigned_secret": "a value assigned to a name such as password",
}
"""Kind of a secret to what it is called in a sentence."""

_PREFIXED: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("aws_key", ("AKIA", "ASIA"), re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b")),
    (
        "github_token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{40,255})\b"),
    ),
    ("gitlab_token", ("glpat-",), re.compile(r"\bglpat-[\w-]{20,}")),
    (
        "slack_token",
        ("xox", "hooks.slack.com"),
        re.compile(
            r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{20,}"
        ),
    ),
    ("google_key", ("AIza",), re.compile(r"\bAIza[\w-]{35}(?![\w-])")),
    ("model_key", ("sk-",), re.compile(r"\bsk-(?:[a-z]+\d*-)*[A-Za-z0-9_-]{20,}")),
    ("huggingface_token", ("hf_",), re.compile(r"\bhf_[A-Za-z]{30,40}\b")),
    ("stripe_key", ("_live_", "_test_"), re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b")),
    ("npm_token", ("npm_",), re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    ("sendgrid_key", ("SG.",), re.compile(r"\bSG\.[\w-]{22}\.[\w-]{43}(?![\w-])")),
    ("twilio_key", ("SK",), re.compile(r"\bSK[0-9a-f]{32}\b")),
    ("telegram_token", (":AA",), re.compile(r"\b\d{8,10}:AA[\w-]{33}(?![\w-])")),
    ("json_web_token", ("eyJ",), re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")),
    (
        "private_key",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?!-----BEGIN)[^-]|-(?!----)){16,}"
            r"(?:-----END (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----)?"
        ),
    ),
    (
        "url_password",
        ("://",),
        re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@'\"<>]{1,64}:(?P<value>[^\s/:@'\"<>]{3,})@"),
    ),
)
"""Kind, texts of which one must occur, pattern; a group `value` is the secret part."""

_MARKS = ("_", "-", ".", ":")


def _parts_by_mark() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The parts to look for in a text with a mark; a mark alone is found much more quickly."""
    found: dict[str, list[str]] = {}
    for _, parts, _ in _PREFIXED:
        for part in parts:
            mark = next((mark for mark in _MARKS if mark in part), "")
            found.setdefault("-" if part == "PRIVATE KEY" else mark, []).append(part)
    return tuple((mark, tuple(parts)) for mark, parts in found.items())


_PARTS = _parts_by_mark()
_NAMED = ("password", "passwd", "pwd", "secret", "token", "api_key", "apikey", "api-key", "key=")
_ASSIGNED = re.compile(
    r"""
    (?:pass(?:word|wd|phrase)|\bpwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key)
    [\w-]{0,20} ["']? \s{0,3} (?:=>|:=|[:=]) \s{0,3}
    (?: ["'](?P<quoted>[^\s"'<>{}$]{8,200})["'] | (?P<bare>[^\s"'<>{}()$,;]{12,200}) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MADE_UP = re.compile(
    r"example|sample|dummy|changeme|placeholder|your|insert|redacted|test|xxxx|\*\*\*|\.\.\."
    r"|12345678|abcdef(?!\d)|password|secret",
    re.IGNORECASE,
)
"""Words of values that nobody uses: they stand in documentation."""

_MADE_UP_KEY = re.compile(r"EXAMPLE|xxxx|XXXX|\*\*\*|\.\.\.|(.)\1{7}")
_BITS_PER_CHARACTER = 3.0
"""Below it a value of 12 characters or more is a word or a phrase rather than a password made by a
machine (English words of that length have about 2.6 to 3)."""


def may_hold_secret(text: str) -> bool:
    """Quick: False only where `secret_spans` finds nothing."""
    return _is_named(text) or any(
        part in text for mark, parts in _PARTS if mark in text for part in parts
    )


def secret_spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Each secret as start, end and kind (a key of `SECRET_NAMES`); they may overlap."""
    for kind, parts, pattern in _PREFIXED:
        if any(part in text for part in parts):
            for found in pattern.finditer(text):
                if _is_real(kind, found):
                    group = "value" if "value" in pattern.groupindex else 0
                    yield found.start(group), found.end(group), kind
    if _is_named(text):
        for found in _ASSIGNED.finditer(text):
            name = "quoted" if found["quoted"] is not None else "bare"
            if _looks_random(found[name]):
                yield found.start(name), found.end(name), "assigned_secret"


def entropy_bits(text: str) -> float:
    """Shannon entropy of the characters, bits a character."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())


def _is_named(text: str) -> bool:
    if "=" not in text and ":" not in text:
        return False
    lowered = text.lower()
    return any(name in lowered for name in _NAMED)


def _is_real(kind: str, found: re.Match[str]) -> bool:
    if kind == "json_web_token":
        return _is_json(found[0].split(".")[0])
    if kind == "url_password":
        return _MADE_UP.search(found["value"]) is None and found["value"].lower() != "pass"
    if kind == "private_key":
        return True
    if _MADE_UP_KEY.search(found[0]):
        return False
    # 'sk-' also begins words that are joined by hyphens
    return kind != "model_key" or (
        any(c.isdigit() for c in found[0]) and entropy_bits(found[0]) > _BITS_PER_CHARACTER
    )


def _is_json(part: str) -> bool:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(found, dict)


def _looks_random(value: str) -> bool:
    """Letters and digits mixed, and no word of documentation among them."""
    if _MADE_UP.search(value) or "://" in value or value.count(".") > 3:
        return False
    kinds = (
        any(c.islower() for c in value),
        any(c.isupper() for c in value),
        any(c.isdigit() for c in value),
        any(not c.isalnum() for c in value),
    )
    if not any(c.isalpha() for c in value) or not (kinds[2] or kinds[3]):
        return False
    needed = _BITS_PER_CHARACTER if len(value) >= 12 else math.log2(len(value)) * 0.8
    return sum(kinds) >= (2 if len(value) >= 12 else 3) and entropy_bits(value) >= needed
