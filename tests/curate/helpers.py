"""Files to clean, and one call that cleans them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunewright.curate.clean import CleanJob, CleanResult, clean
from tunewright.data.config import DataConfig

MESSAGES: dict[str, Any] = {"row_schema": "messages", "columns": {"messages": "messages"}}
LABELLED: dict[str, Any] = {"text": "text", "label": "label"}


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A JSON Lines file."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def chat(*turns: str, **extras: Any) -> dict[str, Any]:
    """A row of messages: `u:` the user's, `a:` the assistant's, `s:` the system's."""
    roles = {"u": "user", "a": "assistant", "s": "system"}
    messages = [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]
    return {"messages": messages, **extras}


def turns(row: dict[str, Any]) -> list[str]:
    """The inverse of `chat`."""
    return [f"{message['role'][0]}:{message['content']}" for message in row["messages"]]


def cleaned(
    source: Path, *repairs: str, how: dict[str, Any] = LABELLED, **options: Any
) -> tuple[CleanResult, Path]:
    """Clean a file beside itself; what was done, and the new file."""
    out = options.pop("out", source.with_name(f"out{source.suffix}"))
    job = CleanJob(
        config=DataConfig(train=source.name, **how),
        folder=source.parent,
        repairs=repairs,
        out=out,
        force=True,
        **options,
    )
    return clean(job), out


def ledger(out: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Header and lines of the ledger of a cleaned file."""
    first, *rest = read_lines(out.with_name(out.name + ".ledger.jsonl"))
    return first, rest
