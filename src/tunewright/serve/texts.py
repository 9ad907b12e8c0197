"""Loads a tuned writer and answers rows with it, by the one renderer it was trained with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.document import YamlDocument
from tunewright.core.errors import ConfigError, ModelError
from tunewright.data.content import Completion, Content, Conversation, Message
from tunewright.models.chat import FileTokenizer
from tunewright.models.generation.config import ConstraintConfig, GenerationConfig
from tunewright.models.generation.decoder import Decoder, Stream
from tunewright.models.generation.grammar import meets
from tunewright.models.generation.written import Written
from tunewright.models.released import (
    LoadedRelease,
    Release,
    load_release,
    read_release,
    takes_two_sequences,
)
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.template import UnrenderableError
from tunewright.train.writing.release import ends_of

_GREEDY: dict[str, Any] = {
    "do_sample": False,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
}
_ONE_BEAM: dict[str, Any] = {"num_beams": 1, "length_penalty": 1.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class TextAnswer:
    """What was written for one row."""

    text: str | None
    """None where there is no answer."""
    ended: bool = False
    """Whether the model, a stop text or the constraint ended it."""
    cut_off: bool = False
    """Whether it stopped at the most tokens allowed."""
    tokens: int = 0
    """Written."""
    prompt_tokens: int = 0
    """Read."""
    probability: float | None = None
    """Of a token of it: the geometric mean."""
    parse_failure: str | None = None
    """Why it does not meet the constraint, where there is one."""
    problem: str | None = None
    """Why there is no answer."""


class TextPredictor:
    """A model that writes, with its renderer and its settings.

    Args:
        model: in evaluation mode.
        tokenizer: as transformers loads it.
        renderer: the one renderer.
        release: what the folder says of it.
        base: the same with the base model, where that was loaded too.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        renderer: Renderer,
        release: Release,
        base: TextPredictor | None = None,
    ) -> None:
        self.renderer, self.release, self.base = renderer, release, base
        self.generation = release.generation
        self.decoder = Decoder(model, tokenizer, ends=ends_of(model, tokenizer, renderer))

    @property
    def takes_turns(self) -> bool:
        """Whether it was trained on conversations; otherwise a text is continued as it is."""
        return self.release.content == "conversation"

    def asked(self, turns: Sequence[Message]) -> Content:
        """What is said, in the kind of rows that the model was trained on.

        For a model of plain texts the last turn is all that it is given.
        """
        if self.takes_turns:
            return Conversation(messages=tuple(turns))
        return Completion(prompt=turns[-1].text, completion=None)

    def answer(
        self,
        contents: Sequence[Content],
        generation: GenerationConfig | None = None,
        on_done: Callable[[int], None] = lambda done: None,
    ) -> list[TextAnswer]:
        """One answer for each row, in their order; a row that cannot be asked has a `problem`.

        Args:
            contents: whose own answers are not looked at.
            generation: how to write; as the model's folder says when not given.
            on_done: told how many are written.

        Raises:
            ConfigError: when `max_new_tokens` is too few for any answer under the constraint.
            ModelError: when the constraint asks for what the vocabulary lacks.
        """
        config = generation or self.generation
        found: list[TextAnswer | None] = []
        prompts: list[Sequence[int]] = []
        for content in contents:
            try:
                prompts.append(self.renderer.prompt(content).token_ids)
                found.append(None)
            except (UnrenderableError, TypeError) as problem:
                found.append(TextAnswer(text=None, problem=str(problem)))
        written = iter(self.decoder.write(prompts, config, on_done=on_done) if prompts else ())
        return [
            answer if answer is not None else text_answer(next(written), config) for answer in found
        ]

    def stream(self, content: Content, generation: GenerationConfig | None = None) -> Stream:
        """One answer, piece by piece.

        Raises:
            ModelError: when the row cannot be rendered, or is too long for the model.
        """
        config = single_beam(generation or self.generation)
        try:
            prompt = self.renderer.prompt(content).token_ids
        except UnrenderableError as problem:
            raise ModelError("this cannot be put to the model", found=problem.message) from problem
        return self.decoder.stream(prompt, config)


def load_text_predictor(
    folder: Path,
    project_folder: Path | None = None,
    *,
    allow_network: bool = False,
    with_base: bool = False,
) -> TextPredictor:
    """Load a tuned writer with its renderer and its settings.

    Args:
        folder: `study/model`, one of `study/candidates/*`, or what `merge` has written.
        project_folder: where a relative name of the base model starts.
        allow_network: whether the hub may be asked for the base model.
        with_base: also the base model, as `base`; it shares the weights of an adapter's.

    Raises:
        ModelError: when the folder holds no tuned writer, or it was made with another renderer, or
            its base model is missing or another one.
    """
    release = read_release(folder)
    renderer = renderer_of(release, folder)  # before the weights, which take their time
    loaded = load_release(folder, project_folder, allow_network=allow_network, with_base=with_base)
    return TextPredictor(
        loaded.model, loaded.tokenizer, renderer, release, _base_of(loaded, renderer)
    )


