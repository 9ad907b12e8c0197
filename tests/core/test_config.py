"""Unknown keys, aliases, and error places."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from pydantic import Field, ValidationInfo, model_validator

from tunewright.core.config import Config, YamlDocument, check_settings, validate
from tunewright.core.errors import ConfigError


class Inner(Config):
    """Nested."""

    aliases: ClassVar[dict[str, str]] = {"lr": "learning_rate"}

    learning_rate: float = 0.1
    """A rate."""


class Outer(Config):
    """The whole."""

    training: Inner = Inner()
    """What is trained."""
    seed: int = 0
    """A seed."""


def _parse(text: str, notices: list[str] | None = None) -> Outer:
    return validate(Outer, YamlDocument.parse(text, Path("project.yaml")), notices)


def test_defaults_and_values() -> None:
    assert _parse("{seed: 3}").seed == 3
    assert _parse("training: {learning_rate: 5e-5}").training.learning_rate == 5e-5


def test_unknown_key_gives_the_nearest_name_and_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        _parse("seed: 1\ntraining:\n  learning_ratee: 1\n")
    problem = caught.value
    assert problem.field == "training.learning_ratee"
    assert problem.row == 3
    assert problem.file == "project.yaml"
    assert problem.fix == "did you mean 'learning_rate'?"
    assert problem.exit_code == 2


def test_a_misspelt_alias_leads_to_the_real_name() -> None:
    with pytest.raises(ConfigError) as caught:
        _parse("training: {lrr: 1}")
    assert caught.value.fix == "did you mean 'learning_rate'?"


def test_unknown_key_far_from_all_lists_them() -> None:
    with pytest.raises(ConfigError) as caught:
        _parse("zzzz: 1")
    assert caught.value.fix == "the keys here are training, seed"


def test_alias_is_understood_and_said() -> None:
    notices: list[str] = []
    assert _parse("training: {lr: 0.5}", notices).training.learning_rate == 0.5
    assert notices == ["using learning_rate (from lr)"]


def test_two_spellings_of_one_key_are_refused() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        _parse("training: {lr: 0.5, learning_rate: 0.4}")


def test_wrong_type_names_what_was_found() -> None:
    with pytest.raises(ConfigError) as caught:
        _parse("seed: many\n")
    assert caught.value.found == "'many'"
    assert caught.value.field == "seed"


@pytest.mark.parametrize("text", ["a: [1, 2", "- 1\n- 2\n", "just text", ""])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        _parse(text)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        YamlDocument.read(tmp_path / "none.yaml")
    assert "tunewright init" in str(caught.value)


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1e999"])
def test_every_number_is_finite(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _parse(f"training: {{learning_rate: {value}}}")
    assert caught.value.field == "training.learning_rate"
    assert "finite" in caught.value.what


class Component(Config):
    """One by name."""

    name: str = "inner"
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> Self:
        check_settings(Inner, self.settings, info)
        return self


class Several(Config):
    """With several components."""

    parts: list[Component]


def test_settings_are_told_at_their_place() -> None:
    text = "parts:\n- name: a\n- name: b\n  settings:\n    learning_rat: 3\n"
    with pytest.raises(ConfigError) as caught:
        validate(Several, YamlDocument.parse(text))
    problem = caught.value
    assert (problem.field, problem.row) == ("parts[1].settings.learning_rat", 5)
    assert problem.fix == "did you mean 'learning_rate'?"


def test_other_spellings_in_settings_are_understood_and_said() -> None:
    notices: list[str] = []
    validate(Several, YamlDocument.parse("parts: [{settings: {lr: 3}}]"), notices)
    assert notices == ["using learning_rate (from lr)"]


@pytest.mark.parametrize("value", ['"\\0x"', '"x\\ud800"'])
def test_what_can_be_in_no_name_is_refused(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        YamlDocument.parse(f"a:\n- b\n- {value}\n")
    assert (caught.value.field, caught.value.row) == ("a[1]", 3)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="not UTF-8"):
        YamlDocument.read(path)


def test_hash_covers_defaults() -> None:
    assert _parse("{seed: 0}").content_hash() == Outer().content_hash()
    assert _parse("{seed: 1}").content_hash() != Outer().content_hash()


def test_python_objects_in_yaml_are_refused() -> None:
    with pytest.raises(ConfigError):
        _parse("seed: !!python/object/apply:os.system ['true']")


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        YamlDocument.parse("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert (caught.value.row, caught.value.field) == (4, "a.b")
    assert caught.value.found == "the same key in line 2"


def test_an_alias_is_not_a_second_key_and_may_not_run_away() -> None:
    assert YamlDocument.parse("a: &x {b: 1}\nc: *x\n").values == {"a": {"b": 1}, "c": {"b": 1}}
    laughs = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 12))
    assert YamlDocument.parse(f"x0: &x0 [ha]\n{laughs}\n").line_of("x11") == 12


@pytest.mark.parametrize("text", ["a: \x01", "a: [", "a: b: c", "a: 2024-99-99", "[" * 5000])
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        YamlDocument.parse(text)
