"""Values that no run could use: refused when the project is loaded, with line and full field."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import imported, said
from tests.workflow.helpers import change

SEARCH = "search: {trials: 2, "
STRATEGY = "{name: top_layers, settings: {layers: 1}}"


class TestValues:
    @pytest.mark.parametrize(
        ("old", "new", "field", "words"),
        [
            ("num_train_epochs: [2]", "num_train_epochs: [2, 0]", "num_train_epochs[1]", "to 1"),
            ("num_train_epochs: [2]", "num_train_epochs: [-1]", "num_train_epochs[0]", "to 1"),
            (SEARCH, SEARCH + "dropout: [0.1, 1.0], ", "dropout[1]", "less than 1"),
            (SEARCH, SEARCH + "dropout: [-1], ", "dropout[0]", "equal to 0"),
            (
                SEARCH,
                SEARCH + "per_device_train_batch_size: [0], ",
                "per_device_train_batch_size[0]",
                "to 1",
            ),
            ("[0.001, 0.003]", "[0.001, 3]", "learning_rate[1]", "equal to 1"),
            ("[0.001, 0.003]", "[.nan]", "learning_rate[0]", "finite"),
            (
                STRATEGY,
                "{name: top_layers, settings: {layers: 0}}",
                "strategy[0].settings.layers",
                "",
            ),
            (
                STRATEGY,
                "{name: top_layers, settings: {layer: 1}}",
                "strategy[0].settings.layer",
                "did you mean 'layers'?",
            ),
            ("}}, full]", "}}, {name: lora, settings: {r: 0}}]", "[1].settings.lora_r", "to 1"),
        ],
    )
    def test_of_the_search(
        self,
        tunewright: Tunewright,
        small_project: Path,
        old: str,
        new: str,
        field: str,
        words: str,
    ) -> None:
        change(small_project, old, new)
        for command in (["config", "show"], ["plan"], ["run"]):
            ended = tunewright(*command, small_project)
            assert ended.code == 2
            message = "\n".join(said(ended))
            assert f"{small_project}, row 4, field 'training.search." in message
            assert f"{field}'" in message
            assert words in message
        assert not (small_project.parent / "study").exists()

    @pytest.mark.parametrize(
        ("line", "field", "words"),
        [
            ("training: {fixed: {weight_decay: .inf}}", "training.fixed.weight_decay", "finite"),
            ("decision: {margin: .nan}", "decision.margin", ""),
            (
                "candidates: [{name: tfidf, settings: {c: .inf}}]",
                "candidates[0].settings.c",
                "finite",
            ),
            (
                "candidates: [probe, {name: tfidf, settings: {ngram: 2}}]",
                "candidates[1].settings.ngram",
                "did you mean 'ngrams'?",
            ),
            (
                "candidates: [{name: nearest, settings: {k: [0]}}]",
                "candidates[0].settings.k[0]",
                "greater than or equal to 1",
            ),
            (
                "candidates: [{name: zero_shot, settings: {k: 1}}]",
                "candidates[0].settings.k",
                "there are no keys here",
            ),
            (
                "candidates: [{name: tune, settings: {k: 1}}]",
                "candidates[0]",
                "they stand under `training:`",
            ),
            ("threads: 100000", "threads", "less than or equal to 1024"),
            ('study: "\\0x"', "study", "the null character"),
            ('study: "\\ud800"', "study", "half a character"),
            (f"model: {'m' * 5000}", "model", "too long a name"),
            (f"study: {'ü' * 200}", "study", "too long a name"),
            ("study: train.csv", "study", "this is a file, so it cannot be the study"),
            ("study: /dev/null", "study", "this is a file, so it cannot be the study"),
        ],
    )
    def test_elsewhere(
        self, tunewright: Tunewright, small_project: Path, line: str, field: str, words: str
    ) -> None:
        key = line.partition(":")[0]
        kept = [kept for kept in small_project.read_text().splitlines() if not kept.startswith(key)]
        small_project.write_text("\n".join([line, *kept]) + "\n", encoding="utf-8")
        ended = tunewright("status", small_project)
        assert ended.code == 2
        message = "\n".join(said(ended))
        assert f"{small_project}, row 1, field '{field}'" in message
        assert words in message
        assert "  fix:      " in message
        assert max(map(len, message.splitlines())) < 2000

    def test_a_number_of_rows_that_is_none(
        self, tunewright: Tunewright, small_project: Path
    ) -> None:
        change(small_project, "train: train.csv", f"train: 'train.csv#{'9' * 5000}'")
        assert tunewright("check", small_project).code in (2, 3)

    def test_settings_are_checked_without_what_trains(self, small_project: Path) -> None:
        found = imported("config", "show", str(small_project))
        assert not found & {"torch", "transformers", "sklearn"}


class TestFile:
    @pytest.mark.parametrize(
        ("content", "words", "fix"),
        [
            (b"seed: 1\n\tthreads: 1\n", "row 2: not valid YAML", "indent with spaces"),
            (b"seed: 1\n---\nseed: 2\n", "row 2: not valid YAML", "one project in a file"),
            (b"seed: 1\n# caf\xe9\n", "row 2: the file is not UTF-8 text", "save it as UTF-8"),
            (b"a: b: c\n", "row 1: not valid YAML", "in quotes"),
            (b"seed: [1\n", "not valid YAML", "brackets"),
        ],
    )
    def test_how_it_is_written(
        self, tunewright: Tunewright, tmp_path: Path, content: bytes, words: str, fix: str
    ) -> None:
        (tmp_path / "tunewright.yaml").write_bytes(content)
        ended = tunewright("check", tmp_path)
        assert ended.code == 2
        message = said(ended)
        assert words in message[0]
        assert "  fix:      " in message[-1]
        assert fix in message[-1]

    def test_that_may_not_be_read(
        self, tunewright: Tunewright, small_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root may read everything, so the refusal is put in."""

        def refuse(path: Path) -> bytes:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

        monkeypatch.setattr(Path, "read_bytes", refuse)
        ended = tunewright("status", small_project)
        assert ended.code == 2
        assert "tunewright.yaml: the file cannot be read" in said(ended)[0]
        assert "Permission denied" in ended.err
        assert "  fix:      make it readable" in ended.err

    @pytest.mark.parametrize(
        ("line", "expected", "fix"),
        [
            ("candidates: tfidf", "a list, as in `candidates:", "`candidates: [tfidf]`"),
            ("seed: 1.5", "a whole number, as in `seed: 3`", ""),
            ("store: maybe", "true or false, as in `store: true`", ""),
            ("decision: 3", "keys and values, as in `decision: {key: value}`", ""),
            ("model: 5", 'text, as in `model: "words"`', '`model: "5"`'),
            ("label_descriptions: {1: one}", "text", 'put it in quotes: `"1"`'),
            ("precision: bfloat", "'bfloat16'", "did you mean 'bfloat16'?"),
            ("candidates: []", "at least 1 item", "add one"),
        ],
    )
    def test_a_wrong_type_is_told_in_plain_words(
        self, tunewright: Tunewright, small_project: Path, line: str, expected: str, fix: str
    ) -> None:
        key = line.partition(":")[0]
        kept = [kept for kept in small_project.read_text().splitlines() if not kept.startswith(key)]
        small_project.write_text("\n".join([line, *kept]) + "\n")
        ended = tunewright("status", small_project)
        assert ended.code == 2
        found = said(ended)
        assert expected in next(line for line in found if line.startswith("  expected: "))
        assert "input should" not in ended.err.lower()
        assert fix in found[-1]

    def test_alternatives_are_told_together(
        self, tunewright: Tunewright, small_project: Path
    ) -> None:
        change(small_project, "train: train.csv", "train: 5")
        ended = tunewright("check", small_project)
        assert "field 'data.train': this has the wrong type" in said(ended)[0]
        assert 'text, as in `train: "words"`, or a list' in ended.err


class TestLabelDescriptions:
    def test_of_a_label_that_no_row_has(self, tunewright: Tunewright, small_project: Path) -> None:
        small_project.write_text(
            small_project.read_text() + "label_descriptions:\n  card: of plastic\n  bil: to pay\n"
        )
        for command in (["check"], ["run", "--until", "candidates"]):
            ended = tunewright(*command, small_project)
            assert ended.code == 2
            message = "\n".join(said(ended))
            assert f"{small_project}, row 7, field 'label_descriptions.bil'" in message
            assert "no row has the label 'bil'" in message
            assert "did you mean 'bill'?" in message
        change(small_project, "  bil:", "  bill:")
        assert tunewright("run", small_project, "--until", "candidates").code == 0
