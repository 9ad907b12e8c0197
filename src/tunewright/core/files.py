"""Writes that either happen wholly or not at all.

A study is killed at any moment, so a file is written beside its place and moved there. The
operating system's refusals (disk full, read-only) become errors that say what to do.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError, StudyError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
"""How numpy says that a disk is full."""
_REFUSAL_IN_RUST = re.compile(r"\(os error (\d+)\)")
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating-system refusal to write at `path` into a `StudyError`."""
    try:
        yield
    except OSError as problem:
        raise write_error(problem, path) from problem
    except Exception as problem:
        refusal = _REFUSAL_IN_RUST.search(str(problem))  # as tokenizers and safetensors raise it
        if refusal is None:
            raise
        raise write_error(OSError(int(refusal[1]), str(problem)), path) from problem


def write_error(problem: OSError, path: Path) -> StudyError:
    """The message for a write that failed."""
    if problem.errno in _FULL or _SHORT_WRITE.search(str(problem)):
        free = free_bytes(path)
        return StudyError(
            "the disk is full",
            file=path,
            found=f"{free:,} bytes free" if free is not None else None,
            fix="free some space, then run the same command again: it continues where it stopped",
        )
    if problem.errno in _REFUSED:
        return StudyError(
            "the folder cannot be written",
            file=path,
            found=problem.strerror,
            fix="make the folder writable, or set `study:` in tunewright.yaml to another folder",
        )
    return StudyError(
        "the file could not be written",
        file=path,
        found=str(problem),
        fix="check the disk, then run the same command again: it continues where it stopped",
    )


def free_bytes(path: Path) -> int | None:
    """Free bytes on the disk that holds `path` (or its nearest existing parent)."""
    for place in [path, *path.parents]:
        if place.exists():
            return shutil.disk_usage(place).free
    return None


def draft_of(path: Path) -> Path:
    """A name beside `path` under which its next content is written."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")


def remove_drafts(folder: Path) -> None:
    """Remove what killed writers have left anywhere below a folder that nobody writes to now."""
    for path in folder.rglob(".*"):
        if not _DRAFT.fullmatch(path.name):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file at `path` in one step, after its bytes have reached the disk."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = draft_of(path)
        try:
            with draft.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Replace the UTF-8 text file at `path` in one step."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replace the JSON file at `path` in one step; keys keep their order."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: when the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise DataError("the file does not exist", file=path) from problem
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise DataError("the file is not valid JSON", file=path, found=str(problem)) from problem


@contextmanager
def drafted_folder(path: Path) -> Iterator[Path]:
    """A new folder that appears at `path` only if the block ends without an error.

    When `path` came into being meanwhile (another worker made the same content) the draft is
    dropped, since both hold the same bytes.
    """
    draft = draft_of(path)
    with writing(draft):
        draft.mkdir(parents=True)
        try:
            yield draft
            if not path.exists():
                draft.replace(path)
        finally:
            if draft.exists():
                shutil.rmtree(draft, ignore_errors=True)
