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

from tunewright.core.errors import ConfigError, DataError, StudyError
from tunewright.core.text import shortened

_NAME_BYTES, _PATH_BYTES = 255, 4000
_FREE_BYTES_TOLD = 1_000_000_000
"""With more than this it is not the disk as a whole that is full (a quota, a device)."""
_GOES_ON = ": it continues where it stopped"
_OTHER_STUDY = "set `study:` in tunewright.yaml to another folder"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
"""How numpy says that a disk is full."""
_REFUSAL_IN_RUST = re.compile(r"\(os error (\d+)\)")
_DRAFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}")
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def writing(path: Path, elsewhere: str = _OTHER_STUDY) -> Iterator[None]:
    """Turn an operating-system refusal to write at `path` into a `StudyError`.

    Args:
        path: what is written.
        elsewhere: how the person can name another place, as a part of a sentence.
    """
    try:
        yield
    except OSError as problem:
        raise write_error(problem, path, elsewhere) from problem
    except Exception as problem:
        refusal = _REFUSAL_IN_RUST.search(str(problem))  # as tokenizers and safetensors raise it
        if refusal is None:
            raise
        raise write_error(OSError(int(refusal[1]), str(problem)), path, elsewhere) from problem


def write_error(problem: OSError, path: Path, elsewhere: str = _OTHER_STUDY) -> StudyError:
    """The message for a write that failed."""
    if problem.errno in FULL or _SHORT_WRITE.search(str(problem)):
        return StudyError(
            "the disk is full",
            file=path,
            found=_fullness(problem, path),
            fix="free some space, then run the same command again"
            + (_GOES_ON if elsewhere == _OTHER_STUDY else f", or {elsewhere}"),
        )
    if problem.errno in _REFUSED:
        return StudyError(
            "the folder cannot be written",
            file=path,
            found=problem.strerror,
            fix=f"make the folder writable, or {elsewhere}",
        )
    return StudyError(
        "the file could not be written",
        file=path,
        found=str(problem),
        fix="check the disk, then run the same command again"
        + (_GOES_ON if elsewhere == _OTHER_STUDY else f", or {elsewhere}"),
    )


def _fullness(problem: OSError, path: Path) -> str:
    told = problem.strerror or str(problem)
    special = path.exists() and not path.is_file() and not path.is_dir()
    free = None if special else free_bytes(path)
    return told if free is None or free > _FREE_BYTES_TOLD else f"{told}; {free:,} bytes free"


def unusable_name(written: str) -> str | None:
    """Why no file system can hold a path of this name, or None when one could."""
    if "\0" in written:
        return "the null character"
    longest = max(re.split(r"[/\\]", written), key=_bytes_of)
    for name, most in ((longest, _NAME_BYTES), (written, _PATH_BYTES)):
        if _bytes_of(name) > most:
            return f"{shortened(name, 40)}, which is too long a name"
    return None


def refuse_place(path: Path, field: str = "--out") -> None:
    """Refuse a target where no file can come to stand: a device, a pipe, a place inside a file.

    What takes the place of a device is a plain file, and then every program misses the device.

    Raises:
        ConfigError: then.
    """
    fix = "name another place"
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ConfigError("this is a device or a pipe, not a file", file=path, field=field, fix=fix)
    nearest = next((place for place in path.absolute().parents if place.exists()), None)
    if nearest is not None and not nearest.is_dir():
        raise ConfigError(
            "there can be no file here",
            file=path,
            field=field,
            found=f"'{nearest}' is a file, not a folder",
            fix=fix,
        )


def _bytes_of(name: str) -> int:
    return len(name) if os.name == "nt" else len(name.encode("utf-8", "surrogatepass"))


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
        if drafted(path) is not None:
            remove_draft(path)


def drafted(path: Path) -> str | None:
    """The name of the file of which `path` is a draft, by its own name; None where it is none."""
    found = _DRAFT.fullmatch(path.name)
    return found["name"] if found else None


def remove_draft(path: Path) -> None:
    """Remove a draft, which may be a folder, and may be gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, elsewhere: str = _OTHER_STUDY) -> None:
    """Replace the file at `path` in one step, after its bytes have reached the disk."""
    with writing(path, elsewhere):
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


def write_text(path: Path, content: str, elsewhere: str = _OTHER_STUDY) -> None:
    """Replace the UTF-8 text file at `path` in one step.

    Half a character, as in the name of a file, becomes the escape by which JSON knows it.
    """
    write_bytes(path, content.encode("utf-8", "backslashreplace"), elsewhere)


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
