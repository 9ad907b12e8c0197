"""The data of a project, or of files that have no project yet: what the data commands work on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tunewright.core.errors import ConfigError
from tunewright.data.config import DataConfig
from tunewright.data.example import Rejected
from tunewright.data.propose import propose
from tunewright.data.rows import DataRow, read_rows, schema_of
from tunewright.data.schemas.base import Schema, TaskName
from tunewright.workflow.config import ProjectConfig
from tunewright.workflow.project import Project

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where rows are, how they are laid out, and for which model they are meant."""

    data: DataConfig
    folder: Path
    """Where relative paths start."""

    task: TaskName
    model: str | None = None
    """Base model, where one is named."""

    max_length: int | None = None
    seed: int = 0
    allow_network: bool = False
    """Whether a path may name a data set on the hub."""

    project: Project | None = None
    """The project, where there is one."""

    assumptions: tuple[str, ...] = ()
    """What was worked out about files without a project, as sentences."""

    @classmethod
    def open(
        cls,
        targets: Sequence[str | Path] = (),
        *,
        schema: str | None = None,
        columns: Sequence[str] | Mapping[str, str] | None = None,
        model: str | None = None,
        test: str | None = None,
        allow_network: bool = False,
    ) -> Self:
        """The data of a project, or of files.

        Args:
            targets: data files as `data.train` would name them, or one project file or folder;
                the project in the current folder when empty.
            schema: row schema of files; worked out when not given.
            columns: field to column, or `field=column` texts, where names differ.
            model: model instead of the project's.
            test: a test file, for files without a project.
            allow_network: whether a path may name a data set on the hub; a project says so itself.

        Raises:
            ConfigError: when there is neither project nor file, or names are wrong.
            DataError: when the files cannot be understood.
        """
        mapping = columns if isinstance(columns, Mapping) else field_columns(columns or ())
        project = _project(targets)
        if project is not None:
            return cls._of_project(project, schema, mapping, model)
        proposal = propose(
            [str(target) for target in targets],
            Path.cwd(),
            row_schema=schema,
            columns=mapping,
            allow_network=allow_network,
        )
        data = proposal.data if test is None else proposal.data.model_copy(update={"test": test})
        return cls(
            data=data,
            folder=Path.cwd(),
            task=proposal.task,
            model=model,
            allow_network=allow_network,
            assumptions=(*proposal.assumptions, *proposal.doubts),
        )

    @classmethod
    def _of_project(
        cls, project: Project, schema: str | None, columns: Mapping[str, str], model: str | None
    ) -> Self:
        if schema is not None or columns:
            raise ConfigError(
                "a project says itself how its rows are laid out",
                file=project.file,
                fix="change `row_schema:` and `columns:` under `data:`, or leave --schema and "
                "--map out",
            )
        config = project.config
        return cls(
            data=config.data,
            folder=project.folder,
            task=config.task,
            model=model or cls._model_of(config),
            max_length=config.max_length,
            seed=config.seed,
            allow_network=config.allow_network,
            project=project,
        )

    @staticmethod
    def _model_of(config: ProjectConfig) -> str | None:
        """The project's model; the default one is an encoder, so it is for classification alone."""
        named = config.task == "classify" or "model" in config.model_fields_set
        return config.model if named else None

    @property
    def schema(self) -> Schema:
        """The row schema with its columns."""
        return schema_of(self.data)

    @property
    def splits(self) -> dict[str, str | list[str]]:
        """The splits that have files of their own, with their paths."""
        named = {"train": self.data.train, "dev": self.data.dev, "test": self.data.test}
        return {name: paths for name, paths in named.items() if paths is not None}

    def rows(self, split: str = "train", *, extras: bool = False) -> Iterator[DataRow | Rejected]:
        """Every row of a split's files, used or rejected, in their order."""
        paths = self.splits[split]
        return read_rows(
            self.data,
            paths,
            self.folder,
            self.seed,
            extras=extras,
            allow_network=self.allow_network,
        )


def _project(targets: Sequence[str | Path]) -> Project | None:
    """The project that is meant; None when data files are."""
    if not targets:
        if not Path("tunewright.yaml").is_file():
            raise ConfigError(
                "there is no project here, and no data file was named",
                expected="a data file, or a folder with a tunewright.yaml",
                fix="name your file, as in `tunewright check data.jsonl`",
            )
        return Project.load()
    path = Path(targets[0])
    meant = path.suffix.lower() in _SUFFIXES or _holds_project(path) or _is_empty(path)
    if len(targets) > 1 or not meant:
        return None
    return Project.load(path)


def _is_empty(path: Path) -> bool:
    """Whether this is a folder without any data: then a project was looked for in it."""
    try:
        return path.is_dir() and next(path.iterdir(), None) is None
    except OSError:
        return False  # which the reading of data tells of


def _holds_project(path: Path) -> bool:
    return path.is_dir() and (path / "tunewright.yaml").is_file()


def field_columns(pairs: Sequence[str]) -> dict[str, str]:
    """`field=column` texts, as `--map` takes them, as a mapping.

    Raises:
        ConfigError: for a text of another form.
    """
    columns = {}
    for pair in pairs:
        name, mark, column = pair.partition("=")
        if not mark or not name.strip() or not column.strip():
            raise ConfigError(
                "this names no column",
                field="--map",
                found=pair,
                expected="`field=column`, as in `--map answer=reply`",
                fix="write the field of the schema, `=`, and the column of your file",
            )
        columns[name.strip()] = column.strip()
    return columns
