"""Rows exactly as a model is given them: what `show` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from tunewright.audit.desk.token_rows import WRITTEN, read_texts
from tunewright.core.errors import DataError
from tunewright.core.units import format_count
from tunewright.data.content import Content, Labelled
from tunewright.data.example import Rejected, Source
from tunewright.data.rows import DataRow
from tunewright.models.chat import ChatModel, FileTokenizer, load_chat_model
from tunewright.tasks.generate.fit import fit
from tunewright.tasks.generate.rendered import Rendered
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.template import UnrenderableError
from tunewright.workflow.config import ProjectConfig
from tunewright.workflow.desk import Desk
from tunewright.workflow.rendering import model_folder, writing_model


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Characters in a row that are alike."""

    role: str
    text: str
    learned: bool = False
    special: bool = False
    """Whether it is one special token."""

    cut: bool = False
    """Whether `max_length` takes it away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One sequence of tokens."""

    name: str
    """`chosen`, `rejected`, `1 of 3`, the name of a text; empty where a row has one part."""

    runs: tuple[Run, ...]
    tokens: int
    learned: int
    cut: int
    """Tokens that `max_length` takes away."""

    token_ids: tuple[int, ...]
    token_texts: tuple[str, ...]
    weights: tuple[float, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownRow:
    """One row of the file."""

    source: Source
    kind: str
    parts: tuple[Part, ...] = ()
    told: str = ""
    """What was done because it is too long."""

    problem: str = ""
    """Why it cannot be used, or not be rendered."""

    answer: str | None = None
    """The label of a row that is only read."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What `show` has to say."""

    model: str
    max_length: int
    rows: list[ShownRow]
    template: str | None = None
    template_reason: str | None = None
    renderer: str | None = None
    train_on: str | None = None
    assumptions: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "model": self.model,
            "max_length": self.max_length,
            "template": self.template,
            "template_reason": self.template_reason,
            "renderer": self.renderer,
            "train_on": self.train_on,
            "assumptions": list(self.assumptions),
            "rows": [_row_values(row) for row in self.rows],
        }


def show(desk: Desk, *, rows: int, row: int | None = None) -> Shown:
    """Render some rows of the training files.

    Args:
        desk: the data, and the model.
        rows: how many, from the beginning.
        row: only this one, counted from 1.

    Raises:
        ConfigError: when no model is named.
        DataError: when there is no such row.
        ModelError: when the tokenizer or the template cannot be used.
    """
    found = list(_chosen(desk, rows, row))
    if not found and row is None:
        raise DataError("there are no rows", fix="name a file with rows")
    if not found:
        last = sum(1 for _ in desk.rows())
        raise DataError(
            "there is no such row",
            field="--row",
            found=str(row),
            expected=f"a row of the {last:,} that there are, counted from 1",
            fix="name a row that the file has",
        )
    if issubclass(desk.schema.holds[0], WRITTEN):
        return _written(desk, found)
    return _read(desk, found)


def _chosen(desk: Desk, rows: int, row: int | None) -> Iterator[DataRow | Rejected]:
    usable = 0
    for number, found in enumerate(desk.rows(), start=1):
        if row is not None:
            if number == row:
                yield found
                return
            continue
        yield found
        usable += isinstance(found, DataRow)
        if usable == rows:
            return


def _written(desk: Desk, found: Sequence[DataRow | Rejected]) -> Shown:
    model, renderer = writing_model(desk)
    limit = min(desk.max_length or model.max_length, model.max_length)
    return Shown(
        model=str(desk.model),
        max_length=limit,
        rows=[_written_row(row, renderer, model.tokenizer, limit) for row in found],
        template=renderer.template_name,
        template_reason=renderer.reason,
        renderer=renderer.renderer,
        train_on=renderer.config.train_on,
        assumptions=desk.assumptions,
    )


def _written_row(
    row: DataRow | Rejected, renderer: Renderer, tokenizer: FileTokenizer, limit: int
) -> ShownRow:
    if isinstance(row, Rejected):
        return ShownRow(source=row.source, kind="", problem=row.message)
    shown = ShownRow(source=row.source, kind=row.content.kind)
    try:
        whole = renderer.render(row.content)
        told, parts = "", whole
        if any(len(part.token_ids) > limit for part in whole):
            told, parts = _fitted(renderer, row.content, whole, limit)
    except UnrenderableError as problem:
        return replace(shown, problem=problem.message)
    return replace(shown, parts=tuple(_part(p, tokenizer, limit) for p in parts), told=told)


def _fitted(
    renderer: Renderer, content: Content, whole: tuple[Rendered, ...], limit: int
) -> tuple[str, tuple[Rendered, ...]]:
    """What is done with a row that is too long, and what is then shown of it."""
    try:
        fitted = fit(renderer, content, limit)
    except UnrenderableError as problem:
        return f"{problem.message}: a run stops here (`on_too_long: error`)", whole
    return f"{fitted.told} (`on_too_long: {renderer.config.on_too_long}`)", fitted.pieces or whole


def _part(rendered: Rendered, tokenizer: FileTokenizer, limit: int) -> Part:
    return Part(
        name=rendered.part,
        runs=tuple(_runs(rendered, tokenizer, limit)),
        tokens=len(rendered.token_ids),
        learned=rendered.trained_count,
        cut=max(0, len(rendered.token_ids) - limit),
        token_ids=rendered.token_ids,
        token_texts=tuple(map(tokenizer.token_text, rendered.token_ids)),
        weights=rendered.weights,
        notes=(*rendered.notes, *_merge_note(rendered)),
    )


