"""The `generation:` section: what is refused, and what else it may be called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tunewright.core.errors import ConfigError
from tunewright.models.generation.config import GenerationConfig


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"do_sample": True, "num_beams": 2}, "beams are searched, not drawn"),
        ({"do_sample": True, "temperature": 0}, "nothing is drawn"),
        ({"temperature": 0.7}, "temperature would change nothing"),
        ({"top_k": 5, "min_p": 0.1}, "top_k and min_p would change nothing"),
        ({"length_penalty": 2.0}, "there is only one"),
        ({"stop": ["a", ""]}, "a stop text is empty"),
        ({"stop": ["a"], "constraint": {"regex": "b+"}}, "a stop text would cut answers"),
        ({"num_beams": 2, "length_penalty": 1e6}, "less than or equal to 10"),
        ({"stop": ["\ud800"]}, "half of a character"),
        ({"constraint": {"choices": ["\ud800"]}}, "half of a character"),
        ({"constraint": {"choices": list(map(str, range(10_001)))}}, "at most 10,000"),
        ({"constraint": {"json_schema": {"x-guidance": 7}}}, "holds options"),
        ({"max_new_token": 5}, "did you mean 'max_new_tokens'"),
        ({"max_tokens": 5, "max_new_tokens": 6}, "given twice"),
    ],
)
def test_settings_that_do_nothing_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        GenerationConfig(**given)
    assert told in str(caught.value)


def test_spellings_of_other_frameworks() -> None:
    assert GenerationConfig(stop_sequences="x") == GenerationConfig(stop=("x",))
    found = GenerationConfig(max_tokens=9, beam_size=3, guided_decoding={"guided_choice": ["a"]})
    same = GenerationConfig(max_new_tokens=9, num_beams=3, constraint={"choices": ["a"]})
    assert found == same and found.content_hash() == same.content_hash()
    assert GenerationConfig.model_validate(same.model_dump()) == same
    assert GenerationConfig(temperature=0).do_sample is False, "what peers call greedy"


def test_a_schema_file_is_read_with_a_mark_of_its_encoding_and_never_waited_for(
    tmp_path: Path,
) -> None:
    config = GenerationConfig(constraint={"json_schema": "own.json"})
    (tmp_path / "own.json").write_text('{"type": "integer"}', encoding="utf-8-sig")
    resolved = config.resolved(tmp_path).constraint
    assert resolved is not None
    assert resolved.json_schema == {"type": "integer"}
    (tmp_path / "own.json").unlink()
    (tmp_path / "own.json").mkdir()
    with pytest.raises(ConfigError, match="no file that could be read to its end"):
        config.resolved(tmp_path)
