"""A tuned writer on disk: an adapter, or a whole model, with all that is needed to ask it.

The folder is one that plain PEFT or plain transformers load. `tunewright.json` beside it says with
which base model, renderer and settings the writer was made, and with which it is to be asked.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from tunewright.core.config import Config
from tunewright.core.errors import ModelError
from tunewright.core.files import draft_of, remove_draft, write_json, write_text, writing
from tunewright.models.adapters import ADAPTER_CONFIG, check_adapter, merge, with_adapter
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.resolve import ResolvedModel, resolve_model
from tunewright.models.safety import read_model_json
from tunewright.models.writing import load_writing_model

RELEASE_FILE = "tunewright.json"
TASK = "generate"
SHARD_SIZE = "5GB"
GENERATION_FILE = "generation_config.json"
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "chat_template.jinja",
    "additional_chat_templates/*.jinja",
)
"""Copied as they are: saved anew, a tokenizer is another file, and the renderer another one."""


class Release(Config):
    """`tunewright.json` of a tuned writer."""

    task: Literal["generate"] = "generate"
    form: Literal["adapter", "whole"]
    """Whether the weights are to be put on the base model, or stand alone."""
    renderer: str
    """Hash of the renderer it was trained with; it must not be asked with another."""
    rendering: dict[str, Any] = Field(default_factory=dict)
    """The `rendering:` section."""
    templates: dict[str, str] = Field(default_factory=dict)
    """Chat templates that the base model brings, by name."""
    template_source: str | None = None
    """Text of the template file that `rendering.template` names."""
    content: Literal["conversation", "completion", "document"] = "conversation"
    """Kind of the rows it was trained on, which is how a question is put to it."""
    base_model: str
    """As the project named it."""
    base_model_path: str | None = None
    """Where it was, for a model of this machine."""
    base_model_hash: str
    max_length: int
    """Tokens of a row in training."""
    generation: GenerationConfig = GenerationConfig()
    """How answers are written, with every file read."""
    reading: dict[str, Any] = Field(default_factory=dict)
    """What of `data:` says how rows are laid out."""
    metric: str | None = None
    strategy: dict[str, Any] = Field(default_factory=dict)
    """Name and settings."""
    seeds: tuple[int, ...] = ()
    trials: tuple[str, ...] = ()
    soup: bool = False
    """Whether it is the mean of several seeds."""
    quantization: str | None = None
    """Of the base model in training."""
    merged: bool = False
    """Whether it was an adapter."""
    tunewright: str = ""
    """Version that made it."""


def is_release(folder: Path) -> bool:
    """Whether a folder holds a tuned writer, by its description."""
    path = folder / RELEASE_FILE
    if not path.is_file():
        return False
    try:
        return bool(read_model_json(path).get("task") == TASK)
    except ModelError:
        return False


def read_release(folder: Path) -> Release:
    """The description of a tuned writer.

    Raises:
        ModelError: when the folder holds none, or the description is damaged.
    """
    path = folder / RELEASE_FILE
    if not path.is_file():
        if (folder / "candidate.json").is_file():
            raise ModelError(
                "this candidate of a study is not a tuned model",
                file=folder,
                expected="a folder with adapters or weights that a study has trained",
                fix="name the project and a tuned finalist, as `. --candidate tune`",
            )
        raise ModelError(
            "this is not a tuned model",
            file=folder,
            found="no tunewright.json" if folder.is_dir() else "no such folder",
            expected="a folder that `tunewright run` has made, as study/model",
            fix="name that folder, or run `tunewright run`",
        )
    values = read_model_json(path)
    if values.get("task") != TASK:
        raise ModelError(
            "this model does not write",
            file=path,
            found=f"task: {values.get('task')}",
            expected="task: generate",
            fix="name a model that writes; with `predict`, name the project of this one instead",
        )
    try:
        return Release.model_validate(values)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise ModelError(
            "the description of this model is damaged, or of another version",
            file=path,
            field=".".join(map(str, first["loc"])) or None,
            found=str(first["msg"]),
            fix="use the version of Tunewright that made it, or run `tunewright run` again",
        ) from problem


# -- writing ----------------------------------------------------------------------------------


@contextmanager
def replacing(folder: Path, elsewhere: str | None = None) -> Iterator[Path]:
    """A new folder that takes the place of `folder` only if the block ends without an error.

    A kill leaves the old one, or none, or the new one; never a part.

    Args:
        folder: that is replaced as a whole.
        elsewhere: how the person can name another place, as a part of a sentence.
    """
    draft, former = draft_of(folder), draft_of(folder)
    with writing(folder, *([elsewhere] if elsewhere else [])):
        draft.mkdir(parents=True)
        try:
            yield draft
            if folder.exists():
                folder.replace(former)
            draft.replace(folder)
        finally:
            remove_draft(draft)
            if former.exists():
                remove_draft(former)


def save_whole(model: Any, folder: Path, base: Path, ends: Collection[int] = ()) -> None:
    """Write a plain Hugging Face model, tied weights once; sharded above 5 GB.

    Args:
        model: of transformers, without adapters.
        folder: exists.
        base: of the base model, whose generation settings are kept as they are.
        ends: tokens that end an answer, so that `generate` of transformers stops at them too.
    """
    from transformers import GenerationConfig as PlainGeneration
    from transformers.utils import logging

    logging.disable_progress_bar()
    own = model.generation_config
    # Many hub models name a temperature and draw nothing; transformers refuses to write that.
    model.generation_config = PlainGeneration()
    try:
        with writing(folder):
            model.save_pretrained(folder, max_shard_size=SHARD_SIZE)
    finally:
        model.generation_config = own
    path = base / GENERATION_FILE
    values = read_model_json(path) if path.is_file() else _token_ids(own)
    if ends:
        values["eos_token_id"] = sorted(ends) if len(ends) > 1 else min(ends)
    write_json(folder / GENERATION_FILE, values)


def _token_ids(generation: Any) -> dict[str, Any]:
    """What of the settings transformers makes of a model's own configuration."""
    return {
        name: value
        for name, value in generation.to_diff_dict().items()
        if name.endswith("token_id") or name == "transformers_version"
    }


