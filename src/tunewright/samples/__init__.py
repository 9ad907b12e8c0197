"""Data sets that come with the package, so that the first run needs no download.

A sample is a folder here with its README and the generator of its data files. Those of
`support_desk` are kept beside it; those of `support_actions` are made when they are asked for, the
same bytes every time.
"""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from pathlib import Path

from tunewright.core.errors import ConfigError, nearest
from tunewright.core.files import write_bytes

_SAMPLES = {
    "support_desk": ("README.md", "planted.json", "test.csv", "train.csv"),
    "support_actions": ("README.md",),
}
_MADE = {"support_actions": f"{__name__}.support_actions.generate"}
"""Samples with files that are made, each with the module whose `contents` makes them."""
NAMES = tuple(_SAMPLES)


def own_project(name: str) -> bool:
    """Whether a sample brings its own project file and model, beside its data."""
    return name in _MADE


def sample_path(name: str) -> Path:
    """The bundled file called `name`, such as `support_desk/train.csv`.

    Raises:
        ConfigError: when there is no such file; names the nearest one.
    """
    known = [f"{sample}/{file}" for sample, names in _SAMPLES.items() for file in names]
    _check("sample file", name, known)
    return Path(str(files(__name__))).joinpath(*name.split("/"))


def copy_sample(name: str, folder: str | Path) -> list[Path]:
    """Copy the files of the sample called `name` into `folder` and return their new paths.

    A file that is already there with the same content is left alone, so that the copy can be
    repeated; one with other content is the person's own and is never overwritten.

    Raises:
        ConfigError: for an unknown sample, or when a different file is in the way.
    """
    _check("sample", name, list(_SAMPLES))
    contents = {
        Path(folder) / file: sample_path(f"{name}/{file}").read_bytes() for file in _SAMPLES[name]
    }
    if name in _MADE:
        made: dict[str, bytes] = import_module(_MADE[name]).contents()
        contents |= {Path(folder) / file: content for file, content in made.items()}
    for path, content in contents.items():
        if path.exists() and not (path.is_file() and path.read_bytes() == content):
            raise ConfigError(
                f"the sample '{name}' would overwrite a file that differs from it",
                file=path,
                fix="choose an empty folder, or move the file away",
            )
    for path, content in contents.items():
        if not path.exists():
            write_bytes(path, content)
    return list(contents)


def _check(kind: str, name: str, known: list[str]) -> None:
    if name not in known:
        close = nearest(name, known)
        raise ConfigError(
            f"there is no {kind} '{name}'",
            found=name,
            expected=", ".join(known),
            fix=f"did you mean '{close}'?" if close else f"use one of: {', '.join(known)}",
        )
