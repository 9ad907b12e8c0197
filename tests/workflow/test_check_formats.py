"""What people really have, from the file on: understood, checked, every row accounted for."""

from __future__ import annotations

import gzip
import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Tunewright
from tests.cli.conftest import tunewright as tunewright
from tunewright.core.errors import DataError
from tunewright.data.row_file import format_to_write
from tunewright.workflow.check import check_desk
from tunewright.workflow.desk import Desk

_WORDS = ("tide", "moon", "river", "sugar", "castle", "engine", "violin", "pepper", "glacier",
          "lantern", "compass", "orchard")  # fmt: skip


def ask(n: int) -> str:
    return f"Which {_WORDS[n % 12]} lies beside the {_WORDS[n * 5 % 12]} {n}?"


def answer(n: int) -> str:
    return f"The {_WORDS[n * 7 % 12]} of {1500 + n} was near the {_WORDS[n * 3 % 12]}."


def turns(n: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": ask(n)}, {"role": "assistant", "content": answer(n)}]


def said(n: int) -> list[dict[str, str]]:
    return [{"from": "human", "value": ask(n)}, {"from": "gpt", "value": answer(n)}]


LAYOUTS: dict[str, tuple[str, Any]] = {
    # what it is: the schema, a row
    "Alpaca": ("alpaca", lambda n: {"instruction": ask(n), "input": "", "output": answer(n)}),
    "ShareGPT": ("sharegpt", lambda n: {"conversations": said(n)}),
    "messages": ("messages", lambda n: {"messages": turns(n)}),
    "prompt and completion": (
        "prompt_completion",
        lambda n: {"prompt": f"{ask(n)}\n\n###\n\n", "completion": f" {answer(n)} END"},
    ),
    "query and response": ("query_response", lambda n: {"query": ask(n), "response": answer(n)}),
    "GSM8K": ("question_answer", lambda n: {"question": ask(n), "answer": f"{n}\n#### {n}"}),
    "SQuAD": (
        "alpaca",
        lambda n: {
            "context": answer(n),
            "question": ask(n),
            "answers": {"text": [str(n), "none"], "answer_start": [4, 0]},
        },
    ),
    "text": ("text", lambda n: {"text": f"{answer(n)} {ask(n)} {answer(n + 1)}"}),
    "preference": (
        "preference",
        lambda n: {"prompt": ask(n), "chosen": answer(n), "rejected": answer(n + 9)},
    ),
    "Anthropic HH": (
        "transcripts",
        lambda n: {
            "chosen": f"\n\nHuman: {ask(n)}\n\nAssistant: {answer(n)}",
            "rejected": f"\n\nHuman: {ask(n)}\n\nAssistant: {answer(n + 9)}",
        },
    ),
    "KTO": ("kto", lambda n: {"messages": turns(n), "label": n % 2 == 0}),
    "pairs": ("pair", lambda n: {"anchor": ask(n), "positive": answer(n)}),
    "STS": (
        "scored_pair",
        lambda n: {"sentence1": ask(n), "sentence2": answer(n), "score": n / 10},
    ),
    "triplets": (
        "triplet",
        lambda n: {"anchor": ask(n), "positive": answer(n), "negative": answer(n + 5)},
    ),
    "BGE": (
        "triplet",
        lambda n: {"query": ask(n), "pos": [answer(n), answer(n + 50)], "neg": [answer(n + 5)]},
    ),
    "judgements": (
        "judgement",
        lambda n: {
            "query_id": f"q{n}",
            "query": ask(n),
            "document_id": f"d{n}",
            "document": answer(n),
            "relevance": n % 4,
        },
    ),
    "tokens": ("tokens", lambda n: {"tokens": ["in", "Oslo", f"w{n}"], "tags": ["O", "B-a", "O"]}),
    "spans": (
        "spans",
        lambda n: {"text": f"in Oslo {n}", "spans": [{"start": 3, "end": 7, "label": "a"}]},
    ),
    "columns of languages": ("parallel", lambda n: {"en": ask(n), "de": answer(n)}),
    "objects of languages": (
        "parallel",
        lambda n: {"translation": {"en": ask(n), "de": answer(n)}},
    ),
    "labels": ("classification", lambda n: {"text": ask(n), "label": "ab"[n % 2]}),
}
ROWS = 24
CONTAINERS = ("jsonl", "json", "csv", "tsv", "parquet", "arrow", "jsonl.gz", "json.gz", "csv.gz",
              "tsv.gz")  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """As a program would that knows nothing of Tunewright."""
    ending = path.name.partition(".")[2].removesuffix(".gz")
    if ending in ("parquet", "arrow"):
        table = pa.Table.from_pylist(rows)
        if ending == "parquet":
            pq.write_table(table, path)
        else:
            with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, table.schema) as out:
                out.write_table(table)
        return
    if ending == "json":
        text = json.dumps(rows)
    elif ending == "jsonl":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        mark = "," if ending == "csv" else "\t"
        lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
        quoted = ([f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line] for line in lines)
        text = "".join(mark.join(line) + "\n" for line in quoted)
    packed = path.suffix == ".gz"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())


