"""The data stage of `task: generate`: read, take leaked rows out of train, split, seal the answers.

A row whose answer is to be written must ask something and have an answer; running text must have a
text. Whatever is divided, kept together or drawn is so as for texts with labels (`parting.py`):
rows are alike when they ask the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.hashing import hash_value
from tunewright.core.units import format_count
from tunewright.data.config import DataConfig
from tunewright.data.content import (
    ASSISTANT,
    USER,
    Content,
    Conversation,
    Document,
    Message,
    Similar,
)
from tunewright.data.contents import KINDS, content_id, content_text, without_answer
from tunewright.data.dataset import REJECTED_FILE
from tunewright.data.dividing import key_of_example
from tunewright.data.example import Example, Rejected
from tunewright.data.file_rows import FileRows
from tunewright.data.json_text import write_json_text
from tunewright.data.parting import (
    Fewest,
    Held,
    Rows,
    Written,
    choose_holdout,
    drop_leaked,
    mix,
    read_parts,
    refuse_empty,
    split_test,
    write_parts,
    write_rejected,
)
from tunewright.data.paths import resolve_paths
from tunewright.data.read import ReadResult
from tunewright.data.readers.base import Record
from tunewright.data.rows import schema_of, to_data_row
from tunewright.data.schemas.base import Schema
from tunewright.data.sealed import seal
from tunewright.data.synthetic import is_synthetic, without_copies
from tunewright.data.values import NotTextError, as_text, shown
from tunewright.study.layout import StudyLayout
from tunewright.workers.base import Context, JobHandler

_VERSION = 1
_ROWS_PER_PROGRESS = 1000
_FEWEST = Fewest(for_dev=160, dev=64)
"""Fewer than for labels: each row is judged by a loss, which is graded, and a fold costs a training
of a model that writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked(Example):
    """A row on its way to the study. Its question stands where labelled rows have their texts, and
    it has no label, so all rows are of one class."""

    content: Content


