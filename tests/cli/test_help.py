"""Help, and what a command imports before it works."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import imported, tunewright_help
from tunewright import __version__
from tunewright.workflow.stages import STAGE_NAMES

COMMANDS = (
    *("init", "check", "plan", "run", "status", "report", "verify", "predict", "doctor"),
    *("config schema", "config show"),
)
HEAVY = ("torch", "transformers", "numpy", "sklearn", "scipy", "pyarrow", "pydantic", "yaml")


class TestHelp:
    def test_it_names_every_command(self, tunewright: Tunewright) -> None:
        found = tunewright_help()
        for name in {command.split()[0] for command in COMMANDS}:
            assert f" {name} " in found
        assert tunewright("--version").out == f"tunewright {__version__}\n"

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_explains_itself(self, command: str) -> None:
        assert "Usage: tunewright" in tunewright_help(*command.split())

    def test_until_names_every_stage(self) -> None:
        words = " ".join(tunewright_help("run").replace("│", " ").split())
        assert (
            f"Stop after this stage: {', '.join(STAGE_NAMES[:-1])} or {STAGE_NAMES[-1]}." in words
        )

    def test_it_takes_less_than_four_tenths_of_a_second(self) -> None:
        """Of the processor, which other work on the machine does not disturb."""
        seconds = []
        for _ in range(3):
            before = _children_seconds()
            tunewright_help()
            seconds.append(_children_seconds() - before)
        assert min(seconds) < 0.4

    def test_it_imports_nothing_heavy(self) -> None:
        assert imported("--help") & set(HEAVY) == set()


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("command", ["run", "status", "report"])
def test_the_supervisor_imports_no_torch(finished_project: Path, command: str) -> None:
    found = imported(command, str(finished_project), "--json")
    assert "tunewright" in found
    assert not found & {"torch", "transformers"}
