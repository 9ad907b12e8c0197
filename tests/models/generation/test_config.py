"""The `generation:` section: what is refused, and what else it may be called."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

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
