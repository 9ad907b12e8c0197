"""JSON text: what is refused although a parser could read it."""

from __future__ import annotations

import pytest

from tunewright.data.json_text import JsonProblemError, parse_json, write_json_text
from tunewright.data.plain import canonical, plain


def nested(levels: int) -> str:
    return '{"a": [' * (levels // 2) + "1" + "]}" * (levels // 2)


def test_what_is_read_can_be_walked_through_and_written() -> None:
    text = nested(100)
    value = parse_json(text)
    assert write_json_text(plain(value)) == text
    assert canonical(plain(value)) == text


@pytest.mark.parametrize("levels", [102, 900, 200_000])
def test_deeper_nesting_is_refused(levels: int) -> None:
    with pytest.raises(JsonProblemError, match="nested too deeply"):
        parse_json(nested(levels))


def test_width_is_not_depth() -> None:
    assert len(parse_json("[" + ", ".join(["[]"] * 5000) + "]")) == 5000  # type: ignore[arg-type]
