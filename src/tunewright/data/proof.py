"""What shows that no two parts of a split share anything, and can be checked again.

Of each part: how many different questions (normalised) and groups it has, and a hash over the
sorted hashes of each. Of each two parts: how many questions and groups they have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tunewright.core.hashing import hash_bytes
from tunewright.data.times import shown_time

ALGORITHM = "blake2b-128 over the sorted blake2b-128 hashes of the normalised questions"


@dataclass(kw_only=True, slots=True)
class PartKeys:
    """What one part holds, as hashes."""

    rows: int = 0
    questions: set[bytes] = field(default_factory=set)
    groups: set[bytes] = field(default_factory=set)
    first: int | None = None
    """Earliest time, in microseconds since 1970."""
    last: int | None = None

    def add(self, question: str, group: str | None, time: int | None) -> None:
        """Count a row in.

        Args:
            question: normalised.
            group: of the row.
            time: in microseconds since 1970.
        """
        self.rows += 1
        self.questions.add(key_of(question))
        if group is not None:
            self.groups.add(key_of(group))
        if time is not None:
            self.first = time if self.first is None else min(self.first, time)
            self.last = time if self.last is None else max(self.last, time)


def key_of(text: str) -> bytes:
    """Hash of a text, 16 bytes."""
    return bytes.fromhex(hash_bytes(text.encode("utf-8", "surrogatepass")))


def leakage_proof(parts: Mapping[str, PartKeys], *, by: str, seed: int) -> dict[str, Any]:
    """The proof of a split, as plain values.

    Args:
        parts: by name, as train, dev and test.
        by: how the rows were divided.
        seed: with which they were.
    """
    return {
        "algorithm": ALGORITHM,
        "by": by,
        "seed": seed,
        "parts": {name: _part(keys) for name, keys in parts.items()},
        "in_common": {
            f"{one} and {other}": {
                "questions": len(parts[one].questions & parts[other].questions),
                "groups": len(parts[one].groups & parts[other].groups),
            }
            for one, other in combinations(parts, 2)
        },
    }


def _part(keys: PartKeys) -> dict[str, Any]:
    return {
        "rows": keys.rows,
        "questions": len(keys.questions),
        "questions_hash": _set_hash(keys.questions),
        "groups": len(keys.groups),
        "groups_hash": _set_hash(keys.groups),
        "first": None if keys.first is None else shown_time(keys.first),
        "last": None if keys.last is None else shown_time(keys.last),
    }


def _set_hash(hashes: Iterable[bytes]) -> str:
    return hash_bytes(*sorted(hashes))


def leaks_told(proof: Mapping[str, Any]) -> Iterator[str]:
    """Each two parts that have something in common, as sentences."""
    for pair, shared in proof["in_common"].items():
        for what, count in shared.items():
            if count:
                yield f"{pair} have {count:,} {what} in common"
