"""Folders that stand for rows: documents, and judgements as BEIR and TREC keep them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TEXT_SUFFIXES = (".txt", ".text")
MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdown")
HTML_SUFFIXES = (".html", ".htm", ".xhtml")
DOCUMENT_SUFFIXES = (*TEXT_SUFFIXES, *MARKDOWN_SUFFIXES, *HTML_SUFFIXES)

_TABLE_SUFFIXES = (
    *(".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".conll"),
    *(".xlsx", ".yaml", ".yml"),
)
_PACKED = ("", ".gz")
_LIST_SUFFIXES = (".tsv", ".txt", ".qrels", ".tsv.gz", ".txt.gz")


def files_below(folder: Path) -> tuple[list[tuple[str, Path]], int]:
    """Every file below a folder, and how many hidden files and folders were passed over.

    Returns:
        Pairs of the path from the folder (with `/`) and the path, in order of the former. Folders
        that may not be entered, and links to folders, which are not followed, stand there too.
    """
    hidden = 0
    refused: list[Path] = []

    def refuse(problem: OSError) -> None:
        refused.append(Path(problem.filename))

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        hidden += sum(name.startswith(".") for name in (*folders, *names))
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        found += [Path(place) / name for name in (*names, *links) if not name.startswith(".")]
    pairs = ((path.relative_to(folder).as_posix(), path) for path in (*found, *refused))
    return sorted(pairs), hidden


def document_suffix(name: str) -> str:
    """Which of `DOCUMENT_SUFFIXES` a file has, '' when none; '.gz' behind it does not matter."""
    bare = name.lower().removesuffix(".gz")
    return next((suffix for suffix in DOCUMENT_SUFFIXES if bare.endswith(suffix)), "")


def holds_documents(folder: Path) -> bool:
    """Whether text, Markdown or HTML files stand below a folder, and no more files of rows: a
    folder of tables with a README is none of documents."""
    names = [name for name, _ in files_below(folder)[0]]
    tables = sum(name.lower().removesuffix(".gz").endswith(_TABLE_SUFFIXES) for name in names)
    documents = sum(document_suffix(name) != "" for name in names)
    return documents > 0 and documents >= tables


def beir_files(folder: Path) -> list[tuple[str, str]]:
    """Role and name of the files of a folder as BEIR keeps them; none where it is no such.

    That is `corpus.jsonl`, `queries.jsonl` and one or more `qrels/*.tsv`.
    """
    found = []
    for role, name in (("corpus", "corpus.jsonl"), ("queries", "queries.jsonl")):
        there = [f"{name}{end}" for end in _PACKED if (folder / f"{name}{end}").is_file()]
        if not there:
            return []
        found.append((role, there[0]))
    qrels = [f"qrels/{name}" for name in _names(folder / "qrels") if _is_list(name, (".tsv",))]
    return [*found, *(("qrels", name) for name in qrels)] if qrels else []


def trec_files(folder: Path) -> list[tuple[str, str]]:
    """Role and name of the files of a folder with TREC judgements; none where it is no such.

    By their names: `*qrels*`, `*queries*` or `*topics*`, `*collection*`, `*corpus*` or `*docs*`,
    each one or several `.tsv` or `.txt` files.
    """
    found = [
        (role, name)
        for name in _names(folder)
        if _is_list(name, _LIST_SUFFIXES) and (role := _trec_role(name.lower()))
    ]
    roles = {role for role, _ in found}
    return found if roles == {"qrels", "queries", "corpus"} else []


def _trec_role(name: str) -> str | None:
    words = {
        "qrels": ("qrels",),
        "queries": ("queries", "topics"),
        "corpus": ("collection", "corpus", "docs"),
    }
    return next((role for role, said in words.items() if any(w in name for w in said)), None)


def _is_list(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith((*suffixes, *(f"{suffix}.gz" for suffix in suffixes)))


def _names(folder: Path) -> Iterator[str]:
    try:
        entries = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return
    yield from (name for name in entries if not name.startswith("."))