def _base_of(loaded: LoadedRelease, renderer: Renderer) -> TextPredictor | None:
    if loaded.base is None:
        return None
    return TextPredictor(loaded.base, loaded.tokenizer, renderer, loaded.release)


def renderer_of(release: Release, folder: Path, *, two_sequences: bool | None = None) -> Renderer:
    """The renderer that a model was trained with.

    Args:
        release: the description in the folder.
        folder: with the tokenizer.
        two_sequences: whether prompt and answer are two sequences; as the folder's weights are
            when not given.

    Raises:
        ModelError: when this version, or another tokenizer in the folder, renders differently.
    """
    if two_sequences is None:
        two_sequences = takes_two_sequences(release, folder)
    renderer = Renderer(
        FileTokenizer(folder),
        release.templates,
        RenderingConfig(**release.rendering),
        release.template_source,
        two_sequences=two_sequences,
    )
    if renderer.renderer != release.renderer:
        raise ModelError(
            "the model was made with another renderer of its inputs",
            file=folder,
            found=release.renderer,
            expected=renderer.renderer,
            fix="use the version of Tunewright that made it, put its tokenizer files back, or run "
            "`tunewright run` again",
        )
    return renderer


def text_answer(written: Written, config: GenerationConfig) -> TextAnswer:
    """What was written, held against the constraint."""
    if written.problem is not None:
        return TextAnswer(text=None, problem=written.problem, prompt_tokens=written.prompt_tokens)
    steps = len(written.log_probabilities)
    mean = math.exp(written.log_probability / steps) if steps else None
    return TextAnswer(
        text=written.text,
        ended=written.ended,
        cut_off=not written.ended,
        tokens=len(written.token_ids),
        prompt_tokens=written.prompt_tokens,
        probability=None if mean is None else round(mean, 6),
        parse_failure=_failure(written, config.constraint),
    )


def _failure(written: Written, constraint: ConstraintConfig | None) -> str | None:
    if constraint is None or meets(constraint, written.text):
        return None
    return "it does not meet the constraint" + ("" if written.ended else ": it was cut off")


# -- settings ----------------------------------------------------------------------------------


def single_beam(config: GenerationConfig) -> GenerationConfig:
    """The same without beams, of which none can be shown before the last token is there."""
    return config.model_copy(update=_ONE_BEAM) if config.num_beams > 1 else config


def changed(
    config: GenerationConfig,
    *,
    max_new_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    constraint: ConstraintConfig | None = None,
) -> GenerationConfig:
    """Settings with some of them given anew; a temperature or `top_p` means that tokens are drawn,
    and the temperature 0 that they are not; a constraint takes the place of stop texts.

    Raises:
        ConfigError: when they do not belong together.
    """
    from tunewright.core.config import validate

    values = config.model_dump(mode="json", exclude_none=True)
    if temperature == 0:
        if top_p is not None:
            raise ConfigError(
                "at temperature 0 nothing is drawn", field="--top-p", fix="leave one of the two out"
            )
        values |= _GREEDY
    elif temperature is not None or top_p is not None:
        values |= {"do_sample": True, **_ONE_BEAM}
    given = {
        "max_new_tokens": max_new_tokens,
        "temperature": temperature or None,
        "top_p": top_p,
        "seed": seed,
        "constraint": None if constraint is None else constraint.model_dump(exclude_none=True),
    }
    values |= {name: value for name, value in given.items() if value is not None}
    if constraint is not None:
        values.pop("stop", None)  # an answer under a constraint ends when it is met
    return validate(GenerationConfig, YamlDocument(values, {}, None))


def read_constraint(path: Path) -> ConstraintConfig:
    """A constraint from a file: a JSON schema (an object), choices (a list of texts), or else a
    regular expression.

    Raises:
        ConfigError: when it cannot be read, or is none of them.
    """
    import json

    from tunewright.core.config import validate

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            "this constraint cannot be read",
            file=path,
            field="--constraint",
            found=str(getattr(problem, "strerror", None) or problem),
            expected="a JSON schema, a JSON list of choices, or a regular expression",
        ) from problem
    values: dict[str, Any] = {"regex": text.rstrip("\r\n")}
    if path.suffix.lower() == ".json":
        try:
            held = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise ConfigError(
                "this constraint is no JSON", file=path, field="--constraint", found=str(problem)
            ) from problem
        if not isinstance(held, list | dict):
            raise ConfigError(
                "this constraint is neither a schema nor choices",
                file=path,
                field="--constraint",
                found=text[:100],
                expected="a JSON object, or a JSON list of texts",
            )
        values = {"choices" if isinstance(held, list) else "json_schema": held}
    try:
        return validate(ConstraintConfig, YamlDocument(values, {}, None))
    except ConfigError as problem:
        problem.file, problem.field = str(path), "--constraint"
        raise