def _merge_note(rendered: Rendered) -> tuple[str, ...]:
    if not rendered.merges:
        return ()
    tokens = format_count(len(rendered.merges), "token")
    return (f"{tokens} reach over the border between prompt and answer",)


def _runs(rendered: Rendered, tokenizer: FileTokenizer, limit: int) -> Iterator[Run]:
    """The text in stretches that are alike, by what the tokens on each character are."""
    length = len(rendered.text)
    owner: list[int | None] = [None] * length
    for index, (start, end) in enumerate(rendered.offsets or ()):
        for place in range(start, min(end, length)):
            owner[place] = index
    roles = [""] * length
    for segment in rendered.segments:
        roles[segment.start : segment.end] = [segment.role] * (segment.end - segment.start)
    control = {tokenizer.token_id(token) for token in tokenizer.control_tokens}
    kinds = [_kind(roles[place], owner[place], rendered, control, limit) for place in range(length)]
    at = 0
    for kind, alike in groupby(kinds):
        count = sum(1 for _ in alike)
        role, learned, special, cut = kind
        text = rendered.text[at : at + count]
        if special >= 0 and rendered.token_ids[special] == tokenizer.unknown_id:
            text = tokenizer.token_text(rendered.token_ids[special])  # all that the model sees
        yield Run(role=role, text=text, learned=learned, special=special >= 0, cut=cut)
        at += count


def _kind(
    role: str, index: int | None, rendered: Rendered, control: set[int | None], limit: int
) -> tuple[str, bool, int, bool]:
    """What decides how a character is shown: its role, whether it is learned, which special token
    it belongs to (-1 for none), and whether it is cut."""
    if index is None:
        return role, False, -1, False
    special = index if rendered.token_ids[index] in control else -1
    return role, rendered.weights[index] > 0, special, index >= limit


def _read(desk: Desk, found: Sequence[DataRow | Rejected]) -> Shown:
    folder = model_folder(desk)
    if folder is None:
        name = str(ProjectConfig.model_fields["model"].default)
        desk = replace(desk, model=name)
        folder = model_folder(desk)
    assert folder is not None
    model = load_chat_model(folder)
    limit = min(desk.max_length or model.max_length, model.max_length)
    return Shown(
        model=str(desk.model),
        max_length=limit,
        rows=[_read_row(row, model, limit) for row in found],
        assumptions=desk.assumptions,
    )


def _read_row(row: DataRow | Rejected, model: ChatModel, limit: int) -> ShownRow:
    if isinstance(row, Rejected):
        return ShownRow(source=row.source, kind="", problem=row.message)
    content = row.content
    texts = read_texts(content)
    names = _text_names(content, len(texts))
    parts = [
        _read_part(name, text, model.tokenizer, limit)
        for name, text in zip(names, texts, strict=True)
    ]
    return ShownRow(
        source=row.source,
        kind=content.kind,
        parts=tuple(parts),
        answer=content.answer if isinstance(content, Labelled) else None,
    )


def _text_names(content: Content, count: int) -> list[str]:
    """What each text is called; nothing where there is one."""
    if count == 1:
        return [""]
    names = [piece.field for piece in content.pieces()]
    return names if len(names) == count else ["query", "document"][:count]


def _read_part(name: str, text: str, tokenizer: FileTokenizer, limit: int) -> Part:
    """A text as its tokens, with what is put around them, and what does not fit behind a mark."""
    ids, _ = tokenizer.encode(text)
    before = [number for number, _ in tokenizer.prefix]
    behind = [number for number, _ in tokenizer.suffix]
    room = max(0, limit - len(before) - len(behind))
    pieces = [
        (before, True, False),
        (ids[:room], False, False),
        (behind, True, False),
        (ids[room:], False, True),
    ]
    runs = tuple(
        Run(
            role="template" if special else "text",
            text=" ".join(map(tokenizer.token_text, numbers)),
            special=special,
            cut=cut,
        )
        for numbers, special, cut in pieces
        if numbers
    )
    seen = (*before, *ids[:room], *behind)
    return Part(
        name=name,
        runs=runs,
        tokens=len(seen) + len(ids[room:]),
        learned=0,
        cut=len(ids[room:]),
        token_ids=seen,
        token_texts=tuple(map(tokenizer.token_text, seen)),
        weights=(0.0,) * len(seen),
    )


def _row_values(row: ShownRow) -> dict[str, Any]:
    return {
        "file": row.source.file,
        "row": row.source.row,
        "line": row.source.line,
        "kind": row.kind,
        "problem": row.problem or None,
        "told": row.told or None,
        "answer": row.answer,
        "parts": [_part_values(part) for part in row.parts],
    }


def _part_values(part: Part) -> dict[str, Any]:
    return {
        "name": part.name or None,
        "tokens": part.tokens,
        "learned": part.learned,
        "cut": part.cut,
        "notes": list(part.notes),
        "runs": [
            {
                "role": run.role,
                "text": run.text,
                "learned": run.learned,
                "special": run.special,
                "cut": run.cut,
            }
            for run in part.runs
        ],
        "token_ids": list(part.token_ids),
        "token_texts": list(part.token_texts),
        "weights": list(part.weights),
    }
