"""`tunewright.yaml`: one project, put together from the parts' own configurations."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tunewright.core.config import Config, YamlDocument, check_settings, validate
from tunewright.core.errors import ConfigError, nearest
from tunewright.core.files import unusable_name
from tunewright.core.registry import Registry
from tunewright.data.config import DataConfig
from tunewright.data.schemas.base import TaskName
from tunewright.decide.config import DecisionConfig, check_decision, with_default_metric
from tunewright.experiment.config import TrainingConfig
from tunewright.models.generation.config import GenerationConfig
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.train.processes.config import MAX_PROCESSES, Sharding


class CandidateSpec(Config):
    """A candidate by name, with its settings. In YAML a bare name stands for its defaults."""

    name: str
    """Of labels `majority`, `tfidf`, `zero_shot`, `few_shot`, `nearest` and `probe`; of written
    answers `majority`, `nearest_example`, `zero_shot`, `few_shot` and `rag`; of both `tune`; or
    another one."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The candidate's own settings."""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        known = ["tune", *(n for task in DEFAULT_CANDIDATES for n in candidates_of(task).names())]
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean '{near}'?" if near else ", ".join(dict.fromkeys(known))
            raise ValueError(f"there is no candidate called '{name}'|{hint}")
        return name

    @model_validator(mode="after")
    def _none_for_tune(self) -> Self:
        if self.name == "tune" and self.settings:
            raise ValueError("`tune` has no settings here|they stand under `training:`")
        return self


GENERATE = "generate"
DEFAULT_CANDIDATES = {
    "classify": ("majority", "tfidf", "zero_shot", "few_shot", "nearest", "probe", "tune"),
    GENERATE: ("majority", "nearest_example", "zero_shot", "few_shot", "rag", "tune"),
}
"""Task to what is compared where a project names nothing."""


def candidates_of(task: str) -> Registry[Any]:
    """The candidates that need no training, for a task."""
    if task == GENERATE:
        from tunewright.candidates.generate import TEXT_CANDIDATES

        return TEXT_CANDIDATES
    from tunewright.candidates import CANDIDATES

    return CANDIDATES


MAX_THREADS = 1024
"""More than any one machine has a use for; of a hundred thousand the worker would die."""


class ProjectConfig(Config):
    """Everything that decides what a run does."""

    aliases: ClassVar[dict[str, str]] = {
        "base_model": "model",
        "model_name_or_path": "model",
        "llm_backbone": "model",
        "output_dir": "study",
        "out_dir": "study",
        "output_directory": "study",
        "cutoff_len": "max_length",
        "sequence_len": "max_length",
        "max_seq_length": "max_length",
        "max_seq_len": "max_length",
        "num_threads": "threads",
        "random_seed": "seed",
        "num_processes": "processes",
        "nproc_per_node": "processes",
        "quantization_bit": "quantization",
        "quant_bits": "quantization",
        "quantize": "quantization",
    }

    task: TaskName = "classify"
    """What is predicted: `classify` gives one label to each text, `generate` writes an answer,
    `tag` labels tokens, `retrieve` finds documents. Runs are possible for `classify` and
    `generate`; the data of the others can be checked, repaired and grown."""
    data: DataConfig
    """Where the examples are."""
    model: str = "all-MiniLM-L6-v2"
    """The base model: a local folder, an embedded model, or a hub name."""
    allow_network: bool = False
    """Whether a hub model may be downloaded, and `hub:owner/name` be read as data. Nothing else
    ever uses the network."""
    max_length: int | None = Field(default=None, ge=4)
    """Tokens at which a text is cut; the model's own limit when not given."""
    rendering: RenderingConfig = RenderingConfig()
    """How rows become tokens for a model that writes."""
    generation: GenerationConfig = GenerationConfig()
    """How an answer is written; for `generate`."""
    candidates: list[CandidateSpec] = Field(
        default=[CandidateSpec(name=name) for name in DEFAULT_CANDIDATES["classify"]],
        min_length=1,
    )
    """What is compared; for `generate` other ones by default."""
    label_descriptions: dict[str, str] = Field(default_factory=dict)
    """A phrase for each label, for zero-shot; its name in plain words otherwise."""
    decision: DecisionConfig = DecisionConfig()
    """How the winner is chosen."""
    training: TrainingConfig = TrainingConfig()
    """What `tune` tries."""
    seed: int = Field(default=0, ge=0)
    """Root of every random stream."""
    threads: int | None = Field(default=None, ge=1, le=MAX_THREADS)
    """Processor threads; all available cores when not given."""
    processes: int = Field(default=1, ge=1, le=MAX_PROCESSES)
    """Processes that train a trial together, each on its share of the rows of every step. For
    `generate`."""
    sharding: Sharding = "none"
    """Of several processes: `none` keeps all weights in each (DDP), `full` divides weights,
    gradients and optimiser state among them (FSDP)."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the factors in training; `auto` takes bfloat16 where it is measured to be
    faster. Everything that is stored, scored or shipped is computed in float32."""
    quantization: Literal["4bit", "8bit"] | None = None
    """In what the frozen base model of a writer is kept in memory, on a GPU: `4bit` or `8bit`."""
    store: bool = True
    """Whether states of the frozen part of the model are kept on disk and reused."""
    study: str = "study"
    """Folder for everything the run makes, relative to the project file."""

    @property
    def metric_columns(self) -> list[str]:
        """Columns that metrics of written answers need besides a question and an answer."""
        told = [self.decision.metric_settings, *(s.settings for s in self.decision.secondary)]
        named = [str(values["table_column"]) for values in told if values.get("table_column")]
        for values in told:
            named += re.findall(r"\{([^{}]*)\}", str(values.get("database") or ""))
        return sorted(set(named))

    def resolved(self) -> dict[str, Any]:
        """Plain values with every default filled in; as a project file they mean the same.

        What is searched is left out of `training.fixed`, and what is fixed out of the search.
        """
        values = self.model_dump(mode="json")
        fixed, search = values["training"]["fixed"], values["training"]["search"]
        for name in fixed.keys() & search.keys():
            del (search if name in self.training.fixed.model_fields_set else fixed)[name]
        return values

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_task(cls, values: Any) -> Any:
        values = with_default_metric(values)
        if isinstance(values, dict) and values.get("task") == GENERATE:
            return {"candidates": list(DEFAULT_CANDIDATES[GENERATE]), **values}
        return values

    @model_validator(mode="before")
    @classmethod
    def _bits(cls, values: Any) -> Any:
        return with_named_bits(values)

    @field_validator("candidates", mode="before")
    @classmethod
    def _names(cls, values: object) -> object:
        if isinstance(values, list):
            return [{"name": v} if isinstance(v, str) else v for v in values]
        return values

    @field_validator("candidates")
    @classmethod
    def _once(cls, values: list[CandidateSpec]) -> list[CandidateSpec]:
        names = [value.name for value in values]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"candidate '{twice}' is listed twice|give its settings in one place")
        return values

    @field_validator("candidates")
    @classmethod
    def _of_the_task(cls, values: list[CandidateSpec], info: ValidationInfo) -> list[CandidateSpec]:
        task = info.data.get("task", "classify")
        known = candidates_of(task)
        for place, spec in enumerate(values):
            if spec.name == "tune":
                continue
            if spec.name not in known:
                raise ValueError(
                    f"`{spec.name}` is no candidate of `task: {task}`"
                    f"|use some of {', '.join([*known.names(), 'tune'])}"
                )
            settings = known.get(spec.name).Settings
            check_settings(settings, spec.settings, info, inside=(place, "settings"))
        return values


