"""Which layout of rows is proposed, by the names of columns and by what they hold."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import ConfigError, DataError
from tunewright.data.example import Rejected
from tunewright.data.propose import Proposal, propose
from tunewright.data.rows import read_rows

ROWS = 20
SUBJECTS = ("card", "refund", "parcel", "invoice", "password")


def free(number: int, what: str) -> str:
    """A text of its own in each row."""
    return f"the {what} of the {SUBJECTS[number % 5]} number {number} is told here at some length"


def turns(number: int, role: str = "role", text: str = "content") -> list[dict[str, str]]:
    speakers = ("user", "assistant") if role == "role" else ("human", "gpt")
    return [{role: who, text: free(number, who)} for who in speakers]


MAKERS: dict[str, Any] = {
    "free": free,
    "short": lambda n, what: f"{what} {n}",
    "label": lambda n, what: ("yes", "no", "perhaps")[n % 3],
    "truth": lambda n, what: n % 2 == 0,
    "grade": lambda n, what: n % 3,
    "number": lambda n, what: round(n / 7, 3),
    "id": lambda n, what: f"{what}{n}",
    "empty": lambda n, what: "" if n % 2 else free(n, what),
    "turns": lambda n, what: turns(n),
    "one_turn": lambda n, what: {"role": "assistant", "content": free(n, what)},
    "answer_turns": lambda n, what: [{"role": "assistant", "content": free(n, what)}],
    "from": lambda n, what: turns(n, "from", "value"),
    "from_turn": lambda n, what: {"from": "gpt", "value": free(n, what)},
    "pairs": lambda n, what: [{"human": free(n, "a"), "assistant": free(n, "b")}],
    "transcript": lambda n, what: f"\n\nHuman: {free(n, 'a')}\n\nAssistant: {free(n, what)}",
    "history": lambda n, what: [[free(n, "a"), free(n, "b")]],
    "tools": lambda n, what: [{"type": "function", "function": {"name": "look"}}],
    "texts": lambda n, what: [free(n, "x"), free(n, "y")],
    "one_text": lambda n, what: [free(n, what)],
    "words": lambda n, what: ["in", "Oslo", str(n)],
    "tags": lambda n, what: ["O", "B-place", "O"],
    "tag_ids": lambda n, what: [0, 3, 0],
    "user_input": lambda n, what: {"text": free(n, what)},
    "slots": lambda n, what: [{"slot": "x", "valueSpan": {"startIndex": 1, "endIndex": 4}}],
    "entities": lambda n, what: [{"start": 1, "end": 4, "label": "x"}],
    "offsets": lambda n, what: [[1, 4, "x"]],
    "languages": lambda n, what: {"en": free(n, "en"), "de": free(n, "de")},
    "openai": lambda n, what: {"messages": turns(n)[:1]},
}

Layout = dict[str, str]
"""Column to what it holds, one of `MAKERS`."""

MESSAGES, SHAREGPT = {"messages": "turns"}, {"conversations": "from"}

DETECTED: list[tuple[Layout, str, dict[str, str]]] = [
    (MESSAGES, "messages", {"messages": "messages"}),
    ({**MESSAGES, "tools": "tools"}, "messages", {"messages": "messages", "tools": "tools"}),
    ({"conversations": "turns"}, "messages", {"messages": "conversations"}),
    ({"chat": "turns", "id": "id"}, "messages", {"messages": "chat"}),
    ({"system": "free", **MESSAGES}, "messages", {"messages": "messages", "system": "system"}),
    ({"Verlauf": "turns", "id": "id"}, "messages", {"messages": "Verlauf"}),
    (SHAREGPT, "sharegpt", {"conversations": "conversations"}),
    ({"messages": "from"}, "sharegpt", {"conversations": "messages"}),
    ({"conversation": "pairs"}, "sharegpt", {"conversations": "conversation"}),
    ({**SHAREGPT, "tools": "tools", "system": "free", "id": "id"}, "sharegpt",
     {"conversations": "conversations", "tools": "tools", "system": "system"}),
    ({"instruction": "free", "input": "empty", "output": "free"}, "alpaca",
     {"instruction": "instruction", "input": "input", "output": "output"}),
    ({"instruction": "free", "output": "free"}, "alpaca",
     {"instruction": "instruction", "output": "output"}),
    ({"Instruction": "free", "Input": "empty", "Output": "free"}, "alpaca",
     {"instruction": "Instruction", "input": "Input", "output": "Output"}),
    ({"instruction": "free", "context": "empty", "response": "free", "category": "label"},
     "alpaca", {"instruction": "instruction", "input": "context", "output": "response"}),
    ({"instruction": "free", "input": "empty", "output": "free", "history": "history",
      "system": "free"}, "alpaca",
     {"instruction": "instruction", "input": "input", "output": "output", "history": "history",
      "system": "system"}),
    ({"instruction": "free", "input": "free", "output": "label"}, "alpaca",
     {"instruction": "instruction", "input": "input", "output": "output"}),
    ({"question": "free", "context": "free", "answer": "free"}, "alpaca",
     {"instruction": "question", "input": "context", "output": "answer"}),
    ({"query": "free", "response": "free"}, "query_response",
     {"query": "query", "response": "response"}),
    ({"query": "free", "response": "free", "history": "history"}, "query_response",
     {"query": "query", "response": "response", "history": "history"}),
    ({"prompt": "free", "response": "free"}, "query_response",
     {"query": "prompt", "response": "response"}),
    ({"input": "free", "output": "free"}, "query_response",
     {"query": "input", "response": "output"}),
    ({"question": "free", "answer": "free"}, "question_answer",
     {"question": "question", "answer": "answer"}),
    ({"id": "id", "question": "free", "answer": "free"}, "question_answer",
     {"question": "question", "answer": "answer"}),
    ({"problem": "free", "solution": "free", "level": "label"}, "question_answer",
     {"question": "problem", "answer": "solution"}),
    ({"prompt": "free", "completion": "free"}, "prompt_completion",
     {"prompt": "prompt", "completion": "completion"}),
    ({"prompt": "turns", "completion": "answer_turns"}, "prompt_completion",
     {"prompt": "prompt", "completion": "completion"}),
    ({"text": "free"}, "text", {"text": "text"}),
    ({"id": "id", "text": "free", "url": "short"}, "text", {"text": "text"}),
    ({"title": "short", "text": "free"}, "text", {"text": "text", "title": "title"}),
    ({"content": "free", "metadata": "short"}, "text", {"text": "content"}),
    ({"prompt": "free", "chosen": "free", "rejected": "free"}, "preference",
     {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}),
    ({"prompt": "turns", "chosen": "answer_turns", "rejected": "answer_turns"}, "preference",
     {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}),
    ({"instruction": "free", "input": "empty", "output": "free", "chosen": "free",
      "rejected": "free"}, "preference",
     {"prompt": "instruction", "input": "input", "chosen": "chosen", "rejected": "rejected"}),
    ({"conversations": "from", "chosen": "from_turn", "rejected": "from_turn"}, "preference",
     {"prompt": "conversations", "chosen": "chosen", "rejected": "rejected"}),
    ({"question": "free", "chosen": "free", "rejected": "free", "system": "free"}, "preference",
     {"prompt": "question", "chosen": "chosen", "rejected": "rejected", "system": "system"}),
    ({"input": "openai", "preferred_output": "answer_turns",
      "non_preferred_output": "answer_turns"}, "preference",
     {"prompt": "input", "chosen": "preferred_output", "rejected": "non_preferred_output",
      "input": ""}),
    ({"chosen": "transcript", "rejected": "transcript"}, "transcripts",
     {"chosen": "chosen", "rejected": "rejected"}),
    ({"chosen": "turns", "rejected": "turns"}, "transcripts",
     {"chosen": "chosen", "rejected": "rejected"}),
    ({"messages": "turns", "rejected_response": "free"}, "transcripts",
     {"chosen": "messages", "rejected": "rejected_response"}),
    ({"prompt": "free", "completion": "free", "label": "truth"}, "kto",
     {"prompt": "prompt", "completion": "completion", "label": "label"}),
    ({**MESSAGES, "label": "truth"}, "kto", {"completion": "messages", "label": "label"}),
    ({"conversations": "from", "kto_tag": "truth"}, "kto",
     {"completion": "conversations", "label": "kto_tag"}),
    ({"instruction": "free", "input": "empty", "output": "free", "kto_tag": "truth"}, "kto",
     {"prompt": "instruction", "input": "input", "completion": "output", "label": "kto_tag"}),
    ({"anchor": "free", "positive": "free"}, "pair",
     {"anchor": "anchor", "positive": "positive"}),
    ({"sentence1": "free", "sentence2": "free"}, "pair",
     {"anchor": "sentence1", "positive": "sentence2"}),
    ({"query": "free", "positive": "free"}, "pair", {"anchor": "query", "positive": "positive"}),
    ({"query": "free", "passage": "free"}, "pair", {"anchor": "query", "positive": "passage"}),
    ({"sentence1": "free", "sentence2": "free", "score": "number"}, "scored_pair",
     {"anchor": "sentence1", "positive": "sentence2", "score": "score"}),
    ({"text_a": "free", "text_b": "free", "similarity": "number"}, "scored_pair",
     {"anchor": "text_a", "positive": "text_b", "score": "similarity"}),
    ({"anchor": "free", "positive": "free", "negative": "free"}, "triplet",
     {"anchor": "anchor", "positive": "positive", "negative": "negative"}),
    ({"query": "free", "pos": "one_text", "neg": "texts"}, "triplet",
     {"anchor": "query", "positive": "pos", "negative": "neg"}),
    ({"anchor": "free", "positive": "free", "negative_1": "free", "negative_2": "free"},
     "triplet", {"anchor": "anchor", "positive": "positive", "negative": "negative_1",
                 "negative_2": "negative_2"}),
    ({"query_id": "id", "query": "free", "doc_id": "id", "document": "free",
      "relevance": "grade"}, "judgement",
     {"query_id": "query_id", "query": "query", "document_id": "doc_id", "document": "document",
      "relevance": "relevance"}),
    ({"tokens": "words", "tags": "tags"}, "tokens", {"tokens": "tokens", "tags": "tags"}),
    ({"id": "id", "tokens": "words", "ner_tags": "tag_ids"}, "tokens",
     {"tokens": "tokens", "tags": "ner_tags"}),
    ({"words": "words", "labels": "tags"}, "tokens", {"tokens": "words", "tags": "labels"}),
    ({"text": "free", "entities": "entities"}, "spans", {"text": "text", "spans": "entities"}),
    ({"text": "free", "label": "offsets"}, "spans", {"text": "text", "spans": "label"}),
    ({"userInput": "user_input", "labels": "slots"}, "spans",
     {"text": "userInput", "spans": "labels"}),
    ({"source": "free", "target": "free"}, "parallel", {"source": "source", "target": "target"}),
    ({"en": "free", "de": "free"}, "parallel", {"source": "en", "target": "de"}),
    ({"English": "free", "French": "free", "id": "id"}, "parallel",
     {"source": "English", "target": "French"}),
    ({"translation": "languages"}, "parallel",
     {"source": "en", "target": "de", "translation": "translation"}),
    ({"text": "free", "category": "label"}, "classification", {}),
    ({"text": "free", "label": "grade"}, "classification", {}),
    ({"premise": "free", "hypothesis": "free", "label": "label"}, "classification", {}),
    ({"sentence1": "free", "sentence2": "free", "label": "grade"}, "classification", {}),
    ({"question": "free", "answer": "label"}, "classification", {}),
    ({"prompt": "free", "completion": "label"}, "classification", {}),
    ({"query": "free", "intent": "label"}, "classification", {}),
    ({"source": "free", "target": "label"}, "classification", {}),
    ({"title": "short", "body": "free", "topic": "label"}, "classification", {}),
]  # fmt: skip


def rows_of(layout: Layout) -> list[dict[str, object]]:
    return [
        {column: MAKERS[kind](n, column) for column, kind in layout.items()} for n in range(ROWS)
    ]


def write_jsonl(folder: Path, layout: Layout) -> str:
    lines = [json.dumps(row) for row in rows_of(layout)]
    (folder / "data.jsonl").write_text("\n".join(lines))
    return "data.jsonl"


def write_table(folder: Path, layout: Layout) -> str:
    with (folder / "data.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(layout)
        for row in rows_of(layout):
            cells = row.values()
            writer.writerow(json.dumps(c) if isinstance(c, list | dict) else c for c in cells)
    return "data.csv"


def used(found: Proposal, folder: Path) -> int:
    """How many rows are read by what was proposed."""
    rows = read_rows(found.data, found.data.train, folder)
    return sum(not isinstance(row, Rejected) for row in rows)


def test_there_are_enough_layouts() -> None:
    assert len(DETECTED) >= 60
    assert len({schema for _, schema, _ in DETECTED}) == 18


@pytest.mark.parametrize("write", [write_jsonl, write_table], ids=["jsonl", "csv"])
@pytest.mark.parametrize(
    ("layout", "schema", "columns"), DETECTED, ids=[",".join(layout) for layout, _, _ in DETECTED]
)
def test_a_layout_is_recognised(
    tmp_path: Path, layout: Layout, schema: str, columns: dict[str, str], write: Any
) -> None:
    found = propose(write(tmp_path, layout), tmp_path)
    assert (found.data.row_schema, found.data.columns) == (schema, columns), found.assumptions
    assert used(found, tmp_path) == ROWS
    assert any(name in told for name in (schema, "label") for told in found.assumptions)


class TestWhatIsTold:
    def test_the_mapping_and_its_reason(self, tmp_path: Path) -> None:
        layout = {"task": "free", "context": "empty", "reply": "free", "when": "short"}
        found = propose(
            write_jsonl(tmp_path, layout),
            tmp_path,
            columns={"instruction": "task", "output": "reply"},
        )
        assert found.data.row_schema == "alpaca"
        told = "\n".join(found.assumptions)
        assert "rows are read as alpaca: instruction -> 'task', input -> 'context'" in told
        assert "output -> 'reply', because" in told
        assert "the column is not used: 'when'" in told

    def test_answers_that_repeat_are_a_doubt(self, tmp_path: Path) -> None:
        layout = {"instruction": "free", "output": "label"}
        found = propose(write_jsonl(tmp_path, layout), tmp_path)
        assert any("'output' has only 3 different values" in doubt for doubt in found.doubts)
        layout = {"question": "free", "answer": "label"}
        found = propose(write_jsonl(tmp_path, layout), tmp_path)
        assert any("`--schema question_answer` does so" in doubt for doubt in found.doubts)

    def test_rows_that_cannot_be_used_are_counted(self, tmp_path: Path) -> None:
        rows = rows_of({"question": "free", "answer": "free"})
        rows[2]["answer"] = None
        (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
        found = propose("t.jsonl", tmp_path)
        assert found.doubts == (
            "1 of the first 20 rows cannot be used: in row 3, the column 'answer' is null",
        )

    def test_what_fits_nothing_names_the_nearest(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path, {"question": "free", "remark": "short"})
        with pytest.raises(DataError) as caught:
            propose(path, tmp_path)
        assert "there is 'question', but no column for 'answer'" in str(caught.value.expected)
        assert "'question', 'remark'" in str(caught.value.found)
        assert "--map FIELD=COLUMN" in str(caught.value.fix)

    def test_short_lines_are_no_running_text(self, tmp_path: Path) -> None:
        path = write_table(tmp_path, {"text": "short"})
        with pytest.raises(DataError, match="laid out in no way that is known"):
            propose(path, tmp_path)
        assert propose(path, tmp_path, row_schema="text").data.row_schema == "text"


class TestWhatIsNamed:
    def test_a_schema_is_obeyed(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path, {"text": "free", "label": "label"})
        found = propose(path, tmp_path, row_schema="text")
        assert (found.task, found.data.columns) == ("generate", {"text": "text"})
        assert any("because you said so" in told for told in found.assumptions)

    def test_columns_of_any_name(self, tmp_path: Path) -> None:
        path = write_table(tmp_path, {"Frage": "free", "Antwort": "free"})
        columns = {"question": "Frage", "answer": "Antwort"}
        for schema in ("question_answer", "question-answer", None):
            found = propose(path, tmp_path, row_schema=schema, columns=columns)
            assert (found.data.row_schema, found.data.columns) == ("question_answer", columns)
            assert used(found, tmp_path) == ROWS

    def test_languages_inside_a_column(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path, {"pair": "languages"})
        columns = {"translation": "pair", "source": "de", "target": "en"}
        found = propose(path, tmp_path, row_schema="parallel", columns=columns)
        assert found.data.columns == columns
        assert used(found, tmp_path) == ROWS

    def test_text_and_label_mean_classification(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path, {"instruction": "free", "input": "free", "output": "label"})
        for named in (
            {"text": ["input"], "label": "output"},
            {"columns": {"text": "input", "label": "output"}},
            {"row_schema": "classification", "columns": {"text": "input", "label": "output"}},
        ):
            found = propose(path, tmp_path, **named)
            data = found.data
            assert (data.row_schema, data.text_columns, data.label) == (
                "classification",
                ("input",),
                "output",
            )
            assert found.task == "classify"

    @pytest.mark.parametrize(
        ("named", "words", "fix"),
        [
            ({"row_schema": "alpacca"}, "no row schema called 'alpacca'", "mean 'alpaca'?"),
            ({"row_schema": "kto", "columns": {"lable": "b"}}, "no field 'lable'", "mean 'label'?"),
            ({"row_schema": "kto"}, "looks like the 'label' of kto", "--map label=COL"),
            ({"columns": {"question": "qestion"}}, "no column called 'qestion'", "'question'?"),
            ({"columns": {"qestion": "question"}}, "no rows have a field", "mean 'question'?"),
            ({"columns": {"chosen": "question", "tags": "answer"}}, "no row schema", "--schema"),
            ({"row_schema": "text", "label": "answer"}, "those of a classification", "leave out"),
            ({"row_schema": "tokens", "columns": {"tokens": "question", "tags": "answer"}},
             "none of the first rows can be read as tokens", "--map"),
        ],
    )  # fmt: skip
    def test_names_that_cannot_be_meant(
        self, tmp_path: Path, named: dict[str, Any], words: str, fix: str
    ) -> None:
        rows = [{"question": free(n, "a"), "answer": f"x{n}"} for n in range(ROWS)]
        (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
        with pytest.raises((ConfigError, DataError)) as caught:
            propose("t.jsonl", tmp_path, **named)
        assert words in caught.value.what
        assert fix in str(caught.value.fix)


def test_rows_that_are_bare_lists_of_turns(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(turns(n)) for n in range(5)))
    (tmp_path / "t.json").write_text(json.dumps([turns(n) for n in range(5)]))
    for name in ("t.jsonl", "t.json"):
        found = propose(name, tmp_path)
        assert (found.data.row_schema, found.data.columns) == ("messages", {"messages": "messages"})
        rows = list(read_rows(found.data, name, tmp_path, extras=True))
        assert len(rows) == 5
        assert all(not isinstance(row, Rejected) and row.extras == {} for row in rows)


def test_a_header_that_only_schemas_know(tmp_path: Path) -> None:
    """`chosen` and `rejected` stand above values that are as short as they are."""
    rows = [["chosen", "rejected", "prompt"], *([f"a{n}", f"b{n}", f"c{n}"] for n in range(9))]
    (tmp_path / "t.csv").write_text("\n".join(map(",".join, rows)))
    found = propose("t.csv", tmp_path)
    assert (found.data.row_schema, found.data.header) == ("preference", True)
    assert used(found, tmp_path) == 9
