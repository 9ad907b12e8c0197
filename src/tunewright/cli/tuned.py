"""Finds the tuned writer that a person means: its folder, a study, or a project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import ModelError, nearest
from tunewright.models.released import is_release, read_release
from tunewright.study.layout import StudyLayout
from tunewright.workflow.project import Project

_YAML = (".yaml", ".yml")
_PROJECT = "tunewright.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """A tuned writer on disk."""

    folder: Path
    project: Project | None = None
    allow_network: bool = False

    @property
    def project_folder(self) -> Path | None:
        """Where a relative name of the base model starts."""
        return None if self.project is None else self.project.folder


def find_tuned(path: Path, candidate: str | None = None, allow_network: bool = False) -> Tuned:
    """The tuned writer at a path.

    Args:
        path: a tuned folder, a study, or a project file or the folder of one.
        candidate: another finalist of the study than the winner.
        allow_network: whether the hub may be asked for the base model; a project may say so too.

    Raises:
        ModelError: when there is none.
    """
    if (path / "tunewright.json").is_file():
        read_release(path)
        return Tuned(folder=path, allow_network=allow_network)
    project = None
    if path.suffix in _YAML or (path / _PROJECT).is_file():
        project = Project.load(path)
        allow_network = allow_network or project.config.allow_network
        layout = project.layout
    else:
        layout = StudyLayout(path)
    if project is None and not (layout.model.is_dir() or layout.candidates.is_dir()):
        read_release(path)  # says what is missing
    folder = layout.model if candidate is None else layout.candidates / candidate
    known = _tuned_finalists(layout)
    if candidate is not None and candidate not in known:
        near = nearest(candidate, known)
        raise ModelError(
            f"there is no tuned finalist called '{candidate}'",
            file=layout.candidates,
            expected=", ".join(known) or "none: run `tunewright run` first",
            fix=f"did you mean '{near}'?" if near else None,
        )
    if not is_release(folder):
        raise _not_tuned(folder, known)
    return Tuned(folder=folder, project=project, allow_network=allow_network)


def _tuned_finalists(layout: StudyLayout) -> list[str]:
    if not layout.candidates.is_dir():
        return []
    return sorted(path.name for path in layout.candidates.iterdir() if is_release(path))


def _not_tuned(folder: Path, known: list[str]) -> ModelError:
    if (folder / "candidate.json").is_file():
        return ModelError(
            "the winner of this study is not a tuned model",
            file=folder,
            expected=f"a tuned finalist: {', '.join(known)}" if known else None,
            fix=f"name one: `--candidate {known[0]}`" if known else "tune a model first",
        )
    if (folder / "tunewright.json").is_file():
        read_release(folder)  # says which task it is for
    return ModelError(
        "there is no finished model here", file=folder, fix="run `tunewright run` first"
    )