_BITS = {4: "4bit", 8: "8bit", "4": "4bit", "8": "8bit", "bnb.nf4": "4bit", "bnb.int8": "8bit"}


def with_named_bits(values: Any) -> Any:
    """The peers' ways to say in how many bits a base model is kept: `load_in_4bit: true`, `4`."""
    if not isinstance(values, dict):
        return values
    values = dict(values)
    for name in ("quantization", "quantization_bit", "quant_bits", "quantize"):
        held = values.get(name)
        if isinstance(held, int | str) and not isinstance(held, bool):
            values[name] = _BITS.get(held, held)
    for bits in ("4bit", "8bit"):
        wanted = values.get(f"load_in_{bits}")
        if isinstance(wanted, bool):
            del values[f"load_in_{bits}"]
            if wanted and values.setdefault("quantization", bits) != bits:
                raise ValueError("the base model is quantised in two ways|keep one of the two")
    return values


def load_project_config(path: Path, notices: list[str]) -> ProjectConfig:
    """Read and check a project file.

    Raises:
        ConfigError: naming the file, the line, the field and the fix.
    """
    if path.is_dir():
        path = path / "tunewright.yaml"
    document = YamlDocument.read(path)
    config = validate(ProjectConfig, document, notices)
    _refuse_unusable_names(config, document)
    _refuse_other_metrics(config, document)
    _refuse_file_as_study(path.parent / config.study, document)
    return config


def _refuse_unusable_names(config: ProjectConfig, document: YamlDocument) -> None:
    """Names of folders that no system can hold; the data stage tells of those of files."""
    for field, name in (("model", config.model), ("study", config.study)):
        why = unusable_name(name)
        if why is not None:
            raise ConfigError(
                "there can be no folder of this name",
                file=document.file,
                row=document.line_of(field),
                field=field,
                found=why,
                fix="correct the name",
            )


def _refuse_other_metrics(config: ProjectConfig, document: YamlDocument) -> None:
    """A metric of labels for written answers, or the other way round."""
    try:
        check_decision(config.decision, config.task)
    except ConfigError as problem:
        raise ConfigError(
            problem.what,
            file=document.file,
            row=document.line_of(problem.field or "decision"),
            field=problem.field,
            found=problem.found,
            fix=problem.fix,
        ) from problem


def _refuse_file_as_study(study: Path, document: YamlDocument) -> None:
    """The study, or a folder that it would be in, is a file or a device."""
    place = next((p for p in (study, *study.parents) if os.path.exists(p)), study)  # noqa: PTH110
    if os.path.isdir(place) or not os.path.exists(place):  # noqa: PTH110, PTH112
        return  # unlike pathlib's, these say no where a folder may not be entered
    raise ConfigError(
        "this is a file, so it cannot be the study"
        if place == study
        else "the study would be inside a file",
        file=document.file,
        row=document.line_of("study"),
        field="study",
        found=str(place),
        expected="a folder, or a name for a new one",
        fix="name another folder, for instance `study: study`",
    )