def save_around(folder: Path, base: Path, release: Release, template: str | None) -> None:
    """Write what stands beside the weights: tokenizer, chat template, description, card.

    Args:
        folder: exists.
        base: of the base model, whose tokenizer is copied byte by byte.
        release: the description.
        template: text of the chat template that was used, where the base brings another or none.
    """
    with writing(folder):
        for pattern in _TOKENIZER_FILES:
            for path in sorted(base.glob(pattern)):
                target = folder / path.relative_to(base)
                target.parent.mkdir(exist_ok=True)
                if path.resolve() != target.resolve():
                    shutil.copyfile(path, target)
    if template is not None:
        write_text(folder / "chat_template.jinja", template)
    write_text(folder / "README.md", _card(release))
    write_json(folder / RELEASE_FILE, release.model_dump(mode="json"))


def _card(release: Release) -> str:
    """A model card: what this is, how it was made, how it is loaded."""
    adapter = release.form == "adapter"
    library = "peft" if adapter else "transformers"
    how = release.strategy.get("name", "unknown")
    made = f"mean of {len(release.seeds)} seeds" if release.soup else "one training"
    hub = release.base_model_path is None
    head = [
        "---",
        f"library_name: {library}",
        *([f"base_model: {release.base_model}"] if hub else []),
        "pipeline_tag: text-generation",
        "---",
        "",
    ]
    facts = {
        "Base model": f"{release.base_model} (content hash {release.base_model_hash})",
        "Form": "an adapter for it" if adapter else "a whole model",
        "Trained by": f"strategy `{how}`, {made}",
        "Rows": f"{release.content}s of at most {release.max_length:,} tokens",
        "Renderer": f"`{release.renderer}`",
        "Chosen by": f"`{release.metric}`" if release.metric else "not recorded",
    }
    if release.merged:
        facts["Merged"] = "the adapter's updates stand in the weights"
    if release.quantization:
        facts["Base in training"] = release.quantization
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    load = (
        "PeftModel.from_pretrained(base, folder)"
        if adapter
        else "AutoModelForCausalLM.from_pretrained(folder), or AutoModelForSeq2SeqLM"
    )
    return "\n".join(
        [
            *head,
            "# A tuned model",
            "",
            *lines,
            "",
            f"It loads with `{load}`. `tunewright predict` and `tunewright chat` put questions to",
            "it as it was trained; `tunewright.json` holds the settings for that.",
            "",
        ]
    )


