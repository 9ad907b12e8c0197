"""`tunewright init`: the project file that it writes, and what it says that it assumed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from rich.console import Console

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said
from tests.conftest import make_rows, write_csv
from tunewright import Project


class TestInit:
    def test_it_writes_a_project_and_says_what_it_assumed(
        self, tunewright: Tunewright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write_csv(tmp_path / "train.csv", make_rows(80))
        write_csv(tmp_path / "test.csv", make_rows(40, seed=2))
        ended = tunewright("init", "train.csv")
        assert ended.code == 0
        assert "train.csv: CSV, utf-8, commas, a header; 80 rows" in ended.out
        assert "Test set, sealed until the end: test.csv" in ended.out
        assert "the label column is 'label', because of its name" in ended.out
        project = Project.load()
        assert (project.config.data.text, project.config.data.label) == ("text", "label")
        assert project.config.data.test == "test.csv"
        text = (tmp_path / "tunewright.yaml").read_text()
        assert "# " in text
        assert "margin: 0.01" in text

    def test_as_json(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = tmp_path / "data.tsv"
        train.write_text(
            "label\tmessage\n" + "card\tmy card is lost\nbill\tthe bill is wrong\n" * 9
        )
        out = tmp_path / "sub" / "project.yaml"
        ended = tunewright("init", train, "--out", out, "--json")
        assert (ended.code, ended.err) == (0, "")
        found = ended.json
        assert (found["format"], found["delimiter"], found["label"]) == ("tsv", "\t", "label")
        assert found["text"] == ["message"]
        assert found["labels"] == {"card": 9, "bill": 9}
        assert found["rows_read"] == 18
        written = yaml.safe_load(out.read_text())
        assert (out.parent / written["data"]["train"]).resolve() == train.resolve()

    def test_it_overwrites_only_when_told(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = write_csv(tmp_path / "train.csv", make_rows(60))
        out = tmp_path / "tunewright.yaml"
        out.write_text("seed: 7\n")
        ended = tunewright("init", train, "--out", tmp_path)
        assert ended.code == 2
        assert "add --force to overwrite it" in ended.err
        assert out.read_text() == "seed: 7\n"
        assert tunewright("init", train, "--out", out, "--force").code == 0
        assert "seed: 7" not in out.read_text()

    def test_named_columns(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = tmp_path / "t.csv"
        rows = [f"{text},{label},{n % 3}" for n, (text, label) in enumerate(make_rows(60))]
        train.write_text("\n".join(["a,b,c", *rows]))
        arguments = ("init", train, "--out", tmp_path, "--force", "--text", "a")
        assert tunewright(*arguments, "--label", "c").code == 0
        assert Project.load(tmp_path).config.data.label == "c"
        ended = tunewright(*arguments, "--label", "labl")
        assert ended.code == 2
        assert "there is no column called 'labl'" in ended.err

    def test_what_files_differ_in_is_not_written_down(
        self, tunewright: Tunewright, tmp_path: Path
    ) -> None:
        rows = [f"{n} où est ma carte;card\n{n} la facture fausse;bill\n" for n in range(60)]
        train, test = tmp_path / "train.csv", tmp_path / "test.csv"
        train.write_text("text;label\n" + "".join(rows[:40]), encoding="cp1252")
        test.write_text("text;label\n" + "".join(rows[40:]), encoding="utf-8")
        ended = tunewright("init", train, "--out", tmp_path)
        assert "the files differ in `encoding`, so each is read in its own way" in ended.out
        written = yaml.safe_load((tmp_path / "tunewright.yaml").read_text())["data"]
        assert "encoding" not in written
        assert (written["delimiter"], written["header"]) == (";", True)
        tunewright("run", tmp_path, "--until", "data")
        examples = pq.read_table(tmp_path / "study" / "data" / "examples.parquet")
        texts = examples.column("inputs").to_pylist()
        assert sum("où est" in text for text in texts) == 60

    def test_without_a_file_it_says_what_to_do(self, tunewright: Tunewright) -> None:
        ended = tunewright("init")
        assert ended.code == 2
        assert "--sample support_desk" in ended.err

    def test_the_sample(self, tunewright: Tunewright, tmp_path: Path) -> None:
        ended = tunewright("init", "--sample", "support_desk", "--out", tmp_path, "--json")
        assert ended.code == 0
        assert len(ended.json["labels"]) == 20
        assert Project.load(tmp_path).config.data.test == "test.csv"
        ended = tunewright("init", "--sample", "suport_desk", "--out", tmp_path, "--force")
        assert ended.code == 2
        assert "did you mean 'support_desk'?" in ended.err

    def test_a_table_without_labels(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = tmp_path / "t.csv"
        train.write_text("text\n" + "\n".join(f"message number {n}" for n in range(50)))
        ended = tunewright("init", train, "--out", tmp_path)
        assert ended.code == 3
        assert "--text COLUMN --label COLUMN" in ended.err
        assert not (tmp_path / "tunewright.yaml").exists()

    @pytest.mark.parametrize(
        ("arguments", "code", "words", "fix"),
        [
            (["--text", "nope"], 2, "no column called 'nope'", "name one of these columns"),
            (["--text", "text", "--label", "text"], 2, "for two purposes", "choose among"),
            (["--text", "text", "--text", "text"], 2, "for two purposes", "choose among"),
            (["--model", "nope"], 2, "there is no model 'nope'", "give a local folder"),
            (["--model", "./nope"], 2, "no model folder at this path", "relative paths start"),
        ],
    )
    def test_options_that_cannot_be_meant(
        self,
        tunewright: Tunewright,
        tmp_path: Path,
        arguments: list[str],
        code: int,
        words: str,
        fix: str,
    ) -> None:
        train = write_csv(tmp_path / "train.csv", make_rows(60))
        ended = tunewright("init", train, "--out", tmp_path, *arguments)
        assert ended.code == code
        assert words in said(ended)[0]
        assert fix in said(ended)[-1]
        assert not (tmp_path / "tunewright.yaml").exists()

    def test_the_model(
        self,
        tunewright: Tunewright,
        tmp_path: Path,
        tiny_model: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        write_csv(tmp_path / "train.csv", make_rows(60))
        monkeypatch.chdir(tmp_path)
        (tmp_path / "tiny").symlink_to(tiny_model)
        assert tunewright("init", "train.csv", "--model", "tiny", "--out", "sub/p.yaml").code == 0
        assert Project.load("sub/p.yaml").config.model == "../tiny", "from the project's folder"
        ended = tunewright("init", "train.csv", "--model", "someone/some-model", "--out", "q.yaml")
        assert ended.code == 0
        assert "`allow_network: true` lets the hub be asked" in ended.out


class TestOddLabels:
    def test_half_a_character(self, tunewright: Tunewright, tmp_path: Path) -> None:
        rows = [{"text": text, "label": label} for text, label in make_rows(60)]
        rows += [{"text": "my card", "label": "re\ud800"}] * 40
        train = tmp_path / "train.jsonl"
        train.write_text("\n".join(json.dumps(row) for row in rows))
        ended = tunewright("init", train, "--out", tmp_path)
        assert ended.code == 0
        assert "re\\ud800 (40)" in ended.out
        assert Project.load(tmp_path).config.data.label == "label"
        ended = tunewright("init", train, "--out", tmp_path, "--force", "--json")
        assert ended.json["labels"]["re\ud800"] == 40

    def test_a_file_cut_in_the_middle_of_a_character(
        self, tunewright: Tunewright, tmp_path: Path
    ) -> None:
        train = write_csv(tmp_path / "train.csv", make_rows(60))
        train.write_bytes(train.read_text().rstrip().encode("utf-16")[:-1])
        assert tunewright("init", train, "--out", tmp_path).code == 0
        assert Project.load(tmp_path).config.data.encoding is not None

    def test_controls_and_length(self, tunewright: Tunewright, tmp_path: Path) -> None:
        rows = [
            (f"{text} {n}", f"\x1b[31m{label}") for n, (text, label) in enumerate(make_rows(60))
        ]
        rows += [(f"something {n}", "very long " * 5000) for n in range(20)]
        rows += [(f"other {n}", "a\u2028b\x85c\x9bd") for n in range(90)]
        train = write_csv(tmp_path / "train.csv", rows)
        ended = tunewright("init", train, "--out", tmp_path)
        assert ended.code == 0
        assert not re.search("[\x1b\x85\x9b]", ended.out)
        assert "\\x1b[31mcard" in ended.out
        assert "very long very long" in ended.out
        assert "(50,000 characters)" in ended.out or "(49,999 characters)" in ended.out
        assert len(ended.out) < 3000
        written = (tmp_path / "tunewright.yaml").read_text(encoding="utf-8")
        assert len(written) < 3000
        assert Project.load(tmp_path).config.data.label == "label"

    def test_a_sample_is_told_in_the_first_line_of_check(
        self, tunewright: Tunewright, tmp_path: Path, tiny_model: Path
    ) -> None:
        train = write_csv(tmp_path / "data.csv", make_rows(200))
        ended = tunewright("init", f"{train}#120", "--out", tmp_path, "--model", tiny_model)
        assert ended.code == 0
        first = tunewright("check", tmp_path).out.splitlines()[0]
        assert first.startswith("120 rows read: ")
        assert first.endswith("; 80 of the 200 rows in the files not drawn")


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """A table with a half empty column that is called like a label, a better one, and two ids."""
    path = tmp_path / "tickets.csv"
    lines = ["Ticket-Nr.;Kd.Nr;Anliegen;Kat. Bearbeiter;Status?"]
    for n, (text, label) in enumerate(make_rows(120)):
        lines.append(f"T-{n};K{n % 70};{text};{label};{('', 'erledigt', '', 'offen')[n % 4]}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class TestColumns:
    def test_a_named_label_is_obeyed_in_everything(
        self, tunewright: Tunewright, tmp_path: Path, tickets: Path
    ) -> None:
        arguments = ("init", tickets, "--out", tmp_path, "--force", "--label", "Status?")
        ended = tunewright(*arguments)
        assert "2 labels: erledigt (30), offen (30)" in ended.out
        assert "the label column is 'Status?', as you said" in ended.out
        assert "results are also shown by 'Kat. Bearbeiter', because" in ended.out
        assert "! 60 of 120 rows have no value in 'Status?' and will not be used" in ended.out
        written = (tmp_path / "tunewright.yaml").read_text()
        assert "#   erledigt: what such a text is about" in written
        found = tunewright(*arguments, "--json").json
        assert found["labels"] == {"erledigt": 30, "offen": 30}
        assert (found["label"], found["slices"]) == ("Status?", ["Kat. Bearbeiter"])
        assert "the label column is 'Status?', as you said" in found["assumptions"]
        assert found["doubts"]

    def test_a_named_text_is_obeyed_in_everything(
        self, tunewright: Tunewright, tmp_path: Path, tickets: Path
    ) -> None:
        text = ("--text", "Kat. Bearbeiter", "--text", "Anliegen")
        found = tunewright("init", tickets, "--out", tmp_path, *text, "--json").json
        assert found["text"] == ["Kat. Bearbeiter", "Anliegen"]
        assert found["label"] == "Status?"
        assert found["labels"] == {"erledigt": 30, "offen": 30}
        assert found["slices"] == []
        assert (
            "the text columns are 'Kat. Bearbeiter', 'Anliegen', as you said"
            in (found["assumptions"])
        )

    def test_a_column_that_could_be_the_label_too_is_told(
        self, tunewright: Tunewright, tmp_path: Path, tickets: Path
    ) -> None:
        ended = tunewright("init", tickets, "--out", tmp_path)
        config = Project.load(tmp_path).config.data
        assert config.label == "Kat. Bearbeiter"
        assert "! the label could also be 'Status?' (2 different values, 60 of 120" in ended.out
        assert "`--label COLUMN` chooses another" in ended.out
        assert '# group: "Kd.Nr"' in (tmp_path / "tunewright.yaml").read_text()

    def test_labels_that_all_differ(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = tmp_path / "many.csv"
        rows = [f"this is the text {n},label {n}\n" for n in range(60)]
        train.write_text("text,label\n" + "".join(rows))
        ended = tunewright("init", train, "--out", tmp_path)
        assert ended.code == 3
        assert "field 'label': this column holds no labels to classify by" in ended.err
        assert "60 different values in 60 rows" in ended.err
        assert "give rows of one kind the same label in 'label', several rows to each" in ended.err
        assert "--text COLUMN" not in ended.err
        ended = tunewright("init", train, "--out", tmp_path, "--label", "label")
        assert ended.code == 0
        assert "! 'label' holds 60 different values in 60 rows: free text" in ended.out

    def test_a_header_with_a_name_twice(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = tmp_path / "t.csv"
        train.write_text("text,label,label\n" + "my card is lost,card,x\nthe bill,bill,y\n" * 9)
        ended = tunewright("init", train, "--out", tmp_path)
        assert ended.code == 3
        assert "two columns are called 'label'" in ended.err
        assert not (tmp_path / "tunewright.yaml").exists()


class TestOnANarrowTerminal:
    @pytest.fixture(autouse=True)
    def narrow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tunewright.cli.init.console", Console(width=70, highlight=False))

    def test_assumptions_hang_under_their_mark(
        self, tunewright: Tunewright, tmp_path: Path, tickets: Path
    ) -> None:
        lines = tunewright("init", tickets, "--out", tmp_path).out.splitlines()
        begin = lines.index("Assumed:") + 1
        items = lines[begin : lines.index("", begin)]
        assert any(line.startswith("  ") for line in items)
        assert all(line[:2] in ("· ", "  ") for line in items)
        assert all(len(line) <= 70 for line in items)

    def test_no_command_is_broken(
        self, tunewright: Tunewright, tmp_path: Path, tickets: Path
    ) -> None:
        out = tmp_path / "project.yaml"
        told = tunewright("init", tickets, "--out", out).out
        for step in ("check", "plan", "run"):
            assert f"\n  tunewright {step} {out}\n" in told
