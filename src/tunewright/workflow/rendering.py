"""From a project, or files, to the renderer of their model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError, ModelError
from tunewright.models.chat import ChatModel, load_chat_model, tokenizer_folder
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.named import NAMES
from tunewright.tasks.generate.renderer import Renderer
from tunewright.workflow.desk import Desk

_LARGEST_TEMPLATE = 1_000_000
"""Bytes of a template file that are read."""


def rendering_of(desk: Desk) -> RenderingConfig:
    """What the project says about rendering; the defaults where there is none."""
    return RenderingConfig() if desk.project is None else desk.project.config.rendering


def model_folder(desk: Desk) -> Path | None:
    """The folder of the model that is named; None where none is.

    Raises:
        ModelError: when it cannot be found.
    """
    if desk.model is None:
        return None
    network = desk.allow_network
    return tokenizer_folder(desk.model, desk.folder, network)


def token_options(desk: Desk) -> dict[str, Any]:
    """What the check of tokens is told (`DeskSetup.options["tokens"]`): plain values.

    Raises:
        ConfigError: when a template file is named that cannot be read.
    """
    config = rendering_of(desk)
    return {
        "rendering": config.model_dump(mode="json"),
        "template_source": template_source(config, desk.folder),
    }


def template_source(config: RenderingConfig, folder: Path) -> str | None:
    """The text of the template file that a configuration names; None where it names none.

    Raises:
        ConfigError: when the file cannot be read.
    """
    if config.template is None or config.template in NAMES:
        return None
    path = folder / Path(config.template)
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_TEMPLATE + 1)
        if len(content) > _LARGEST_TEMPLATE:
            raise ValueError(f"more than {_LARGEST_TEMPLATE:,} bytes")
        return content.decode("utf-8")
    except (OSError, ValueError) as problem:
        raise ConfigError(
            "the template file cannot be read",
            file=path,
            field="rendering.template",
            found=getattr(problem, "strerror", None) or str(problem),
            expected="a Jinja template in UTF-8",
            fix="correct the path; relative ones start at the folder of the project file",
        ) from problem


def writing_model(desk: Desk) -> tuple[ChatModel, Renderer]:
    """The tokenizer and the renderer for rows that a model is to write.

    Raises:
        ConfigError: when no model is named.
        ModelError: when the model does not write texts, or cannot be used.
    """
    folder = model_folder(desk)
    if folder is None:
        raise ConfigError(
            "no model is named, so there are no tokens",
            expected="a model that writes text, with its tokenizer",
            fix="name its folder with --model, or under `model:` in tunewright.yaml",
        )
    model = load_chat_model(folder)
    if not model.writes:
        raise ModelError(
            f"the model '{desk.model}' reads texts and does not write any",
            file=folder / "config.json",
            expected="a decoder (..ForCausalLM), or an encoder with a decoder",
            fix="name a model that writes text with --model, or under `model:` in tunewright.yaml",
        )
    config = rendering_of(desk)
    source = template_source(config, desk.folder)
    renderer = Renderer(
        model.tokenizer,
        model.templates,
        config,
        source,
        two_sequences=model.two_sequences,
    )
    return model, renderer
