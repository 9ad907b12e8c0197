"""Every metric of written answers: the contract all share, and each against an oracle."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from tunewright.core.errors import ConfigError, DataError
from tunewright.evaluate.generation import TEXT_METRICS
from tunewright.evaluate.generation.base import ItemScores, Reference, TextMetric, text_metric
from tunewright.evaluate.generation.normalise import normalise
from tunewright.evaluate.generation.numeric_match import numbers_in
from tunewright.evaluate.generation.perplexity import Perplexity, perplexity_scores
from tunewright.evaluate.resample import Settings

SCRIPT = "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (2, 'y');"
OWN = "def score(answer, reference):\n    return answer in reference.texts\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project")
    (path / "my_metrics.py").write_text(OWN)
    return path


def reference(*texts: str, **columns: Any) -> Reference:
    return Reference(texts=texts, columns=columns, file="test.jsonl", row=7)


def score(
    name: str, answer: str | None, *wanted: str, folder: Path | None = None, **settings: Any
) -> tuple[float, bool]:
    metric = text_metric(name, settings, folder=folder)
    found = metric.score_each([answer], [reference(*wanted)])
    return float(found.scores[0]), bool(found.failed[0])


# -- the contract -------------------------------------------------------------------------------

CASES: dict[str, tuple[dict[str, Any], str, str, str | None]] = {
    "exact_match": ({}, "a cat sat", "a dog", None),
    "token_f1": ({}, "big cat sat", "small dog", None),
    "rouge1": ({}, "big cat sat", "small dog", None),
    "rouge2": ({}, "big cat sat", "small dog", None),
    "rougeL": ({}, "big cat sat", "small dog", None),
    "bleu": ({}, "the big cat sat down", "no", None),
    "chrf": ({}, "big cat sat", "...", None),
    "sql_execution": ({"table_column": "tables"}, "SELECT a FROM t", "SELECT b FROM t", "SELEC"),
    "json_valid": ({}, '{"a": 1}', "", "{"),
    "json_field_f1": ({}, '{"a": 1}', '{"b": 2}', "{'a': 1}"),
    "numeric_match": ({}, "it is 12", "it is 13", "it is many"),
    "function": ({"function": "my_metrics.py:score"}, "yes", "no", None),
    "token_probability": ({}, "1.0", "0.0", "likely"),
}
"""Name to settings, a right answer, a wrong one (empty where there is none), an unreadable one."""


def test_every_metric_is_held_to_the_contract() -> None:
    assert set(CASES) == set(TEXT_METRICS.names())


@pytest.mark.parametrize("name", CASES)
class TestContract:
    @pytest.fixture
    def metric(self, name: str, folder: Path) -> TextMetric:
        return text_metric(name, CASES[name][0], folder=folder)

    def test_right_wrong_unreadable_and_absent_answers(self, name: str, metric: TextMetric) -> None:
        _, right, wrong, unreadable = CASES[name]
        answers: list[str | None] = [right, None]
        wanted, failed = [1.0, 0.0], [False, True]
        for more, fails in ((wrong or None, not wrong), (unreadable, True)):
            answers.append(more)
            wanted.append(0.0)
            failed.append(fails)
        found = metric.score_each(answers, [reference(right, tables=SCRIPT)] * len(answers))
        assert found.scores.dtype == np.float64
        assert found.failed.dtype == np.bool_
        assert found.scores == pytest.approx(wanted, abs=1e-9)
        assert found.failed.tolist() == failed
        assert found.failure_rate == np.mean(failed)

    def test_the_best_of_several_references_counts(self, name: str, metric: TextMetric) -> None:
        _, right, wrong, _ = CASES[name]
        texts = (wrong or right, right)
        found = metric.score_each([right], [reference(*texts, tables=SCRIPT)])
        assert found.scores[0] == pytest.approx(1.0)

    def test_name_title_and_meaning(self, name: str, metric: TextMetric) -> None:
        assert metric.name == name
        assert metric.title
        assert metric.meaning[0].islower()
        assert metric.higher_is_better

    def test_statistics_are_of_the_corpus_score(self, name: str, metric: TextMetric) -> None:
        _, right, wrong, unreadable = CASES[name]
        pool = [right, wrong or unreadable or "", unreadable]
        rng = np.random.default_rng(3)
        given = [
            [pool[k] for k in rng.choice(3, 40, p=p)] for p in ((0.8, 0.1, 0.1), (0.3, 0.4, 0.3))
        ]
        a, b = (metric.score_each(g, [reference(right, tables=SCRIPT)] * 40) for g in given)
        settings = Settings(resamples=400, margin=0.05)
        for groups in (None, [f"g{n // 2}" for n in range(40)]):
            interval = metric.interval(a, groups=groups, settings=settings)
            assert interval.low <= metric.corpus(a) <= interval.high
            pair = metric.difference(a, b, groups=groups, settings=settings)
            assert pair.difference == pytest.approx(metric.corpus(a) - metric.corpus(b))
            assert pair.p_value < 0.05
            assert pair.p_not_worse is not None
            assert pair.p_not_worse > 0.5, "b is worse by far more than the margin"
            assert pair.discordant[0] > pair.discordant[1]

    def test_wrong_numbers_of_answers(self, name: str, metric: TextMetric) -> None:
        with pytest.raises(ValueError, match="at least one"):
            metric.score_each([], [])
        with pytest.raises(ValueError, match="2 answers for 1"):
            metric.score_each(["a", "b"], [reference(CASES[name][1], tables=SCRIPT)])


# -- letters and words --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "same"),
    [
        ("none", {"The  Cat's hat."}),
        ("whitespace", {"The  Cat's hat.", " The Cat's\that.\n"}),
        ("case", {"The  Cat's hat.", " The Cat's\that.\n", "the cat's HAT."}),
        (
            "punctuation",
            {"The  Cat's hat.", " The Cat's\that.\n", "the cat's HAT.", "the cats hat"},
        ),
    ],
)
def test_each_normalisation_ignores_what_it_says(how: Any, same: set[str]) -> None:
    texts = ["The  Cat's hat.", " The Cat's\that.\n", "the cat's HAT.", "the cats hat", "cats hat"]
    wanted = {text for text in texts if normalise(text, how) == normalise(texts[0], how)}
    assert wanted == same


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        # The three things that the evaluation script of SQuAD is documented to ignore.
        ("The Denver Broncos", "denver broncos"),
        ("a  Super-Bowl, 50!", "superbowl 50"),
        ("An apple and the\tpear", "apple and pear"),
        ("theatre", "theatre"),
        ("«Überfluß»", "«überfluß»"),
    ],
)
def test_squad(text: str, plain: str) -> None:
    assert normalise(text, "squad") == plain


def test_punctuation_of_every_script() -> None:
    assert normalise("«Überfluß»、STRASSE。", "punctuation") == "überflussstrasse"


@pytest.mark.parametrize(
    ("answer", "wanted", "f1"),
    [
        ("the cat sat", "cat sat down", 2 * (2 / 2) * (2 / 3) / (2 / 2 + 2 / 3)),
        ("cat cat", "cat", 2 * 0.5 * 1 / 1.5),
        ("the", "a", 1.0),  # both are empty without articles
        ("the", "cat", 0.0),
    ],
)
def test_token_f1_by_hand(answer: str, wanted: str, f1: float) -> None:
    assert score("token_f1", answer, wanted) == (pytest.approx(f1), False)


def test_token_f1_of_characters() -> None:
    assert score("token_f1", "猫坐下", "猫坐着", tokens="characters")[0] == pytest.approx(2 / 3)
    assert score("token_f1", "猫坐下", "猫坐着")[0] == 0.0


# -- corpora ------------------------------------------------------------------------------------

WORDS = [
    "the",
    "a",
    "big",
    "small",
    "cat",
    "dog",
    "sat",
    "ran",
    "on",
    "mat",
    "and",
    "it",
    "was",
    "over",
    ".",
]


def corpus(seed: int, items: int = 60) -> tuple[list[str], list[list[str]]]:
    """Random answers beside one to three references, some of them empty or very short."""
    rng = np.random.default_rng(seed)
    references, answers = [], []
    for _ in range(items):
        texts = []
        for _ in range(rng.integers(1, 4)):
            texts.append(" ".join(rng.choice(WORDS, rng.integers(1, 15))))
        kept = [w if rng.random() < 0.75 else str(rng.choice(WORDS)) for w in texts[0].split()]
        answers.append(" ".join(kept[: rng.integers(0, len(kept) + 1)]))
        references.append(texts)
    return answers, references


def by_place(references: list[list[str]]) -> list[list[str | None]]:
    """As sacrebleu wants them: all first references, all second ones, ..."""
    most = max(map(len, references))
    return [[r[k] if k < len(r) else None for r in references] for k in range(most)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "whole", "single"),
    [
        ("bleu", BLEU(), BLEU(effective_order=True)),
        ("chrf", CHRF(), CHRF()),
    ],
)
def test_bleu_and_chrf_are_sacrebleus(name: str, whole: Any, single: Any, seed: int) -> None:
    answers, references = corpus(seed)
    metric = text_metric(name)
    found = metric.score_each(answers, [reference(*texts) for texts in references])
    expected = whole.corpus_score(answers, by_place(references)).score
    assert 100 * metric.corpus(found) == pytest.approx(expected, abs=1e-9)
    each = [single.sentence_score(a, r).score for a, r in zip(answers, references, strict=True)]
    assert 100 * found.scores == pytest.approx(each, abs=1e-9)


def test_bleu_with_an_order_without_matches_is_smoothed_as_in_sacrebleu() -> None:
    answers, references = ["the big cat ran over", "it was"], [["the big dog sat over"], ["it is"]]
    metric = text_metric("bleu")
    found = metric.score_each(answers, [reference(*r) for r in references])
    expected = BLEU().corpus_score(answers, by_place(references)).score
    assert expected > 0
    assert 100 * metric.corpus(found) == pytest.approx(expected)


def test_chrf_settings_reach_sacrebleus_meaning() -> None:
    answers, references = corpus(9)
    metric = text_metric("chrf", {"char_order": 3, "beta": 1, "lowercase": True})
    found = metric.score_each([a.upper() for a in answers], [reference(*r) for r in references])
    oracle = CHRF(char_order=3, beta=1, lowercase=True)
    assert 100 * metric.corpus(found) == pytest.approx(
        oracle.corpus_score(answers, by_place(references)).score
    )


@pytest.mark.parametrize("stemmer", [True, False])
@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeL"])
def test_rouge_is_that_of_rouge_score(name: str, stemmer: bool) -> None:
    answers, references = corpus(5)
    metric = text_metric(name, {"use_stemmer": stemmer})
    found = metric.score_each(answers, [reference(*r) for r in references])
    oracle = RougeScorer([name], use_stemmer=stemmer)
    expected = [
        max(oracle.score(text, answer)[name].fmeasure for text in texts)
        for answer, texts in zip(answers, references, strict=True)
    ]
    assert found.scores == pytest.approx(expected)


def test_rouge_of_another_script() -> None:
    russian = [reference("кошка сидит на ковре")]
    with pytest.raises(DataError, match="sees no word") as caught:
        text_metric("rougeL").check(russian)
    assert "tokens: unicode" in str(caught.value.fix)
    found = text_metric("rougeL", {"tokens": "unicode"}).score_each(["Кошка на ковре"], russian)
    assert found.scores[0] == pytest.approx(2 * 1 * 0.75 / 1.75)
    text_metric("rougeL").check([*russian, reference("ok"), reference("…")])


def test_resampled_corpus_scores_equal_those_of_the_drawn_items() -> None:
    """The fast path, totals of distinct items times counts, beside scoring the items anew."""
    answers, references = corpus(11, items=12)
    rng = np.random.default_rng(0)
    for name in ("bleu", "chrf"):
        metric: Any = text_metric(name)
        items = [reference(*r) for r in references]
        found: ItemScores = metric.score_each(answers, items)
        for _ in range(20):
            rows = rng.integers(0, 12, 12)
            assert found.totals is not None
            fast = metric.from_totals(found.totals[rows].sum(axis=0, keepdims=True))[0]
            again = metric.score_each([answers[r] for r in rows], [items[r] for r in rows])
            assert fast == pytest.approx(metric.corpus(again))
            assert metric.corpus(found.at(rows)) == pytest.approx(fast)


def test_perplexity() -> None:
    log_likelihoods, tokens = [-3.0, -10.0, 0.0], [3, 4, 0]
    found = perplexity_scores(log_likelihoods, tokens)
    assert Perplexity().corpus(found) == pytest.approx(np.exp(13 / 7))
    assert found.scores[:2] == pytest.approx([np.e, np.exp(2.5)])
    worse = perplexity_scores([-6.0, -20.0, 0.0], tokens)
    pair = Perplexity().difference(found, worse, settings=Settings(resamples=200))
    assert pair.difference == pytest.approx(np.exp(13 / 7) - np.exp(26 / 7))
    assert pair.discordant == (2, 0), "lower is better"
    assert np.isfinite(Perplexity().corpus(perplexity_scores([-1e9], [1])))
    with pytest.raises(ValueError, match="at least one"):
        perplexity_scores([0.0], [0])


# -- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("He pays $1,234.50, then -3 and .5.", [1234.5, -3.0, 0.5]),
        ("12,34 is two numbers", [12.0, 34.0]),
        ("1e3 and 2.5E-1", [1000.0, 0.25]),
        ("B2B at 10:30, 50%", [10.0, 30.0, 50.0]),
        ("costs −7 € and 8.", [-7.0, 8.0]),
        ("1,000,000 people", [1e6]),
        ("no digits, no numbers.", []),
        ("1e999", []),
        ("v1.2.3", []),
    ],
)
def test_numbers_in_a_text(text: str, numbers: list[float]) -> None:
    assert numbers_in(text) == numbers


@pytest.mark.parametrize(
    ("answer", "settings", "expected"),
    [
        ("so 6 * 7 = 42\n#### 42", {}, (1.0, False)),
        ("#### 42 of 50", {}, (1.0, False)),
        ("6 * 7 = 42", {}, (1.0, False)),
        ("42 or 43", {}, (0.0, False)),
        ("42", {"find": "marked"}, (0.0, True)),
        ("#### 41, but in the end 42", {"find": "last"}, (1.0, False)),
        ("42.0000001", {}, (1.0, False)),
        ("42.3", {"relative_tolerance": 0.01}, (1.0, False)),
        ("forty-two", {}, (0.0, True)),
    ],
)
def test_numeric_match(answer: str, settings: dict[str, Any], expected: tuple[float, bool]) -> None:
    assert score("numeric_match", answer, "He has 6.\n#### 42", **settings) == expected


def test_a_reference_without_a_number() -> None:
    with pytest.raises(DataError, match=r"test.jsonl, row 7: the reference holds no number"):
        score("numeric_match", "1", "none")


# -- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'a': 1}",
        '{"a": 1} and more',
        "NaN",
        '{"a": Infinity}',
        "[" * 100_000,
        "9" * 9_999,
    ],
)
def test_what_is_no_json(text: str) -> None:
    assert score("json_valid", text, "{}") == (0.0, True)


@pytest.mark.parametrize("text", ["null", "3", '"x"', " [1]\n", '{"a": {"b": []}}'])
def test_what_is(text: str) -> None:
    assert score("json_valid", text, "{}") == (1.0, False)


def test_json_anywhere() -> None:
    fenced = 'Sure [really]:\n```json\n{"a": 1}\n```\nanything else?'
    assert score("json_field_f1", fenced, '{"a": 1}') == (0.0, True)
    assert score("json_field_f1", fenced, '{"a": 1}', find="anywhere") == (1.0, False)


SCHEMA = {
    "type": "object",
    "properties": {"action": {"enum": ["refund", "close"]}, "n": {"type": "integer"}},
    "required": ["action"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [('{"action": "refund", "n": 2}', True), ('{"action": "pay"}', False), ("[]", False)],
)
def test_a_schema_inline_and_in_a_file(tmp_path: Path, text: str, fits: bool) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    for schema in (SCHEMA, "schema.json"):
        found = score("json_valid", text, "", folder=tmp_path, json_schema=schema)
        assert found == (float(fits), not fits)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"type": "objet"}', "no valid JSON schema"),
        ("{", "cannot be read"),
        ("3", "no JSON schema"),
        ('{"$ref": "https://example.org/other.json"}', "not in it"),
    ],
)
def test_schemas_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "schema.json").write_text(content)
    with pytest.raises(ConfigError, match=message):
        score("json_valid", "{}", "", folder=tmp_path, json_schema="schema.json")


@pytest.mark.parametrize(
    ("answer", "settings", "f1"),
    [
        ('{"a": 1.0, "b": {"c": ["x", "y"]}}', {}, 1.0),
        ('{"a": 1, "b": {"c": ["y", "x"]}}', {}, 1 / 3),
        ('{"a": 1, "b": {"c": ["y", "x"]}}', {"ordered_lists": False}, 1.0),
        ('{"a": true}', {}, 0.0),
        ('{"a": "1"}', {}, 0.0),
        ('{"a": 1}', {}, 2 * 1 / (1 + 3)),
        ("{}", {}, 0.0),
    ],
)
def test_fields(answer: str, settings: dict[str, Any], f1: float) -> None:
    wanted = '{"a": 1, "b": {"c": ["x", "y"]}}'
    assert score("json_field_f1", answer, wanted, **settings) == (pytest.approx(f1), False)


def test_fields_beside_a_recursive_twin() -> None:
    """Flattening by recursion, and F1 by precision and recall."""

    def leaves(value: Any, path: tuple[Any, ...] = ()) -> Counter[Any]:
        if isinstance(value, dict) and value:
            return sum((leaves(v, (*path, k)) for k, v in value.items()), Counter())
        if isinstance(value, list) and value:
            return sum((leaves(v, (*path, k)) for k, v in enumerate(value)), Counter())
        return Counter([(path, json.dumps(value))])

    rng = np.random.default_rng(1)

    def tree(depth: int) -> Any:
        kind = rng.integers(0, 4) if depth else 3
        if kind == 0:
            return {str(k): tree(depth - 1) for k in rng.integers(0, 4, 3)}
        if kind == 1:
            return [tree(depth - 1) for _ in range(rng.integers(0, 3))]
        return [None, True, "x", 2][rng.integers(0, 4)]

    for _ in range(200):
        a, b = tree(3), tree(3)
        mine, theirs = leaves(a), leaves(b)
        common = (mine & theirs).total()
        precision, recall = common / mine.total(), common / theirs.total()
        f1 = 2 * precision * recall / (precision + recall) if common else 0.0
        assert score("json_field_f1", json.dumps(a), json.dumps(b))[0] == pytest.approx(f1)


def test_a_reference_that_is_no_json() -> None:
    with pytest.raises(DataError, match=r"row 7: the reference is no JSON, so"):
        score("json_field_f1", "{}", "{")


# -- a function of the person's -----------------------------------------------------------------


def own(tmp_path: Path, body: str, name: str = "score", **settings: Any) -> TextMetric:
    (tmp_path / "own.py").write_text(body)
    return text_metric("function", {"function": f"own.py:{name}", **settings}, folder=tmp_path)


def test_a_function_sees_answer_and_reference(tmp_path: Path) -> None:
    body = (
        "def score(answer, reference):\n"
        "    if not answer: return None\n"
        "    return min(1, len(answer) / reference.columns['length'])\n"
    )
    metric = own(tmp_path, body, title="length")
    found = metric.score_each(["ab", "", None], [reference("x", length=4)] * 3)
    assert found.scores.tolist() == [0.5, 0.0, 0.0]
    assert found.failed.tolist() == [False, True, True]
    assert (metric.title, metric.right_wrong) == ("length", False)
    assert text_metric("function", {"function": "own.py:score"}).title == "score"


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ("def score(a, r):\n    x = 1\n    return 1 / 0\n", DataError, ["row 7", "line 3"]),
        ("def score(a, r):\n    return 37.5\n", DataError, ["row 7", "37.5", "0 to 1"]),
        ("def score(a, r):\n    return 'x'\n", DataError, ["row 7", "'x'"]),
        ("def score(a):\n    return 1\n", DataError, ["when it was called", "argument"]),
        ("def scores(a, r): ...\n", ConfigError, ["no function 'score'", "'scores'"]),
        ("import sys\ndef score(a, r): sys.exit(0)\n", DataError, ["SystemExit: 0", "line 2"]),
        (
            "class E:\n  def __float__(self): 1 / 0\n  __repr__ = __float__\n"
            "def score(a, r): return E()\n",
            DataError,
            ["returned no score", "a value of the type E"],
        ),
        ("import no_such_module\n", ConfigError, ["line 1", "no_such_module"]),
        ("def score(:\n", ConfigError, ["SyntaxError", "line 1"]),
        ("raise SystemExit(3)\n", ConfigError, ["SystemExit"]),
    ],
)
def test_a_function_that_fails_is_told_with_its_place(
    tmp_path: Path, body: str, error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        own(tmp_path, body).score_each(["a"], [reference("x")])
    assert "own.py" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_function_that_is_right_or_wrong(tmp_path: Path) -> None:
    metric = own(tmp_path, "def score(a, r):\n    return 0.5\n", right_wrong=True)
    with pytest.raises(DataError, match="right or wrong"):
        metric.score_each(["a"], [reference("x")])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        text_metric("function", {"function": "gone.py:score"}, folder=tmp_path).check([])