def _cell(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_layout_in_every_container(container: str) -> None:
    for name, (schema, row) in LAYOUTS.items():
        path = Path(f"rows.{container}")
        write(path, [row(n) for n in range(ROWS)])
        desk = Desk.open([path])
        assert desk.data.row_schema == schema, (name, desk.data)
        found = check_desk(desk, words=[str(path)], out=Path("found"), processes=1).scan
        assert (found.used, found.rejected) == ({"train": ROWS}, {}), (name, found.reasons)


@pytest.mark.parametrize("container", ["jsonl.gz", "csv.gz"])
def test_packed_files_are_taken_by_init_and_convert(container: str, tunewright: Tunewright) -> None:
    path = Path(f"rows.{container}")
    write(path, [LAYOUTS["Alpaca"][1](n) for n in range(ROWS)])
    assert tunewright("init", path).code == 0
    ended = tunewright("check", ".", "--json")
    assert ended.json["data"]["rows_used"] == ROWS
    ended = tunewright("convert", path, "m.jsonl", "--to", "messages", "--json")
    assert ended.json["written"] == ROWS
    assert format_to_write(Path("m.jsonl")) == "jsonl"


def test_tokens_of_a_model_are_refused_by_name() -> None:
    write(Path("t.jsonl"), [{"input_ids": [1, n], "labels": [-100, n]} for n in range(ROWS)])
    with pytest.raises(DataError, match="the tokens of one model, and no text") as caught:
        Desk.open(["t.jsonl"])
    assert "decode `input_ids`" in str(caught.value)


def test_numbers_in_the_place_of_tags_are_told() -> None:
    write(Path("t.jsonl"), [{"tokens": ["a", f"b{n}"], "ner_tags": [0, 3]} for n in range(ROWS)])
    found = check_desk(Desk.open(["t.jsonl"]), out=Path("found"), processes=1).findings
    (told,) = (finding for finding in found if finding["check"] == "tag_numbers")
    assert told["count"] == ROWS
    assert told["repair"] == ""


def documents() -> str:
    Path("docs/deep").mkdir(parents=True)
    for n in range(6):
        text = " ".join(answer(n) for _ in range(6))
        Path(f"docs/a{n}.txt").write_text(text)
        Path(f"docs/deep/b{n}.md").write_text(f"# A title\n\n{text}")
        Path(f"docs/c{n}.html").write_text(f"<html><body><p>{text}</p></body></html>")
    return "docs"


def beir() -> str:
    Path("beir/qrels").mkdir(parents=True)
    for name, say in (("corpus", answer), ("queries", ask)):
        rows = [{"_id": f"{name[0]}{n}", "title": "", "text": say(n % 6)} for n in range(18)]
        write(Path(f"beir/{name}.jsonl"), rows)
    lines = [f"q{n}\tc{n}\t1\n" for n in range(18)]
    Path("beir/qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return "beir"


def trec() -> str:
    Path("trec").mkdir()
    Path("trec/collection.tsv").write_text("".join(f"d{n}\t{answer(n % 6)}\n" for n in range(18)))
    Path("trec/queries.tsv").write_text("".join(f"q{n}\t{ask(n % 6)}\n" for n in range(18)))
    Path("trec/qrels.txt").write_text("".join(f"q{n} 0 d{n} 1\n" for n in range(18)))
    return "trec"


def languages() -> str:
    Path("a.en").write_text("".join(f"{ask(n % 17)}\n" for n in range(18)))
    Path("a.de").write_text("".join(f"{answer(n % 17)}\n" for n in range(18)))
    return "a.en+a.de"


@pytest.mark.parametrize(
    ("make", "schema"),
    [(documents, "text"), (beir, "judgement"), (trec, "judgement"), (languages, "parallel")],
)
def test_what_is_no_single_file_is_checked_and_brought_into_one(
    make: Any, schema: str, tunewright: Tunewright
) -> None:
    data = make()
    found = tunewright("check", data, "--json").json
    assert (found["data"]["row_schema"], found["data"]["rows_used"]) == (schema, 18)
    assert tunewright("init", data).code == 0
    assert tunewright("check", ".", "--json").json["data"]["rows_used"] == 18
    repairs = {finding["repair"] for finding in found["findings"]} - {""}
    (repair,) = repairs
    for command in repair.split(" && "):
        ended = tunewright(*shlex.split(command)[1:], "--json")
        assert ended.code == 0, ended.err
    assert ended.json["data"]["rows_used"] == 18
    assert any(" --apply " in finding["repair"] for finding in ended.json["findings"])
