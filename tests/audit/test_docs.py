"""`docs/audit.md` names every finding that there is.

The table of the checks that look at one row is made from the words of the checks themselves:
`python -m tests.audit.test_docs` writes it anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import tunewright.audit
from tunewright.audit.desk import encoding, personal, structure_findings, tags, tokens, turns
from tunewright.audit.rows import REASONS

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
_TABLE = re.compile(r"(<!-- rows -->\n).*?(<!-- end rows -->)", re.DOTALL)
_REASONS = re.compile(r"(<!-- reasons -->).*?(<!-- end reasons -->)", re.DOTALL)


def lines() -> Iterator[tuple[str, str, str, str]]:
    """Finding, what it tells of, severity, repair."""
    for name, (severity, what, _, _, repair) in turns._FINDINGS.items():
        yield name, what, severity, repair
    for name, (severity, what, _, _, repair) in structure_findings.FINDINGS.items():
        yield name, what, severity, repair
    yield "mixed_types", "with a value of another type than most rows have there", "warning", ""
    yield "unmarked_end", "with a long answer that ends without a mark (counted)", "info", ""
    for name, severity, what, _, _, repair in encoding._FINDINGS:
        yield name, f"with {what}", severity, repair
    for name, (severity, what, _) in personal._FINDINGS.items():
        yield name, f"with {what}", severity, "redact"
    yield "toxic_answer", "in which the assistant is hateful or insults", "warning", "remove_toxic"
    yield "toxic_question", "in which another speaker does", "info", "remove_toxic"
    yield "language_mix", "in another language than most; shares by speaker", "info", "drop"
    yield "mentions", "that mention groups of people, and whom they leave out", "info", ""
    for name, (severity, what, _, _) in tags._FINDINGS.items():
        dropped = severity != "info" and name != "tag_numbers"
        yield name, what, severity, "drop" if dropped else ""
    yield "tag_scheme", "that break the scheme (BIO, BIOES, IOB1) of the others", "warning", "drop"
    yield "entity_types", "with an entity that has several types", "info", ""
    yield "entity_left_out", "with an entity that is tagged in most other rows", "info", ""
    yield "answer_lost", "whose answer, or its end, `max_length` would cut", "error", "drop"
    yield "too_long", "with more tokens than the limit, where no answer is lost", "warning", ""
    yield "unknown_characters", "with characters the tokenizer drops or changes", "warning", ""
    for name, (severity, what, _, _) in tokens._WORDS.items():
        yield name, what, severity, "drop" if name in tokens._DROPPED else ""
    yield "token_lengths", "in tokens, and the per cent that is learned", "info", ""
    yield "lengths", "in characters, where no model is named", "info", ""


def table() -> str:
    head = ["| finding | rows | severity | repair |", "|---|---|---|---|"]
    rows = [
        f"| `{name}` | {what} | {severity} | {f'`{repair}`' if repair else ''} |"
        for name, what, severity, repair in lines()
    ]
    return "\n".join([*head, *rows]) + "\n"


def reasons() -> str:
    return ", ".join(f"`{name}`" for name in REASONS)


def generated(text: str) -> str:
    """The page with what the code says."""
    text = _REASONS.sub(lambda m: m[1] + reasons() + m[2], text)
    return _TABLE.sub(lambda m: m[1] + table() + m[2], text)


def names_in_code() -> set[str]:
    """Every name that a `Finding` or a mark is given as a literal, or by the name of its check."""
    found = set()
    for path in Path(tunewright.audit.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("check", "finding"):
                if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                    found.add(node.value.value)
            elif isinstance(node, ast.ClassDef) and "check=self.name" in ast.unparse(node):
                found |= {
                    item.value.value
                    for item in node.body
                    if isinstance(item, ast.AnnAssign)
                    and ast.unparse(item.target) == "name"
                    and isinstance(item.value, ast.Constant)
                }
    return found


def test_the_page_says_what_the_code_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == generated(text), "run `python -m tests.audit.test_docs`"


def test_every_finding_is_on_the_page() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE.read_text(encoding="utf-8")))
    names = names_in_code() | {name for name, *_ in lines()} | set(REASONS)
    assert len(names) > 60
    assert names - told == set()


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
