"""Where a command writes what the person asked for: never over what it reads."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from tunewright.cli.streams import abandon
from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import draft_of, write_error, writing
from tunewright.data.paths import resolve_paths
from tunewright.workflow.project import Project

_ELSEWHERE = "name another file with --output"

Write = Callable[[str], None]
"""Writes text, all of it at once."""


def files_of(written: str | list[str] | None, folder: Path) -> list[Path]:
    """The files that a data path stands for; none where it stands for none."""
    try:
        paths = resolve_paths(written, folder, allow_network=True) if written else []
    except DataError:
        return []
    return [part.path for path in paths for file in path.files for part in file.parts]


def data_files(project: Project) -> list[Path]:
    """Every data file of a project that is there."""
    data = project.config.data
    return [
        path
        for written in (data.train, data.dev, data.test)
        for path in files_of(written, project.folder)
    ]


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, by whatever names."""
    try:
        return one.samefile(other)
    except OSError:
        return False


@contextmanager
def answers_to(output: Path | None, source: str | None, project: Project | None) -> Iterator[Write]:
    """What writes the answers to where the person wants them.

    A file appears (or replaces an older one) only when all of it has been written; standard
    output, pipes and devices get every batch at once.

    Args:
        output: where the person wants them; standard output when not given.
        source: the data path that is answered; None or `-` for standard input.
        project: whose files must stay as they are, where there is one.

    Raises:
        ConfigError: when there can be no such file, or it is one that is read.
        StudyError: when the disk is full, or the folder may not be written.
    """
    inputs = files_of(source, Path.cwd()) if source not in (None, "-") else []
    if output is None:
        _refuse_redirected(inputs)
        yield partial(_write, sys.stdout)
        return
    direct = _is_stream(output)
    place = output if direct else _target(output)
    _refuse_overwriting(place, output, inputs, project)
    draft = place if direct else draft_of(place)
    with writing(output, _ELSEWHERE):
        stream = draft.open("w", encoding="utf-8")
    try:
        with stream:
            yield partial(_write_to_file, stream, output)
        if not direct:
            with writing(output, _ELSEWHERE):
                if place.exists():
                    shutil.copymode(place, draft)
                draft.replace(place)
    finally:
        if not direct:
            draft.unlink(missing_ok=True)


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def _write_to_file(stream: TextIO, output: Path, text: str) -> None:
    try:
        _write(stream, text)
    except OSError as problem:
        abandon(stream)  # what it still holds cannot be written when it is closed either
        if isinstance(problem, BrokenPipeError):
            raise
        raise write_error(problem, output, _ELSEWHERE) from problem


def _target(output: Path) -> Path:
    """Where the bytes go: a link is followed, so that it stays one."""
    place = output.resolve()
    if place.is_dir():
        raise ConfigError(
            "this is a folder, not a file", file=output, field="--output", fix="name a file in it"
        )
    if not place.parent.is_dir():
        raise ConfigError(
            "there is no such folder",
            file=output,
            field="--output",
            found=f"no folder '{place.parent}'",
            fix="make it first, or name a file in another one",
        )
    return place


def _is_stream(output: Path) -> bool:
    """Whether bytes are to go there as they come: a pipe, a device, the standard streams."""
    if os.path.abspath(output).startswith(("/dev/", "/proc/self/")):  # noqa: PTH100
        return output.exists() and not output.is_dir()
    return output.exists() and not output.is_file() and not output.is_dir()


def _refuse_overwriting(
    place: Path, output: Path, inputs: list[Path], project: Project | None
) -> None:
    kept = [(path, "the file that is to be answered") for path in inputs]
    if project is not None:
        kept += [(project.file, "the project file")]
        kept += [(path, "a data file of the project") for path in data_files(project)]
    for path, name in kept:
        if same_file(path, place):
            raise ConfigError(f"this is {name}", file=output, field="--output", fix=_ELSEWHERE)
    with suppress(OSError, ValueError):  # a stream without a number is no file
        if _is_one_file(os.fstat(sys.stdin.fileno()), place.stat()):
            raise ConfigError(
                "standard input comes from this file", file=output, field="--output", fix=_ELSEWHERE
            )


def _refuse_redirected(inputs: list[Path]) -> None:
    """`predict new.csv >> new.csv` would read its own answers."""
    for path in inputs:
        with suppress(OSError, ValueError):
            if _is_one_file(os.fstat(sys.stdout.fileno()), path.stat()):
                raise ConfigError(
                    "standard output goes to the file that is to be answered",
                    file=path,
                    fix="send it to another file",
                )


def _is_one_file(one: os.stat_result, other: os.stat_result) -> bool:
    return stat.S_ISREG(one.st_mode) and os.path.samestat(one, other)
