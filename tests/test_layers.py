"""Imports go down only; the supervisor never loads torch."""

from __future__ import annotations

import ast
import subprocess
import sys
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


def _level(package: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if package in layer)


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name.split(".")[1] for name in found if name.startswith("tunewright.")}


def _modules() -> list[Path]:
    return [p for p in sorted(ROOT.rglob("*.py")) if len(p.relative_to(ROOT).parts) > 1]


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    if package == "samples":
        assert _imports(path) <= {"core", "samples"}
        return
    for imported in _imports(path) - {package, "samples"}:
        allowed = _level(imported) > _level(package) or (package, imported) in SIDEWAYS
        assert allowed, f"{package} must not import {imported}"


def test_every_package_has_a_layer() -> None:
    packages = {p.name for p in ROOT.iterdir() if (p / "__init__.py").is_file()}
    assert packages - {"samples"} <= set().union(*LAYERS)


def test_the_check_would_notice_an_upward_import(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from tunewright.workflow.session import Session\n")
    assert _imports(bad) == {"workflow"}
    assert _level("workflow") < _level("core")


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
