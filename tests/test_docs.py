"""What the documentation says is true: commands, options, keys, snippets and links exist.

The tables of `docs/configuration.md` are made from the configuration classes themselves:
`python -m tests.test_docs` writes them anew.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from tunewright.core.config import Config

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "docs" / "configuration.md"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        ROOT / "benchmarks" / "README.md",
        ROOT / "examples" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)
_SHELL = ("sh", "console")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PLACEHOLDER = re.compile(r"@@[a-z0-9_]+@@")
_TABLE = re.compile(r"(<!-- keys: ([\w.]+):(\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


every_page = pytest.mark.parametrize("page", PAGES, ids=_name)


def _fences(page: Path, *languages: str) -> list[str]:
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [body for language, body in found if language in languages]


def _prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


# -- nothing is left open -----------------------------------------------------------------------


@every_page
def test_no_figure_is_still_missing(page: Path) -> None:
    assert _PLACEHOLDER.findall(page.read_text(encoding="utf-8")) == []


# -- links --------------------------------------------------------------------------------------


@every_page
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{_name(page)} links to {target}"
        if anchor:
            assert anchor in _anchors(file), f"{_name(page)} links to {target}"


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@every_page
def test_named_files_of_the_repository_exist(page: Path) -> None:
    for name in _INLINE.findall(_prose(page)):
        if re.fullmatch(r"(src|docs|tests|examples|benchmarks)/[\w./-]*\w", name):
            assert (ROOT / name).exists(), f"{_name(page)} names {name}"


# -- commands -----------------------------------------------------------------------------------


def _commands() -> dict[str, set[str]]:
    """Every command of the command line with its options; `config show` is one name."""
    import typer

    from tunewright.cli.main import app

    root: Any = typer.main.get_command(app)
    found = {"": _options(root)}

    def collect(group: Any, prefix: str) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                collect(command, f"{prefix}{name} ")
            else:
                found[f"{prefix}{name}"] = _options(command)

    collect(root, "")
    return found


def _options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name[:1] == "-"}


def _used(page: Path) -> Iterator[str]:
    """What follows `tunewright` wherever a page shows a command."""
    lines = [line for body in _fences(page, *_SHELL) for line in body.splitlines()]
    lines = [line.partition("#")[0] if not line.startswith("#") else "" for line in lines]
    for line in [*lines, *_INLINE.findall(_prose(page))]:
        for part in re.split(r"\s*[|;]\s*|\s*&&\s*", line.removeprefix("$ ")):
            words = re.sub(r"^(python -m |\S*bin/)", "", part.strip())
            if words.startswith("tunewright "):
                yield words.removeprefix("tunewright ").strip()


def test_commands_are_found_wherever_they_stand(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Say `tunewright plan --minutes 5` or `tunewright.yaml`.\n\n"
        "```console\n$ echo hi | tunewright predict --top 3   # a remark\nWrote it. Next\n```\n"
        "```python\ntunewright run\n```\n"
    )
    assert list(_used(page)) == ["predict --top 3", "plan --minutes 5"]


@every_page
def test_commands_and_options_exist(page: Path) -> None:
    known = _commands()
    for used in _used(page):
        words = used.split()
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        plain = [word for word in words if not word.startswith("-")]
        if words[0].startswith("-"):
            name = ""
        else:
            name = " ".join(plain[:2]) if plain[0] == "config" else plain[0]
        where = f"{_name(page)}: tunewright {used}"
        if name not in known and re.fullmatch(r"[\d.]+|[A-Z]+", name):
            continue  # a version, or a word that stands for any command
        assert name in known, where
        assert options <= known[name] | {"--help"}, where


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, options in _commands().items():
        if name:
            assert re.search(rf"^## `{name}", text, re.MULTILINE), f"no section for {name}"
        for option in options - {"--help"}:
            assert f"`{option}" in text, f"{option} of {name or 'tunewright'}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        shown = [*_fences(page, *_SHELL), *_INLINE.findall(_prose(page))]
        for target in re.findall(r"^make ([a-z-]+)", "\n".join(shown), re.MULTILINE):
            assert target in targets, f"{_name(page)} names `make {target}`"


def test_benchmark_modules_exist() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for module in re.findall(r"python -m benchmarks\.(\w+)", text):
            assert (ROOT / "benchmarks" / f"{module}.py").is_file(), f"{_name(page)}: {module}"


# -- snippets -----------------------------------------------------------------------------------


@every_page
def test_python_snippets_compile_and_their_names_exist(page: Path) -> None:
    for body in _fences(page, "python"):
        tree = ast.parse(body)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{_name(page)}: {alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)


def test_yaml_snippets_are_project_files_or_parts_of_one() -> None:
    from tunewright.core.config import YamlDocument, validate
    from tunewright.workflow.config import ProjectConfig

    data = {"train": "train.csv", "text": "text", "label": "label"}
    for page in PAGES:
        for body in _fences(page, "yaml"):
            document = YamlDocument.parse(body, page)
            document.values["data"] = {**data, **document.values.get("data", {})}
            validate(ProjectConfig, document)


def test_the_strategy_of_the_contributing_guide_works(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.train import helpers
    from tunewright.models.layers import blocks_path
    from tunewright.strategies import STRATEGIES

    # As if no run had started yet in this process; put back afterwards.
    monkeypatch.setattr(STRATEGIES, "_frozen", False)
    monkeypatch.setattr(STRATEGIES, "_members", dict(STRATEGIES._members))
    body = next(b for b in _fences(ROOT / "CONTRIBUTING.md", "python") if "register" in b)
    assert len([line for line in body.splitlines() if line.strip()]) <= 10
    exec(compile(body, "CONTRIBUTING.md", "exec"), {"__name__": "guide"})
    (name,) = set(STRATEGIES.names()) - {"full", "top_layers", "lora"}

    encoder = helpers.load(tiny_model)
    tokens, data = helpers.problem(encoder, 40)
    chosen = helpers.trial(name, num_train_epochs=1)
    before = {n: p.detach().clone() for n, p in encoder.backbone.named_parameters()}
    member = helpers.run(encoder, tokens, data, tmp_path, chosen)
    moved = {n for n, p in member.model.backbone.named_parameters() if not p.equal(before[n])}
    path = blocks_path(encoder.backbone)
    assert moved
    assert all(n.startswith(path) and n.endswith("bias") for n in moved)


# -- keys of the project file -------------------------------------------------------------------


def _reachable(kind: type[Config], found: dict[type[Config], None]) -> None:
    """A configuration class and all that stand inside it."""
    if kind in found or kind is Config:
        return
    found[kind] = None
    for field in kind.model_fields.values():
        for inner in _classes_in(field.annotation):
            _reachable(inner, found)


def _classes_in(annotation: Any) -> Iterator[type[Config]]:
    if isinstance(annotation, type) and issubclass(annotation, Config):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _classes_in(part)


def _documented_classes() -> list[type[Config]]:
    from tunewright.candidates import CANDIDATES
    from tunewright.candidates.generate import TEXT_CANDIDATES
    from tunewright.evaluate.generation import TEXT_METRICS
    from tunewright.strategies import STRATEGIES
    from tunewright.workflow.config import ProjectConfig

    found: dict[type[Config], None] = {}
    _reachable(ProjectConfig, found)
    for registry in (STRATEGIES, CANDIDATES, TEXT_CANDIDATES, TEXT_METRICS):
        for name in registry.names():
            if registry.origin(name).startswith("tunewright."):  # type: ignore[attr-defined]
                _reachable(registry.get(name).Settings, found)  # type: ignore[attr-defined]
    # A class that others extend is told by their tables, which hold its keys too.
    return [
        kind
        for kind in found
        if kind.model_fields and not any(kind in other.__mro__[1:] for other in found)
    ]


def table_of(kind: type[Config]) -> str:
    """The keys of a configuration class with their defaults and meanings, and other spellings."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        told = " ".join((field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {_default(field)} | {told} |")
    spelled: dict[str, list[str]] = {}
    for alias, name in kind.aliases.items():
        spelled.setdefault(name, []).append(f"`{alias}`")
    if spelled:
        told = "; ".join(f"`{name}`: {', '.join(also)}" for name, also in spelled.items())
        lines += ["", f"Also understood. {told}."]
    return "\n".join(lines) + "\n"


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if isinstance(value, Config):
        return "see below"
    if isinstance(value, list) and value and isinstance(value[0], Config):
        return "<br>".join(f"`{getattr(item, 'label', None) or item.name}`" for item in value)
    return "not given" if value is None else f"`{json.dumps(value)}`"


def _generated(text: str) -> str:
    def fill(match: re.Match[str]) -> str:
        kind = getattr(importlib.import_module(match[2]), match[3])
        return f"{match[1]}{table_of(kind)}{match[5]}"

    return _TABLE.sub(fill, text)


def test_every_key_is_documented() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    shown = {f"{module}:{name}" for _, module, name, _, _ in _TABLE.findall(text)}
    wanted = {f"{kind.__module__}:{kind.__name__}" for kind in _documented_classes()}
    assert wanted <= shown, f"no table for {sorted(wanted - shown)}"


def test_tables_of_keys_say_what_the_code_says() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert text == _generated(text), "run `python -m tests.test_docs` to write the tables anew"


if __name__ == "__main__":
    CONFIGURATION.write_text(
        _generated(CONFIGURATION.read_text(encoding="utf-8")), encoding="utf-8"
    )
