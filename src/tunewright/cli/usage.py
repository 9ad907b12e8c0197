"""A command line that cannot be understood: told as every other error is, in JSON too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from tunewright.cli.exit import ending_with_code
from tunewright.core.errors import ConfigError

_INTERRUPTED = 130


class CommandLine(TyperGroup):
    """All commands together. It never ends without one of our exit codes."""

    def main(  # type: ignore[override]  # what stands between is passed on as it is
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **options: Any
    ) -> Any:
        """Run the command that the arguments name; those of the program when not given."""
        words = sys.argv[1:] if args is None else list(args)
        standalone = options.pop("standalone_mode", True)
        with ending_with_code(as_json=wants_json(words)):
            try:
                given = args if words else ["--help"]
                code = super().main(given, prog_name, standalone_mode=False, **options)
            except Exception as problem:
                if not hasattr(problem, "format_message"):
                    raise
                raise usage_error(problem) from problem
            if code == _INTERRUPTED:
                raise KeyboardInterrupt
            if not words:
                code = ConfigError.exit_code  # nothing was asked for
        if standalone:
            sys.exit(code if isinstance(code, int) else 0)
        return code


def wants_json(words: Sequence[str]) -> bool:
    """Whether the person asked for JSON, in a command line that may not be one."""
    options = words[: words.index("--")] if "--" in words else words
    return "--json" in options


def usage_error(problem: Any) -> ConfigError:
    """What typer found, as an error of ours."""
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else "tunewright"
    parameter = getattr(problem, "param", None)
    option = next((name for name in getattr(parameter, "opts", ()) if name[:1] == "-"), None)
    told = problem.message if option and problem.message else problem.format_message()
    told = " ".join(told.split()).replace("Input should", "this must", 1).removesuffix(".")
    return ConfigError(
        told[:1].lower() + told[1:],
        field=option,
        expected=context.get_usage().removeprefix("Usage: ") if context is not None else None,
        fix=f"see `{path} --help`",
    )
