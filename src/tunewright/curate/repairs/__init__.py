"""The repairs that `clean` may apply, found by name, in the order in which they are applied.

The order is ours and not that of the command line: what is said about rows by their place comes
first, then what changes texts, then what compares rows as they have become. That, and going over
a row until nothing changes, is why cleaning twice changes nothing.
"""

from __future__ import annotations

from tunewright.core.registry import Registry
from tunewright.curate.repairs.base import Repair

_HERE = "tunewright.curate.repairs"

REPAIRS: Registry[Repair] = Registry(
    "repair",
    base=f"{_HERE}.base:Repair",
    builtin={
        "drop": f"{_HERE}.listed:Drop",
        "relabel": f"{_HERE}.listed:Relabel",
        "fix_encoding": f"{_HERE}.characters:FixEncoding",
        "strip_control": f"{_HERE}.characters:StripControl",
        "strip_whitespace": f"{_HERE}.characters:StripWhitespace",
        "remove_toxic": f"{_HERE}.turns:RemoveToxic",
        "merge_turns": f"{_HERE}.turns:MergeTurns",
        "strip_boilerplate": f"{_HERE}.boilerplate:StripBoilerplate",
        "redact": f"{_HERE}.personal:Redact",
        "dedupe": f"{_HERE}.copies:Dedupe",
        "near_dedupe": f"{_HERE}.copies:NearDedupe",
    },
)

__all__ = ["REPAIRS", "Repair"]
