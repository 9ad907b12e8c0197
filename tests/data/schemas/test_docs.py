"""The tables of `docs/schemas.md` are made from the schemas themselves.

`python -m tests.data.schemas.test_docs` writes them anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import Field, Schema
from tunewright.data.schemas.speakers import CALLS, SPELLINGS
from tunewright.data.schemas.turns import WEIGHT_KEYS

PAGE = Path(__file__).parents[3] / "docs" / "schemas.md"
_SCHEMAS = re.compile(r"(<!-- schemas -->\n).*?(<!-- end -->)", re.DOTALL)
_ROLES = re.compile(r"(<!-- roles -->\n).*?(<!-- end -->)", re.DOTALL)
_WEIGHTS = re.compile(r"(<!-- weights -->).*?(<!-- end weights -->)", re.DOTALL)


def schemas_text() -> str:
    """A section for each schema, with a table of its fields."""
    return "\n".join(section_of(SCHEMAS.get(name)) for name in SCHEMAS)


def section_of(schema: type[Schema]) -> str:
    """What it is for, its fields and their spellings, and a row."""
    about = " ".join((schema.__doc__ or "").split())
    lines = [
        f"\n### {schema.name}\n",
        f"{about} Task: `{schema.task}`.\n",
        "| field | holds | columns that are understood |",
        "|---|---|---|",
        *map(_line, schema.fields),
        f"\n```json\n{schema.example}\n```\n",
    ]
    return "\n".join(lines)


def _line(field: Field) -> str:
    name = f"`{field.name}`" if field.required else f"`{field.name}` (optional)"
    spelled = ", ".join(f"`{spelling}`" for spelling in field.spellings)
    return f"| {name} | {field.about.replace('|', chr(92) + '|')} | {spelled} |"


def roles_text() -> str:
    """A table of the spellings of every role."""
    rows = [(role, spellings) for role, spellings in SPELLINGS.items()]
    rows.append(("assistant, calling tools", CALLS))
    lines = [f"| {role} | {', '.join(f'`{s}`' for s in spelled)} |" for role, spelled in rows]
    return "\n".join(["| role | spellings |", "|---|---|", *lines]) + "\n"


def generated(text: str) -> str:
    """The page with its tables as the code has them."""
    text = _SCHEMAS.sub(lambda m: m[1] + schemas_text() + m[2], text)
    text = _ROLES.sub(lambda m: m[1] + roles_text() + m[2], text)
    weights = ", ".join(f"`{key}`" for key in WEIGHT_KEYS)
    return _WEIGHTS.sub(lambda m: m[1] + weights + m[2], text)


def test_the_page_says_what_the_code_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == generated(text), "run `python -m tests.data.schemas.test_docs`"
    for name in SCHEMAS:
        assert f"### {name}\n" in text


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
