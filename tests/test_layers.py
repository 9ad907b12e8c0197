"""Imports go down only; the supervisor never loads torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tunewright

ROOT = Path(tunewright.__file__).parent

LAYERS = (
    {"cli"},
    {"workflow"},
    {"decide", "release", "report", "serve"},
    {"experiment", "curate"},
    {"candidates", "audit"},
    {"evaluate"},
    {"train"},
    {"strategies", "objectives"},
    {"tasks", "models"},
    {"data"},
    {"study", "workers"},
    {"core"},
)
"""From the top down, as docs/ARCHITECTURE.md draws them."""

SIDEWAYS = {
    ("study", "workers"),
    ("workers", "study"),
    ("audit", "candidates"),
    ("report", "decide"),
}
"""Neighbours of one layer that may know each other; all others may not."""

PUBLIC = {
    **{f"tunewright.{name}": "tunewright.workflow.project" for name in tunewright.__all__},
    "tunewright": "tunewright.workflow.project",
    "tunewright.*": "tunewright.workflow.project",
    "tunewright.__version__": "tunewright",
}
"""What the package itself offers, and where it comes from; whoever has it whole has all of it."""


def _level(package: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if package in layer)


def _imports(path: Path, root: Path = ROOT) -> set[str]:
    """The packages of Tunewright that a file below `root` imports, in whatever spelling."""
    return {name.split(".")[1] for name in _imported_names(path, root) if "." in name}


def _imported_names(path: Path, root: Path) -> Iterator[str]:
    """Full names of all that a file imports from Tunewright; of `from a import b`, `a.b`."""
    folder = ("tunewright", *path.relative_to(root).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = list(folder[: len(folder) - node.level + 1]) if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "tunewright":
                yield PUBLIC.get(name, name)


def _modules() -> list[Path]:
    return [p for p in sorted(ROOT.rglob("*.py")) if len(p.relative_to(ROOT).parts) > 1]


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    if package == "samples":
        assert _imports(path) <= {"core", "samples"}
        return
    wrong = sorted(name for name in _imports(path) if not _allowed(package, name))
    assert not wrong, f"{package} must not import {', '.join(wrong)}"


def _allowed(package: str, imported: str) -> bool:
    if imported in {package, "samples"}:
        return True
    return _level(imported) > _level(package) or (package, imported) in SIDEWAYS


def test_every_package_has_a_layer() -> None:
    packages = {p.name for p in ROOT.iterdir() if (p / "__init__.py").is_file()}
    assert packages - {"samples"} <= set().union(*LAYERS)


@pytest.mark.parametrize(
    "line",
    [
        "import tunewright",
        "import tunewright.workflow",
        "import tunewright.workflow.session as s",
        "import json, tunewright.workflow.session",
        "from tunewright.workflow.session import Session",
        "from tunewright.workflow import session",
        "from tunewright import workflow",
        "from tunewright import __version__, workflow as w",
        "from tunewright import Project",
        "from tunewright import *",
        "from .. import workflow",
        "from ..workflow import session",
        "from ..workflow.session import Session",
        "def late():\n    from tunewright import workflow",
        "if TYPE_CHECKING:\n    from ..workflow import session",
    ],
)
def test_the_check_notices_an_upward_import(tmp_path: Path, line: str) -> None:
    bad = tmp_path / "core" / "bad.py"
    bad.parent.mkdir()
    bad.write_text(f"{line}\n")
    assert _imports(bad, tmp_path) == {"workflow"}
    assert not _allowed("core", "workflow")


def test_relative_imports_are_resolved_from_where_they_stand(tmp_path: Path) -> None:
    deep = tmp_path / "report" / "sections"
    deep.mkdir(parents=True)
    text = "from . import a\nfrom .. import charts\nfrom ... import serve\nfrom ...core import x\n"
    for name in ("data.py", "__init__.py"):
        (deep / name).write_text(text)
        assert _imports(deep / name, tmp_path) == {"report", "serve", "core"}


def test_what_is_no_import_of_ours_is_none(tmp_path: Path) -> None:
    fine = tmp_path / "core" / "fine.py"
    fine.parent.mkdir()
    fine.write_text(
        "import json\nfrom tunewright import __version__\nimport tunewright_x.workflow\n"
    )
    assert _imports(fine, tmp_path) == set()
    assert not _allowed("report", "serve"), "a neighbour that it may not know"


def test_the_supervisor_loads_no_torch() -> None:
    code = (
        "import sys\n"
        "from tunewright.workflow.project import Project\n"
        "from tunewright.workflow.stages import STAGES\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "assert 'sklearn' not in sys.modules, 'scikit-learn was imported'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = (
        "import sys, tunewright\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
