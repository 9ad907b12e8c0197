"""Planted label noise in Banking77: does `check` find it, and what does `check --measure` buy back?

    python -m benchmarks.label_noise --data FOLDER [--share 0.06] [--recipe probe] [--seeds 5]

FOLDER holds the public data set's `train.csv` and `test.csv` (columns `text`, `category`). Two
kinds of noise are planted in train: another label drawn from all others, and one drawn from the
three labels whose texts are most alike (by tf-idf), which is how people err. Dev rows are drawn
from the same file and are as noisy. Beside what the product measures stands what nobody has in
practice: the same comparison for rows mended with the true labels, on the dev rows whose labels
were left alone. The test set is never opened.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.banking77 import write_rows
from benchmarks.common import write_result
from tunewright import Project
from tunewright.core.files import read_json
from tunewright.experiment.hypothesis import Answered, Arm, Measured, compare_arms
from tunewright.workflow.hypotheses import choose_recipe, question_of, train_arms
from tunewright.workflow.measure import MeasureOptions, measure

KINDS = ("uniform", "confusable")
_NEIGHBOURS = 3
WANTED = {"precision": 0.9, "recall": 0.7}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.06)
    parser.add_argument("--recipe", default="probe", choices=("auto", "top_layers", "probe"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="work here instead of a temporary folder")
    args = parser.parse_args()
    runs = {}
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (args.keep / kind).resolve() if args.keep else Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            options = MeasureOptions(recipe=args.recipe, seeds=args.seeds, checks=("label_errors",))
            runs[kind] = run(folder, args.data, kind, args.share, options)
        write_result(
            f"label-noise-{args.recipe}",
            {"command": " ".join(sys.argv[1:]), "wanted": WANTED, "runs": runs},
        )


def run(
    folder: Path, data: Path, kind: str, share: float, options: MeasureOptions
) -> dict[str, Any]:
    """Plant, check, measure."""
    rows = list(csv.DictReader((data / "train.csv").open(encoding="utf-8")))
    true = [row["category"] for row in rows]
    planted = plant(rows, kind, share)
    write_rows(folder / "train.csv", rows)
    (folder / "tunewright.yaml").write_text(
        f"data: {{train: train.csv, test: '{(data / 'test.csv').resolve()}', text: text, "
        "label: category}\n",
        encoding="utf-8",
    )
    project = Project.load(folder)
    result = measure(project, None, options)
    found = {
        row["row"] - 1
        for finding in read_json(folder / "study" / "data" / "audit.json")["findings"]
        if finding["check"] == "label_errors"
        for row in finding["rows"]
    }
    usable = used_rows(project, len(rows))
    there = planted & usable
    return {
        "planted": len(planted),
        "planted_and_used": len(there),
        "flagged": len(found),
        "precision": round(len(found & there) / max(1, len(found)), 4),
        "recall": round(len(found & there) / len(there), 4),
        "measured": asdict(result) | {"file": "study/data/measure.json"},
        "truth": against_truth(project, planted, true, found, options),
    }


def plant(rows: list[dict[str, str]], kind: str, share: float) -> set[int]:
    """Change the labels of a share of the rows in place; which ones."""
    rng = random.Random(0)
    labels = sorted({row["category"] for row in rows})
    near = neighbours(rows, labels)
    chosen = rng.sample(range(len(rows)), round(share * len(rows)))
    for row in chosen:
        given = rows[row]["category"]
        others = near[given] if kind == "confusable" else [x for x in labels if x != given]
        rows[row]["category"] = rng.choice(others)
    return set(chosen)


def neighbours(rows: list[dict[str, str]], labels: list[str]) -> dict[str, list[str]]:
    """The labels whose texts are most like those of each label."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [" ".join(r["text"] for r in rows if r["category"] == label) for label in labels]
    vectors = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit_transform(texts)
    alike = (vectors @ vectors.T).toarray()
    np.fill_diagonal(alike, -1)
    return {
        label: [labels[other] for other in np.argsort(-alike[place])[:_NEIGHBOURS]]
        for place, label in enumerate(labels)
    }


def used_rows(project: Project, count: int) -> set[int]:
    """Rows of the file that the study learns from or chooses by."""
    with question_of(project, None, in_process=False) as session:
        fit = session.dataset.fit
        return {source.row - 1 for source in fit.sources} & set(range(count))


def against_truth(
    project: Project, planted: set[int], true: list[str], found: set[int], options: MeasureOptions
) -> dict[str, Any]:
    """What is measured on dev rows with their true labels, and what perfect mending would bring."""
    with question_of(project, None, in_process=False) as session:
        dataset = session.dataset
        number = {label: index for index, label in enumerate(dataset.labels)}
        places = [source.row - 1 for source in dataset.fit.sources]
        learned = set(np.concatenate([fit for _, fit, _ in dataset.holdouts]).tolist())
        wrong = [row for row, place in enumerate(places) if place in planted and row in learned]
        flagged = [row for row, place in enumerate(places) if place in found and row in learned]
        arms = [
            Arm(),
            Arm(without=flagged),
            Arm(without=wrong),
            Arm(relabelled={row: number[true[places[row]]] for row in wrong}),
        ]
        recipe, _ = choose_recipe(session, options.recipe, arms, options.seeds)
        base, *others = train_arms(session, recipe, arms, "comparing with the truth")
        kept = np.array([places[row] not in planted for row in dataset.scored_rows])
        names = ("flagged_removed", "planted_removed", "planted_mended")
        return {
            "dev_rows_left_alone": int(kept.sum()),
            **{
                name: effect(compare_arms(other, base, dataset, only=kept))
                for name, other in zip(names, others, strict=True)
            },
            "score_with_noise": share_right(base, dataset.fit.targets[dataset.scored_rows], kept),
        }


def effect(measured: Measured) -> dict[str, float]:
    return {
        "difference": round(measured.difference, 4),
        "low": round(measured.low, 4),
        "high": round(measured.high, 4),
    }


def share_right(answered: Answered, targets: np.ndarray, kept: np.ndarray) -> float:
    return round(float((answered.answers == targets)[:, kept].mean()), 4)


if __name__ == "__main__":
    main()
