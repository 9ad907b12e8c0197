"""Makes the files of the sample: the same bytes every time.

Unlike `support_desk` they are not kept in the repository; they are made when they are asked for,
in less than a second, and a test compares their hashes.
"""

from __future__ import annotations

import json
from functools import lru_cache

from tunewright.samples.support_actions.drawing import DEV, TEST, TRAIN, Request, draw
from tunewright.samples.support_actions.grammar import schema

SCHEMA = "actions.schema.json"


@lru_cache(maxsize=1)
def requests() -> dict[str, tuple[Request, ...]]:
    """The requests of each file; no text is in two of them, or in one twice."""
    taken: set[str] = set()
    return {file: tuple(draw(file, taken)) for file in (TRAIN, DEV, TEST)}


def contents() -> dict[str, bytes]:
    """Every file that is generated, by its name."""
    files = {file: "".join(_line(request) for request in rows) for file, rows in requests().items()}
    files[SCHEMA] = json.dumps(schema(), indent=2) + "\n"
    return {name: text.encode() for name, text in files.items()}


def _line(request: Request) -> str:
    row = {
        "messages": [
            {"role": "user", "content": request.text},
            {"role": "assistant", "content": request.command},
        ]
    }
    return json.dumps(row, ensure_ascii=False) + "\n"