# -- loading ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedRelease:
    """A tuned writer, ready to be asked."""

    release: Release
    model: Any
    """In evaluation mode."""
    tokenizer: Any
    folder: Path
    base: Any | None = None
    """The base model; None where it was not asked for."""


def find_base(
    release: Release, folder: Path, project_folder: Path | None = None, allow_network: bool = False
) -> ResolvedModel:
    """The base model that a tuned writer was made of.

    Args:
        release: the description of the tuned writer.
        folder: of the tuned writer.
        project_folder: where a relative name starts.
        allow_network: whether the hub may be asked.

    Raises:
        ModelError: when it is not there, or another one stands in its place.
    """
    places = [(release.base_model, project_folder or folder)]
    if release.base_model_path is not None:
        places.append((release.base_model_path, folder))
    missing: ModelError | None = None
    for name, start in places:
        try:
            found = resolve_model(name, start, allow_network)
        except ModelError as problem:
            missing = missing or problem
            continue
        if found.content_hash == release.base_model_hash:
            return found
        missing = ModelError(
            f"the base model '{release.base_model}' is not the one this was trained on",
            file=found.path,
            found=f"content hash {found.content_hash}",
            expected=release.base_model_hash,
            fix="put the former model back, or run `tunewright run` again with this one",
        )
    assert missing is not None
    if missing.found is not None and missing.found.startswith("content hash"):
        raise missing
    raise ModelError(
        f"the base model '{release.base_model}' is not here, and this needs it",
        file=folder,
        found=missing.what + (f" ({missing.file})" if missing.file else ""),
        expected=f"the model with content hash {release.base_model_hash}",
        fix="put it back, or give `--allow-network` where it is one of the hub",
    ) from missing


def load_release(
    folder: Path,
    project_folder: Path | None = None,
    *,
    allow_network: bool = False,
    with_base: bool = False,
    merged: bool = True,
    device: str | None = None,
) -> LoadedRelease:
    """Load a tuned writer.

    Args:
        folder: that it was written to.
        project_folder: where a relative name of the base model starts.
        allow_network: whether the hub may be asked for the base model.
        with_base: also the base model; an adapter then shares its weights with it.
        merged: whether an adapter's updates are put into the weights, which answers faster.
        device: `cpu` or `cuda`; what there is when not given.

    Raises:
        ModelError: when it cannot be loaded, or the base model is missing or another one.
    """
    release = read_release(folder)
    device = device or default_device()
    if release.form == "whole":
        resolve_model(str(folder.resolve()), folder)  # checks the files
        model, tokenizer = load_writing_model(folder, two_sequences=True, device=device)
        base = None
        if with_base:
            resolved = find_base(release, folder, project_folder, allow_network)
            base, _ = load_writing_model(resolved.path, two_sequences=True, device=device)
        return LoadedRelease(
            release=release, model=model, tokenizer=tokenizer, folder=folder, base=base
        )
    check_adapter(folder)
    resolved = find_base(release, folder, project_folder, allow_network)
    base, tokenizer = load_writing_model(
        resolved.path,
        two_sequences=True,
        device=device,
        quantization=release.quantization if device == "cuda" else None,
    )
    model = with_adapter(base, folder)
    if merged and not with_base and (device != "cuda" or release.quantization is None):
        model = merge(model)
    return LoadedRelease(
        release=release,
        model=model,
        tokenizer=tokenizer,
        folder=folder,
        base=base if with_base else None,
    )


def default_device() -> str:
    """Where models are put."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def takes_two_sequences(release: Release, folder: Path) -> bool:
    """Whether prompt and answer are two sequences for a tuned writer, without loading it."""
    if release.form == "adapter":
        return bool(read_model_json(folder / ADAPTER_CONFIG).get("task_type") == "SEQ_2_SEQ_LM")
    return bool(read_model_json(folder / "config.json").get("is_encoder_decoder"))
