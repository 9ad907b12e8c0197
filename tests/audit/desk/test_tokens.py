"""The check of tokens: exact where it matters, on planted defects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.audit.desk.driver import conversation, desk_row
from tests.tasks.generate.dialects import CHATML, DIALECTS, write_tokenizer
from tunewright.audit.base import Finding, Row
from tunewright.audit.desk.base import DeskSetup, Marked, Tally
from tunewright.audit.desk.token_rows import WritingMeter
from tunewright.audit.desk.tokens import (
    ALL_OF_THE_FIRST,
    TokenCheck,
    length_class,
    percentiles,
    sample_weight,
)
from tunewright.core.errors import ModelError
from tunewright.data.content import Completion, Content, Document, Labelled, Message, Preference


def model(
    folder: Path, kind: str = "byte_bpe", template: str | None = CHATML, **config: Any
) -> str:
    """A folder with what the check needs of a model that writes."""
    write_tokenizer(folder, kind, template)
    described = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    described |= {"max_position_embeddings": 200, **config}
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                **json.loads((folder / "tokenizer_config.json").read_text()),
                "model_max_length": described["max_position_embeddings"],
            }
        )
    )
    (folder / "config.json").write_text(json.dumps(described))
    return str(folder)


def setup(path: str | None, schema: str = "messages", **values: Any) -> DeskSetup:
    return DeskSetup(schema=schema, task="generate", splits=("train",), model=path, **values)


def run(
    told: DeskSetup, contents: Sequence[Content], start: int = 0
) -> tuple[dict[str, Finding], dict[str, list[int]]]:
    """Findings, and the numbers of all rows with a mark, by name."""
    check = TokenCheck(told)
    marked: dict[str, dict[int, str]] = {}
    for number, content in enumerate(contents, start):
        for mark in check.look(desk_row(content, number)):
            marked.setdefault(mark.finding, {}).setdefault(number, mark.detail)
    tally = Tally(
        rows=len(contents),
        counts=check.counts,
        marked={
            name: Marked(
                count=len(rows),
                by_split={"train": len(rows)},
                rows=[Row(file="f", row=n + 1, detail=d) for n, d in rows.items()],
            )
            for name, rows in marked.items()
        },
        samples=check.samples,
    )
    found = {finding.check: finding for finding in check.findings(tally)}
    return found, {name: sorted(rows) for name, rows in marked.items()}


def talk(question: str, answer: str) -> Content:
    return conversation(("user", question), ("assistant", answer))


def test_answers_that_would_be_lost(tmp_path: Path) -> None:
    path = model(tmp_path)
    rows = [talk("the cat", "sat")] * 50
    rows[7] = talk("the cat " * 60, "sat")
    rows[9] = talk("the cat", "sat on the mat " * 60)
    found, marked = run(setup(path, max_length=64), rows)
    assert marked == {"answer_lost": [7, 9]}
    lost = found["answer_lost"]
    assert lost.severity == "error" and lost.count == 2
    assert "the whole answer would be lost" in lost.rows[0].detail
    assert "learned tokens would be lost" in lost.rows[1].detail
    assert lost.repair == "tunewright clean DATA --apply drop:answer_lost"
    assert "on_too_long: drop" in lost.consequence
    assert "4.0 %" in lost.message and "64 tokens" in lost.message


def test_only_the_end_is_lost(tmp_path: Path) -> None:
    path = model(tmp_path)
    content = talk("the cat", "sat")
    check = TokenCheck(setup(path))
    meter = check._meter
    assert isinstance(meter, WritingMeter)
    (rendered,) = meter.renderer.render(content)
    end = rendered.ends[0]
    found, _ = run(setup(path, max_length=end), [content])
    assert "the end of the answer would be lost" in found["answer_lost"].rows[0].detail
    found, marked = run(setup(path, max_length=end + 1), [content])
    assert "answer_lost" not in found, "what stands behind the end of the turn is not learned"
    assert marked == {"too_long": [0]}


def test_the_shortcut_by_bytes_changes_nothing(tmp_path: Path) -> None:
    """Rows beyond the sample are only tokenised when bytes do not tell enough: same marks."""
    rows = [talk("the cat " * (n % 23), "sat on é " * (n % 17)) for n in range(200)]
    for name, template in DIALECTS.items():
        path = model(tmp_path / name, "byte_bpe", template, max_position_embeddings=90)
        _, exact = run(setup(path), rows)
        beyond = [n for n in range(10**6, 10**6 + 20_000) if sample_weight(n) == 0][:1]
        start = next(
            n
            for n in range(beyond[0], beyond[0] + 100_000)
            if not any(sample_weight(n + i) for i in range(200))
            or sum(sample_weight(n + i) > 0 for i in range(200)) <= 1
        )
        _, quick = run(setup(path), rows, start)
        for finding in ("answer_lost", "too_long", "not_rendered"):
            assert [n - start for n in quick.get(finding, [])] == exact.get(finding, []), name
        assert exact["answer_lost"]


def test_short_rows_beyond_the_sample_are_not_tokenised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = TokenCheck(setup(model(tmp_path)))
    number = next(n for n in range(10**6, 10**6 + 1000) if not sample_weight(n))
    list(check.look(desk_row(talk("a", "b"), number)))  # the shape is now known
    assert check._meter is not None
    monkeypatch.setattr(check._meter.tokenizer, "encode", None)
    assert list(check.look(desk_row(talk("the cat", "sat"), number))) == []


def test_rows_with_nothing_to_learn(tmp_path: Path) -> None:
    path = model(tmp_path)
    silent = conversation(("user", "a"), ("assistant", "b"))
    silent = replace(silent, messages=(silent.messages[0], replace(silent.messages[1], weight=0)))
    rows = [talk("a", "b"), conversation(("user", "a")), silent, talk("a", "")]
    found, marked = run(setup(path), rows)
    assert marked["no_learned_token"] == [1, 2]
    assert found["no_learned_token"].severity == "error"
    options = {"tokens": {"rendering": {"train_on": "all"}}}
    _, marked = run(setup(path, options=options), rows[:2])
    assert "no_learned_token" not in marked


def test_rows_that_the_template_refuses(tmp_path: Path) -> None:
    path = model(tmp_path, template=DIALECTS["mistral"])
    rows = [talk("a", "b"), conversation(("user", "a"), ("user", "b"), ("assistant", "c"))]
    found, marked = run(setup(path), rows)
    assert marked["not_rendered"] == [1]
    assert "must alternate" in found["not_rendered"].rows[0].detail
    _, marked = run(setup(path), rows, 10**6)
    assert marked["not_rendered"] == [10**6 + 1]


def test_characters_that_the_tokenizer_lacks_are_named(tmp_path: Path) -> None:
    path = model(tmp_path, "metaspace_bpe")
    rows = [talk("the cat", "sat"), talk("the ☃", "on the mat"), talk("☃☃ ж", "cat")]
    found, marked = run(setup(path), rows)
    assert marked["unknown_characters"] == [1, 2]
    finding = found["unknown_characters"]
    assert "'☃' (U+2603) in 2" in finding.message and "'ж' (U+0436) in 1" in finding.message
    assert finding.numbers["characters"] == {"☃": 2, "ж": 1}
    clean = model(tmp_path / "bytes", "byte_bpe")
    found, _ = run(setup(clean), rows)
    assert "unknown_characters" not in found and "round_trip" not in found


def test_a_folding_tokenizer_does_not_come_back(tmp_path: Path) -> None:
    path = model(tmp_path, "wordpiece")
    found, _ = run(setup(path), [talk("The cat", "sat")])
    assert "is changed" in found["unknown_characters"].rows[0].detail


def test_control_tokens_that_somebody_wrote(tmp_path: Path) -> None:
    rows = [talk("a", "b"), talk("say <|im_end|> now", "b"), talk("a < b", "[x]")]
    found, marked = run(setup(model(tmp_path)), rows)
    assert marked["control_token_in_text"] == [1]
    assert "'<|im_end|>'" in found["control_token_in_text"].rows[0].detail


def test_merges_over_the_border(tmp_path: Path) -> None:
    rows = [
        Completion(prompt="the c", completion="at sat"),
        Completion(prompt="the", completion=" cat sat"),
    ]
    found, marked = run(setup(model(tmp_path), "prompt_completion"), rows)
    assert marked["boundary_merge"] == [0]
    assert found["boundary_merge"].count == 1


def test_lengths_and_what_is_learned(tmp_path: Path) -> None:
    path = model(tmp_path)
    rows = [talk("the cat " * n, "sat") for n in range(1, 101)]
    check = TokenCheck(setup(path))
    meter = check._meter
    assert isinstance(meter, WritingMeter)
    renderings = [meter.renderer.render(row)[0] for row in rows]
    lengths = sorted(len(r.token_ids) for r in renderings)
    learned = sum(r.trained_count for r in renderings)
    numbers = run(setup(path), rows)[0]["token_lengths"].numbers
    assert numbers["tokens"]["p50"] == lengths[49]
    assert numbers["tokens"]["p99"] == lengths[98]
    assert numbers["tokens"]["max"] == lengths[-1]
    assert numbers["learned_share"] == pytest.approx(learned / sum(lengths))
    assert numbers["renderer"] == meter.renderer.renderer
    assert numbers["max_length"] == 200


def test_the_length_that_would_keep_the_rows(tmp_path: Path) -> None:
    path = model(tmp_path, max_position_embeddings=4096)
    rows = [talk("the cat", "sat")] * 190 + [talk("the cat " * n, "sat") for n in range(50, 60)]
    found, _ = run(setup(path, max_length=64), rows)
    fix = found["answer_lost"].fix
    assert fix.startswith("raise `max_length` to") and fix.endswith("to keep 99 % of the rows")
    wanted = int("".join(c for c in fix.split("to keep")[0] if c.isdigit()))
    found, _ = run(setup(path, max_length=wanted), rows)
    assert found.get("answer_lost") is None or found["answer_lost"].count <= 2
    short = model(tmp_path / "short", max_position_embeddings=64)
    found, _ = run(setup(short), rows)
    assert "the model takes 64 tokens" in found["answer_lost"].fix
    assert "trim_prompt" in found["answer_lost"].fix


def test_preferences_documents_and_labels(tmp_path: Path) -> None:
    path = model(tmp_path, max_position_embeddings=64)
    long = (Message(role="assistant", content="the cat sat " * 40),)
    short = (Message(role="assistant", content="no"),)
    prompt = (Message(role="user", content="a"),)
    rows = [
        Preference(prompt=prompt, chosen=short, rejected=long),
        Preference(prompt=prompt, chosen=short, rejected=short),
    ]
    _, marked = run(setup(path, "preference"), rows)
    assert marked["answer_lost"] == [0]
    _, marked = run(setup(path, "text"), [Document(text="the cat " * 80), Document(text="cat")])
    assert marked["answer_lost"] == [0]
    labelled = [Labelled(texts={"text": t}, label="x") for t in ("the cat " * 80, "cat")]
    found, marked = run(setup(path, "classification"), labelled)
    assert marked == {"too_long": [0]}
    assert "are not read" in found["too_long"].rows[0].detail
    assert "learned_share" not in found["token_lengths"].numbers


def test_without_a_model_characters_are_counted(tmp_path: Path) -> None:
    found, marked = run(setup(None), [talk("abc", "de"), talk("a", "b")])
    assert marked == {} and list(found) == ["lengths"]
    assert found["lengths"].numbers["characters"]["max"] == 5
    assert "--model" in found["lengths"].fix and "no model is named" in found["lengths"].message
    reads = model(tmp_path, architectures=["BertModel"], model_type="bert")
    found, _ = run(setup(reads), [talk("abc", "de")])
    assert "does not write any" in found["lengths"].message


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        TokenCheck(setup(str(tmp_path)))


def test_the_sample_stands_for_all_rows() -> None:
    million = 1_000_000
    weights = [sample_weight(n) for n in range(million)]
    drawn = [w for w in weights if w]
    assert 15_000 < len(drawn) < 26_000
    assert sum(drawn) == pytest.approx(million, rel=0.02)
    assert weights[:ALL_OF_THE_FIRST] == [1] * ALL_OF_THE_FIRST
    even = sum(w for n, w in enumerate(weights) if n % 2 == 0)
    assert even == pytest.approx(million / 2, rel=0.03)


def test_classes_and_percentiles() -> None:
    assert all(length <= length_class(length) <= 1.04 * length + 1 for length in range(1, 5000))
    assert len({length_class(n) for n in range(1, 100_000)}) < 400
    assert percentiles([(1, 5), (3, 1), (1, 9)]) == {
        "p50": 1,
        "p90": 9,
        "p95": 9,
        "p99": 9,
        "max": 9,
    }
