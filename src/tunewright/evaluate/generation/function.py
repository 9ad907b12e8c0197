"""A metric of the person's own: a Python function in a file of the project.

It is the one place where code of the person's runs: whatever the file says is executed, with all
rights of the person who starts the run.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tunewright.core.config import Config
from tunewright.core.errors import ConfigError, DataError, nearest
from tunewright.evaluate.generation.base import EachMetric, ItemScores, Reference

Scorer = Callable[[str, Reference], Any]


class FunctionSettings(Config):
    """Of `function`."""

    function: str
    """A file of the project and a function in it, `my_metrics.py:score`. The function is called
    with the answer and the reference, and returns a number from 0 to 1, True or False, or None for
    an answer that cannot be read. The file is run as it is."""
    title: str = Field(default="", max_length=60)
    """What the report calls the score; the name of the function when not given."""
    right_wrong: bool = False
    """Whether every score is 0 or 1, for which there are sharper tests."""

    @field_validator("function")
    @classmethod
    def _two_parts(cls, value: str) -> str:
        file, colon, name = value.rpartition(":")
        if not (colon and file.endswith(".py") and name.isidentifier()):
            raise ValueError("this names no function in a file|write `my_metrics.py:score`")
        return value


class PersonsFunction(EachMetric):
    """The score that the function gives; higher is better."""

    name = "function"
    title = "your own metric"
    meaning = "what the function of your project returns"
    Settings = FunctionSettings

    def __init__(self, settings: Config | None = None, *, folder: Path | None = None) -> None:
        super().__init__(settings, folder=folder)
        _, _, name = self.settings.function.rpartition(":")
        # Of this metric alone they depend on the settings, and each project makes its own.
        self.title = self.settings.title or name  # type: ignore[misc]
        self.right_wrong = self.settings.right_wrong  # type: ignore[misc]

    def check(self, references: Sequence[Reference]) -> None:
        """The function must be there; it is not called."""
        _ = self._function

    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        self.check(references)
        return super().score_each(answers, references)

    def score_one(self, answer: str, reference: Reference) -> float | None:
        try:
            found = self._function(answer, reference)
        except BaseException as problem:  # `sys.exit()` would end the run as if it were done
            if isinstance(problem, KeyboardInterrupt):
                raise
            raise self._fault(
                "your metric stopped with an error",
                reference,
                f"{type(problem).__name__}: {problem} ({_line(problem, self._path)})",
                "correct the function, or return None for an answer that cannot be read",
            ) from problem
        if found is None:
            return None
        score = _as_float(found)
        if score is None or not 0 <= score <= 1:
            raise self._fault(
                "your metric returned no score",
                reference,
                _shown(found),
                "return a number from 0 to 1 (divide by the largest that there can be)",
            )
        if self.right_wrong and score not in (0.0, 1.0):
            raise self._fault(
                "your metric is said to be right or wrong, and returned something between",
                reference,
                _shown(found),
                "return True or False, or remove `right_wrong: true`",
            )
        return score

    def _fault(self, what: str, reference: Reference, found: str, fix: str) -> DataError:
        return DataError(
            f"{what}, for {reference.file or 'a row'}"
            + (f" row {reference.row}" if reference.row is not None else ""),
            file=self._path,
            field=self.settings.function.rpartition(":")[2],
            found=found,
            expected="a number from 0 to 1, True, False or None",
            fix=fix,
        )

    @property
    def _path(self) -> Path:
        return self.folder / str(self.settings.function.rpartition(":")[0])

    @cached_property
    def _function(self) -> Scorer:
        path, name = self._path, self.settings.function.rpartition(":")[2]
        if not path.is_file():
            raise ConfigError(
                "there is no such file with a metric",
                file=path,
                fix="correct `function:` in `metric_settings`; it is relative to the project file",
            )
        module = _loaded(path)
        function = getattr(module, name, None)
        if not callable(function):
            near = nearest(name, [n for n in vars(module) if callable(getattr(module, n))])
            raise ConfigError(
                f"there is no function '{name}' in this file",
                file=path,
                fix=f"did you mean '{near}'?"
                if near
                else f"define `def {name}(answer, reference)`",
            )
        found: Scorer = function
        return found


def _loaded(path: Path) -> Any:
    """The file, run as a module of its own that nothing else imports."""
    spec = importlib.util.spec_from_file_location(f"tunewright_metric_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as problem:
        if isinstance(problem, KeyboardInterrupt):
            raise
        raise ConfigError(
            "the file with your metric stopped with an error",
            file=path,
            found=f"{type(problem).__name__}: {problem} ({_line(problem, path)})",
            fix="correct the file",
        ) from problem
    return module


def _as_float(value: Any) -> float | None:
    try:
        score = float(value)
    except Exception:  # the value may be of a class of the person's
        return None
    return score if math.isfinite(score) else None


def _shown(value: Any) -> str:
    try:
        return repr(value)[:200]
    except Exception:  # as above
        return f"a value of the type {type(value).__name__}"


def _line(problem: BaseException, path: Path) -> str:
    """The line of the person's file that led to it."""
    if isinstance(problem, SyntaxError):
        return f"line {problem.lineno}"
    trace, line = problem.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "when it was called" if line is None else f"line {line}"
