"""The sample of requests and commands: reproducible, valid, and divided as its README says."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tunewright.core.errors import ConfigError
from tunewright.models.fresh import FreshModelConfig
from tunewright.samples import copy_sample, own_project
from tunewright.samples.support_actions.drawing import DEV, ROWS, TEST, TRAIN, Request
from tunewright.samples.support_actions.generate import SCHEMA, contents, requests
from tunewright.samples.support_actions.grammar import KEYS, load_phrases, schema, serialise
from tunewright.samples.support_actions.project import MODEL, project_text
from tunewright.workflow.config import load_project_config

HASHES = {
    "train.jsonl": "e2b5752f193c4379",
    "dev.jsonl": "2f57a48e6ffd6743",
    "test.jsonl": "72d2b0b92b08ce3a",
    "actions.schema.json": "e26a4d2b9a294cd3",
}


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[Request, ...]]:
    return requests()


@pytest.fixture(scope="module")
def everything(rows: dict[str, tuple[Request, ...]]) -> list[Request]:
    return [request for file in rows.values() for request in file]


def test_the_bytes_are_always_the_same() -> None:
    found = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in contents().items()}
    assert found == HASHES


def test_every_row_is_an_exchange_of_two_turns(rows: dict[str, tuple[Request, ...]]) -> None:
    for file, number in ROWS.items():
        lines = [json.loads(line) for line in contents()[file].decode().splitlines()]
        assert len(lines) == len(rows[file]) == number
        for line, request in zip(lines, rows[file], strict=True):
            assert [turn["role"] for turn in line["messages"]] == ["user", "assistant"]
            assert [turn["content"] for turn in line["messages"]] == [request.text, request.command]


def test_no_request_is_there_twice(everything: list[Request]) -> None:
    assert len({request.text.casefold() for request in everything}) > 0.995 * len(everything)
    assert len({request.text for request in everything}) == len(everything)


def test_every_command_fits_the_schema_and_is_written_in_the_one_way(
    everything: list[Request],
) -> None:
    told = json.loads(contents()[SCHEMA])
    assert told == schema()
    jsonschema.Draft202012Validator.check_schema(told)
    validator = jsonschema.Draft202012Validator(told)
    for number, request in enumerate(everything):
        command = json.loads(request.command)
        if number % 5 == 0:  # jsonschema is slow
            validator.validate(command)
        assert serialise(dict(reversed(command.items()))) == request.command
        assert [key for key in KEYS if key in command] == list(command)
    actions = Counter(json.loads(request.command)["action"] for request in everything)
    assert set(actions) == set(load_phrases().actions)
    assert min(actions.values()) > 0.5 * max(actions.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "refund"},
        {"action": "fly", "order": "1234"},
        {"action": "track", "order": 1234},
        {"action": "track", "order": "1234", "to": "card"},
        {"action": "buy", "items": []},
        {"action": "cancel", "order": "1234", "then": {"action": "refund", "order": "1234"}},
        {"action": "cancel", "order": "1234", "then": {"action": "track"}},
    ],
)
def test_the_schema_refuses_what_is_no_command(wrong: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(schema()).is_valid(wrong)


def test_what_is_copied_stands_in_the_request(everything: list[Request]) -> None:
    """What no list holds must be read off the request, or nobody could know it."""
    for request in everything:
        words = request.text.casefold()
        command = json.loads(request.command)
        for part in (command, command.get("then", {})):
            copied = [part.get(key) for key in ("order", "phone", "email", "name", "amount")]
            copied += part.get("address", {}).values()
            for value in filter(None, copied):
                assert re.search(rf"(?<!\d){re.escape(str(value))}(?!\d)", words), request


def test_what_is_of_a_list_is_said(everything: list[Request]) -> None:
    """Each named field leaves its words in the text: one of the phrasings of its value."""
    for request in everything:
        words = f" {request.text.casefold()} "
        command = json.loads(request.command)
        for part in (command, command.get("then", {})):
            for field, phrasings in load_phrases().fields.items():
                if field in part:
                    known = {w for said in phrasings[part[field]] for w in re.findall(r"\w+", said)}
                    assert known & set(re.findall(r"\w+", words)), (field, request)


def test_new_shapes_are_in_test_alone(rows: dict[str, tuple[Request, ...]]) -> None:
    seen = {request.shape for file in (TRAIN, DEV) for request in rows[file]}
    new = [request for request in rows[TEST] if request.held_out]
    assert 0.08 < len(new) / len(rows[TEST]) < 0.16
    assert not {request.shape for request in new} & seen
    assert {request.shape for request in rows[TEST] if not request.held_out} <= seen
    assert not any(request.held_out for file in (TRAIN, DEV) for request in rows[file])
    assert len({request.shape for request in new}) > 10


def test_the_command_of_the_most_similar_request_is_nearly_always_wrong(
    rows: dict[str, tuple[Request, ...]],
) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer()
    known = vectors.fit_transform([request.text for request in rows[TRAIN]])
    nearest = (vectors.transform([r.text for r in rows[TEST]]) @ known.T).argmax(axis=1)
    answers = [rows[TRAIN][int(place)].command for place in nearest.A1]
    right = [a == r.command for a, r in zip(answers, rows[TEST], strict=True)]
    assert sum(right) / len(right) < 0.1


def test_copies_and_repeats(tmp_path: Path) -> None:
    assert own_project("support_actions")
    assert not own_project("support_desk")
    first = copy_sample("support_actions", tmp_path)
    assert {path.name for path in first} == {"README.md", TRAIN, DEV, TEST, SCHEMA}
    assert copy_sample("support_actions", tmp_path) == first
    (tmp_path / TRAIN).write_text("mine")
    with pytest.raises(ConfigError, match="would overwrite a file"):
        copy_sample("support_actions", tmp_path)
    assert (tmp_path / TRAIN).read_text() == "mine"


def test_the_project_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "tunewright.yaml").write_text(project_text("./model"), encoding="utf-8")
    config = load_project_config(tmp_path, [])
    assert (config.task, config.model, config.data.dev) == ("generate", "./model", DEV)
    assert config.decision.metric == "exact_match"
    assert [spec.name for spec in config.decision.secondary] == ["json_valid", "json_field_f1"]
    assert [spec.name for spec in config.candidates] == ["nearest_example", "tune"]
    assert FreshModelConfig(**MODEL).architecture == "llama"