class PrepareContents(JobHandler):
    """Payload: `data` (the configuration), `folder` (of the project), `seed`, and `columns` (kept
    with each row besides the slices, for metrics that need them)."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        config = DataConfig(**payload["data"])
        base, seed = Path(payload["folder"]), int(payload["seed"])
        folder = StudyLayout(context.study).data
        leave = bool(payload.get("allow_network", False))

        def read(paths: str | list[str], name: str, tell: Callable[[int], None]) -> ReadResult:
            kept = list(payload.get("columns", ()))
            return _Reading(config, seed, kept).read(paths, name, base, tell, allow_network=leave)

        rows = read_parts(config, read, context.emit)
        rows.train, copies = without_copies(rows.train, rows.dev, key_of_example)
        rows.rejected.extend(copies)
        try:
            split_test(rows, config, seed, context.emit)
            leaked = drop_leaked(rows, config)
            refuse_empty(rows, config, leaked, folder / REJECTED_FILE)
            held = choose_holdout(rows, config, seed, _FEWEST, context.emit)
            mixed = mix(rows, config, base, seed, held, context.emit)
        except DataError:
            write_rejected(folder / REJECTED_FILE, rows.rejected)
            raise
        self.before_sealing(payload, [*rows.dev, *rows.test])
        own = _written(folder, rows, seed, held)
        return write_parts(folder, rows, config, seed, held, leaked, own) | mixed

    def before_sealing(self, payload: dict[str, Any], rows: Sequence[Example]) -> None:
        """Refuse rows of dev and test files that can be read, and yet not be used.

        Raises:
            DataError: naming the first.
        """


def _written(folder: Path, rows: Rows, seed: int, held: Held) -> Written:
    fit = [_content(example) for example in (*rows.train, *rows.dev)]
    test = [_content(example) for example in rows.test]
    answers = [content.answer for content in test]
    # Running text keeps nothing back: its rows are sealed by their part alone.
    test_hash = seal(
        folder, {e.id: answer or "" for e, answer in zip(rows.test, answers, strict=True)}
    )
    fit_texts = [content_text(content) for content in fit]
    test_texts = [content_text(without_answer(content)) for content in test]
    dev, folds = held
    learned = [*rows.train, *rows.dev]
    words = sorted(len(content.answer.split()) for content in fit if content.answer)
    return Written(
        content_hash=hash_value(
            {
                "version": _VERSION,
                "fit": [[e.id, t, e.group] for e, t in zip(learned, fit_texts, strict=True)],
                "test": [[e.id, t, e.group] for e, t in zip(rows.test, test_texts, strict=True)],
                "test_targets": test_hash,
                "dev": dev,
                "folds": folds,
                "seed": seed,
            }
        ),
        test_hash=test_hash,
        columns={"content": [*fit_texts, *test_texts]},
        facts={
            "kinds": dict(Counter(content.kind for content in fit)),
            "median_answer_words": words[len(words) // 2] if words else None,
        },
    )


def _content(example: Example) -> Content:
    assert isinstance(example, Asked)
    return example.content


class _Reading:
    """The files of one split while they are read."""

    def __init__(self, config: DataConfig, seed: int, kept: list[str]) -> None:
        self._config = config
        self._kept = kept
        self._schema: Schema = schema_of(config)
        self._seed = seed
        self._ids: Counter[str] = Counter()

    def read(
        self,
        paths: str | list[str],
        name: str,
        folder: Path,
        tell: Callable[[int], None],
        *,
        allow_network: bool,
    ) -> ReadResult:
        """Every row, used or rejected.

        Raises:
            DataError: when a file as a whole cannot be used, or not one row can.
        """
        config = self._config
        files = FileRows(config, self._columns(), self._seed, every_column=True)
        rows: list[Asked] = []
        rejected: list[Rejected] = []
        found = resolve_paths(paths, folder, allow_network=allow_network)
        for count, row in enumerate(self._rows(files, found), start=1):
            if count > config.max_rows:
                raise files.too_many()
            if isinstance(row, Asked):
                rows.append(row)
            else:
                rejected.append(row)
            if count % _ROWS_PER_PROGRESS == 0:
                tell(count)
        if not rows:
            raise _none_usable(rejected, config)
        read = len(rows) + len(rejected)
        tell(read)
        return ReadResult(
            examples=list(rows),
            rejected=rejected,
            rows_read=read,
            rows_not_drawn=files.rows_not_drawn,
            description={
                "split": name,
                "rows_in_files": read + files.rows_not_drawn,
                "rows_not_drawn": files.rows_not_drawn,
                "rows_read": read,
                "examples": len(rows),
                "rejected": dict(Counter(row.reason for row in rejected)),
                "missing_groups": sum(r.group is None for r in rows) if config.group else 0,
                **files.notes(),
            },
        )

    def _columns(self) -> dict[str, str]:
        """Each column that the files must have, and the key of the project file that names it."""
        named = {self._config.group: "group", self._config.time: "time"}
        wanted = {column: field for column, field in named.items() if column is not None}
        wanted |= dict.fromkeys(self._config.slices, "slices")
        wanted |= dict.fromkeys(self._kept, "decision.metric_settings")
        return self._schema.required_columns() | wanted

    def _rows(self, files: FileRows, paths: Any) -> Iterator[Asked | Rejected]:
        for row in chain.from_iterable(map(files.rows, paths)):
            yield row if isinstance(row, Rejected) else self._row(row)

    def _row(self, record: Record) -> Asked | Rejected:
        row = to_data_row(record, self._schema, self._config)
        if isinstance(row, Rejected):
            return row
        content = _to_be_written(row.content)
        problem = _unusable(content)
        if problem is not None:
            return Rejected(source=row.source, reason=problem[0], message=problem[1])
        try:
            plain = content_id(content, row.group)
            slices = self._slices(record)
        except (TypeError, ValueError) as problem_:
            message = f"it holds a value that is no text: {problem_}"
            return Rejected(source=row.source, reason="wrong_type", message=message)
        self._ids[plain] += 1
        again = self._ids[plain]
        return Asked(
            id=plain if again == 1 else f"{plain}-{again}",
            source=row.source,
            inputs={"question": content.question},
            target="",
            group=row.group,
            columns=slices,
            time=row.time,
            synthetic=is_synthetic(record.values),
            content=content,
        )

    def _slices(self, record: Record) -> dict[str, str]:
        found = {}
        for name in self._config.slices:
            try:
                text = (as_text(record.values.get(name)) or "").strip()
            except NotTextError as problem:
                raise TypeError(f"the column {shown(name)} holds {problem}") from problem
            if text:
                found[name] = text
        for name in self._kept:
            value = record.values.get(name)
            if value is not None:
                found[name] = value if isinstance(value, str) else write_json_text(value)
        return found


def _to_be_written(content: Content) -> Content:
    """Two texts that belong together (a sentence and its translation) are a question and what is
    to be written."""
    if not isinstance(content, Similar):
        return content
    asked = Message(role=USER, content=content.anchor)
    told = Message(role=ASSISTANT, content=content.positive)
    return Conversation(messages=(asked, told))


def _unusable(content: Content) -> tuple[str, str] | None:
    """Code and sentence of why nothing can be learned from a row, or None."""
    if not isinstance(content, KINDS):
        return "wrong_type", f"it is a {content.kind}, and not one answer to be written"
    if isinstance(content, Document):
        return None if content.text.strip() else ("empty_text", "the text is empty")
    if not content.question.strip():
        return "empty_text", "nothing is asked"
    if not (content.answer or "").strip():
        return "missing_answer", "it has no answer, or an empty one"
    return None


def _none_usable(rejected: list[Rejected], config: DataConfig) -> DataError:
    counts = Counter(row.reason for row in rejected).most_common()
    first = rejected[0] if rejected else None
    return DataError(
        f"none of the {format_count(len(rejected), 'row')} can be used",
        file=first.source.file if first else None,
        row=first.source.row if first else None,
        found=", ".join(f"{reason}: {count:,}" for reason, count in counts)
        + (f"; the first one: {first.message}" if first else ""),
        expected=f"rows of the schema '{config.row_schema}' with a question and an answer",
        fix="correct the rows, or check `row_schema:` and `columns:`",
    )
