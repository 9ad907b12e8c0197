"""What stands where a data path points to, and what to do where that is no file to read."""

from __future__ import annotations

import errno
import re
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tunewright.core.errors import DataError, nearest

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_STREAM = re.compile(r"/dev/std(?:in|out|err)|/dev/fd/\d+|/proc/[^/]+/fd/\d+")
_NAMES_SHOWN = 8

_READ_OFTEN = "the data is read several times, and by other processes"

_KINDS = (
    (stat.S_ISFIFO, "a pipe", "write what comes out of it to a file and name that"),
    (stat.S_ISSOCK, "a socket", "write what comes out of it to a file and name that"),
    (stat.S_ISCHR, "a device", "name the file that holds the rows"),
    (stat.S_ISBLK, "a device", "name the file that holds the rows"),
)


def located(written: str, folder: Path) -> Path:
    """The place that a path means; a relative one starts at `folder`."""
    return folder / expanded(written)


def expanded(written: str) -> Path:
    """The path with '~' replaced by the person's own folder."""
    try:
        return Path(written).expanduser()
    except RuntimeError:  # '~' begins a plain name, not that of a user
        return Path(written)


def is_file(path: Path) -> bool:
    """Whether a file stands there that may be looked at."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long a name, a folder that may not be entered
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder stands there that may be looked at."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def listing(folder: Path) -> str:
    """The names of the files in a folder as one line, '' when there are none."""
    names = [name for name in _names(folder) if not name.startswith(".")]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def refuse_elsewhere(written: str, path: Path) -> None:
    """Refuse an address on the network, and a stream of this process.

    A stream looks like a file where one was redirected to it, but another process, such as the
    worker, has another stream of that name.

    Raises:
        DataError: saying what to name instead.
    """
    if _ADDRESS.match(written) and not is_file(path):
        raise _address(written)
    if _STREAM.fullmatch(path.as_posix()) or (written == "-" and not is_file(path)):
        raise DataError(
            "this is a stream of the running program, not a file",
            file=written,
            expected=f"a file: {_READ_OFTEN}",
            fix="write what comes in to a file first, as in `command > train.csv`, and name that",
        )


def no_file(written: str, folder: Path) -> DataError:
    """The error for a path at which no file stands: what there is instead, and what to do."""
    path = located(written, folder)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _dangling(written, path) if path.is_symlink() else _missing(written, path, folder)
    except OSError as problem:
        return _refused(written, path, folder, problem)
    except ValueError:  # a NUL in the name
        return _missing(written, path, folder)
    for is_kind, name, fix in _KINDS:
        if is_kind(mode):
            return DataError(
                f"this is {name}, not a file",
                file=written,
                expected=f"a file: {_READ_OFTEN}",
                fix=fix,
            )
    return _missing(written, path, folder)


def _address(written: str) -> DataError:
    local = written.lower().startswith("file://")
    return DataError(
        "this is an address, not the path of a file",
        file=written,
        expected="a file on this machine; nothing is fetched from the network",
        fix=f"name the path alone: '{unquote(urlsplit(written).path)}'"
        if local
        else "download the file and name the place where it lies",
    )


def _dangling(written: str, path: Path) -> DataError:
    return DataError(
        "this is a link to a file that does not exist",
        file=written,
        found=f"a link to '{path.readlink()}'",
        fix="set the link anew, or name the file itself",
    )


def _refused(written: str, path: Path, folder: Path, problem: OSError) -> DataError:
    if problem.errno == errno.ELOOP:
        link = next((place for place in (path, *path.parents) if place.is_symlink()), path)
        return DataError(
            "this is a link that leads back to itself, so there is no file at its end"
            if link == path
            else "a link on the way to the file leads back to itself",
            file=written,
            found=f"the link '{link}'",
            fix="name the file itself",
        )
    if isinstance(problem, PermissionError):
        return DataError(
            "a folder on the way to the file may not be entered",
            file=written,
            found=problem.strerror,
            fix="get the right to enter the folder, or copy the file to another place",
        )
    if isinstance(problem, NotADirectoryError):
        wrong = next((parent for parent in path.parents if is_file(parent)), path.parent)
        return DataError(
            "the path leads through a file as if it were a folder",
            file=written,
            found=f"the file '{wrong}'",
            fix=f"name '{wrong}' itself, or correct the path",
        )
    if problem.errno == errno.ENAMETOOLONG:
        return DataError(
            "the name is longer than a file's may be",
            file=written,
            found=problem.strerror,
            fix="name the file by its path",
        )
    return _missing(written, path, folder)


def _missing(written: str, path: Path, folder: Path) -> DataError:
    parent = path.parent
    if not is_folder(parent):
        return DataError(
            "the file does not exist, and neither does its folder",
            file=written,
            expected=f"a file; relative paths start at '{folder}'",
            fix=f"make the folder '{parent}' or correct the path",
        )
    near = nearest(path.name, _names(parent))
    suggestion = None if near is None else str(Path(written).with_name(near))
    return DataError(
        "the file does not exist",
        file=written,
        found=listing(parent) or f"an empty folder '{parent}'",
        expected=f"a file; relative paths start at '{folder}'",
        fix=f"did you mean '{suggestion}'?" if suggestion else "correct the path",
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return []
