"""The places of a study folder, and whether a folder may be one."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import ConfigError, StudyError
from tunewright.core.files import drafted, remove_draft, remove_drafts

_NOBODYS = frozenset(
    {".DS_Store", ".gitignore", ".gitkeep", "Thumbs.db", "desktop.ini", "lost+found"}
)
"""What systems leave in a folder that is empty to a person."""
_OURS_EARLY = re.compile(r"(run|worker)\.lock|worker\.log")
"""What a run makes before its ledger."""
_CHECKED = frozenset({"audit.json", "check.html", "findings", "rejected.jsonl"})
"""What `check` leaves in the folder of the data of a project that has no runs."""
_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
"""Nothing is there; where nothing can be either, the first write says so."""
_NAMES_SHOWN = 5
_ANOTHER_FOLDER = "set `study:` in tunewright.yaml to a new folder, for instance `study: study`"


@dataclass(frozen=True, slots=True)
class StudyLayout:
    """Where things are in a study."""

    root: Path

    @property
    def lock_file(self) -> Path:
        """The resolved project: every default filled in, every input hashed."""
        return self.root / "project.lock.yaml"

    @property
    def ledger(self) -> Path:
        """Trials, candidates, per-example answers."""
        return self.root / "ledger.sqlite"

    @property
    def data(self) -> Path:
        """Examples, splits, audit, rejected rows."""
        return self.root / "data"

    @property
    def store(self) -> Path:
        """Content-addressed caches."""
        return self.root / "store"

    @property
    def trials(self) -> Path:
        """One folder for each trial."""
        return self.root / "trials"

    @property
    def candidates(self) -> Path:
        """Every finalist in its saved form."""
        return self.root / "candidates"

    @property
    def model(self) -> Path:
        """The winner, ready for `predict` and for other tools."""
        return self.root / "model"

    @property
    def evidence(self) -> Path:
        """Every number of the report."""
        return self.root / "evidence.json"

    @property
    def verdict(self) -> Path:
        """The decision."""
        return self.root / "verdict.json"

    @property
    def report(self) -> Path:
        """One self-contained page."""
        return self.root / "report.html"

    def trial(self, trial_id: str) -> Path:
        """The folder of one trial."""
        return self.trials / trial_id

    # -- whose folder it is -----------------------------------------------------------------------

    def refuse_foreign(self, kept: Mapping[str, Path]) -> None:
        """Refuse a folder that holds anything but a study: a run replaces and removes files in it.

        Args:
            kept: what must never lie in the study, by what it is called to the person.

        Raises:
            ConfigError: when the folder holds one of these, or is neither new, nor empty, nor a
                study already.
        """
        for name, path in kept.items():
            if self.root in (path, *path.parents) or self._is_one_of(path, *path.parents):
                raise ConfigError(
                    f"this folder holds {name}, so it cannot be the study",
                    file=self.root,
                    field="study",
                    found=str(path),
                    expected="a folder of its own: a run replaces and removes files in it",
                    fix=_ANOTHER_FOLDER,
                )
        with reading(self.root):
            names = self._names()
        if {self.ledger.name, self.lock_file.name} & set(names):
            return
        others = [name for name in names if not _OURS_EARLY.fullmatch(name)]
        if others == [self.data.name] and self._is_checked():
            return
        if others:
            more = ", ..." if len(others) > _NAMES_SHOWN else ""
            raise ConfigError(
                "this folder holds files that are not a study's",
                file=self.root,
                field="study",
                found=", ".join(others[:_NAMES_SHOWN]) + more,
                expected="a new folder, an empty one, or one that an earlier run has made: a run "
                "replaces and removes files in it",
                fix=_ANOTHER_FOLDER,
            )

    def _is_checked(self) -> bool:
        """Whether the folder of the data holds what `check` has found, and nothing else."""
        if not self.data.is_dir() or self.data.is_symlink():
            return False
        with reading(self.data):
            names = {path.name for path in self.data.iterdir()} - _NOBODYS
        return "audit.json" in names and names <= _CHECKED

    def refuse_unreadable(self) -> None:
        """Refuse a folder that is there but cannot be looked into.

        Raises:
            StudyError: when it may not be entered.
            ConfigError: when it is a file.
        """
        with reading(self.root):
            for name in self._names()[:1]:
                (self.root / name).lstat()  # needs another right than listing does

    def _names(self) -> list[str]:
        """What lies in the folder, less what systems leave everywhere; nothing where it is new."""
        try:
            with os.scandir(self.root) as entries:
                return sorted(entry.name for entry in entries if entry.name not in _NOBODYS)
        except OSError as problem:
            if problem.errno == errno.ENOTDIR and self.root.is_file():
                raise ConfigError(
                    "this is a file, so it cannot be the study",
                    file=self.root,
                    field="study",
                    fix=_ANOTHER_FOLDER,
                ) from problem
            if problem.errno in _NO_FOLDER:
                return []
            raise

    def _is_one_of(self, *paths: Path) -> bool:
        """Whether the folder is one of these under another name (upper and lower case, mounts)."""
        for path in paths:
            try:
                if path.samefile(self.root):
                    return True
            except OSError:  # one of the two is not there, or may not be looked at
                continue
        return False

    def remove_drafts(self) -> None:
        """Remove what killed writers have left. Only the one run at work may call this.

        A person may keep files of any name in a study, so a draft is known by its place: beside a
        file of ours, whose name it bears, or in a folder that is wholly ours.
        """
        for folder in (self.store, self.trials, self.candidates):
            remove_drafts(folder)
        for folder, ours in ((self.root, _FILES), (self.data, _DATA_FILES)):
            for path in folder.glob(".*"):
                if drafted(path) in ours:
                    remove_draft(path)


_FILES = frozenset({"project.lock.yaml", "evidence.json", "verdict.json", "report.html", "model"})
_DATA_FILES = frozenset(
    {
        "examples.parquet",
        "splits.json",
        "rejected.jsonl",
        "sealed_test.json",
        "audit.json",
        "check.html",
        "measure.json",
        "augment.json",
        "formats.json",
    }
)


# -- what cannot be read --------------------------------------------------------------------------


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn a refusal of the operating system to read something of a study into a message."""
    try:
        yield
    except OSError as problem:
        raise read_error(problem, path) from problem


def read_error(problem: OSError, path: Path) -> StudyError:
    """The message for a file or folder of a study that could not be read.

    Args:
        problem: as the system told it; the path it names is the one that is told on.
        path: what was read, where the system names none.
    """
    place = Path(os.fsdecode(problem.filename)) if problem.filename is not None else path
    if problem.errno in {errno.EACCES, errno.EPERM}:
        place = what_bars(place)
        return StudyError(
            "this cannot be read",
            file=place,
            found=problem.strerror,
            expected="files that you may read and write",
            fix=f"make it yours again, for instance with `chmod -R u+rwX '{place}'`",
        )
    if problem.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}:
        return StudyError(
            "this part of the study is not there any more, or is something else",
            file=place,
            found=problem.strerror,
            fix="run `tunewright run`: it makes what is missing anew",
        )
    return StudyError(
        "this cannot be read",
        file=place,
        found=problem.strerror or str(problem),
        fix="check the disk; if the file is lost, remove it, and `tunewright run` makes it anew",
    )


def what_bars(path: Path) -> Path:
    """The folder on the way to a path that may not be entered; the path itself where there is none.

    The system names what was asked for, and there is no use in changing the mode of that.
    """
    effective = os.access in os.supports_effective_ids
    for folder in reversed(path.absolute().parents):
        if folder.is_dir() and not os.access(folder, os.X_OK, effective_ids=effective):
            return folder
    return path
