"""The entry point: takes care of how the program ends, then loads the commands.

The commands bring a third of a second of imports. An interrupt meanwhile ends the program with
the same code and message as later.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunewright.cli.commands import app as app


def main() -> None:
    """Run the command line and end with its exit code."""
    from tunewright.cli.exit import ending_with_code, keep_code

    try:
        with ending_with_code(as_json="--json" in sys.argv[1:]):
            from tunewright.cli.commands import app

            app(prog_name="tunewright")
    except SystemExit as ended:
        keep_code(ended.code)
        raise


def __getattr__(name: str) -> Any:
    """Load the commands when they are first asked for."""
    if name == "app":
        from tunewright.cli import commands

        return commands.app
    raise AttributeError(f"module 'tunewright.cli.main' has no attribute '{name}'")
