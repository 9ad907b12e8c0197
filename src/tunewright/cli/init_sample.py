"""`init --sample` for a sample that brings its own project file and its own new model."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tunewright.cli.console import LiveProgress, console, print_json
from tunewright.cli.init import ELSEWHERE, InitOptions, named_model, show_next
from tunewright.cli.project_text import yaml_value
from tunewright.core.errors import ConfigError
from tunewright.core.files import write_text
from tunewright.models.fresh.build import made_with
from tunewright.models.fresh.config import FreshModelConfig
from tunewright.samples import copy_sample
from tunewright.workflow.new_model import NewModelRequest, make_new_model


def write_sample_project(options: InitOptions, out: Path, *, as_json: bool) -> None:
    """Copy the data, make the model unless the person named one, write the project file."""
    _refuse_further(options)
    sample = import_module(f"tunewright.samples.{options.sample}.project")
    folder = out.parent
    paths = copy_sample(str(options.sample), folder)
    notes: list[str] = []
    model = named_model(options.model, out, notes)
    if model is None:
        model = f"./{sample.MODEL_FOLDER}"
        train = next(path for path in paths if path.name == sample.LEARNED_FROM)
        shape = FreshModelConfig(**sample.MODEL)
        _make_model(shape, folder / sample.MODEL_FOLDER, train, as_json=as_json)
    write_text(out, sample.project_text(yaml_value(model)), ELSEWHERE)
    if as_json:
        files = [str(path) for path in paths]
        print_json({"project": str(out), "task": "generate", "files": files, "model": model})
        return
    names = ", ".join(path.name for path in paths)
    console.print(f"Copied {options.sample}: {names}", markup=False, soft_wrap=True)
    for note in notes:
        console.print(f"· {note}", style="dim", markup=False)
    show_next(out, ("check", "show", "run"))


def _make_model(config: FreshModelConfig, target: Path, train: Path, *, as_json: bool) -> None:
    """The model beside the project file; one of the same shape that is there already stays."""
    if made_with(target) == config:
        return
    request = NewModelRequest(config=config, files=[str(train)], out=target, schema="messages")
    with LiveProgress(quiet=as_json) as progress:
        made = make_new_model(request, progress.listener().on_event)
    if not as_json:
        from tunewright.cli.new_model import show

        show(made)


def _refuse_further(options: InitOptions) -> None:
    """The sample's project says how its files are read."""
    given = {
        "a data file": options.files,
        "--test": options.test,
        "--text": options.text,
        "--label": options.label,
        "--schema": options.schema,
        "--map": options.columns,
    }
    named = [name for name, value in given.items() if value]
    if named:
        raise ConfigError(
            f"the sample '{options.sample}' brings its own project",
            field="--sample",
            found=f"{named[0]} beside it",
            fix="leave that out; change the project file afterwards",
        )
