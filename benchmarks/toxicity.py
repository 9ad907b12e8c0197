"""How well the safety screen tells hateful texts from others, and how often it cries wolf.

    python -m benchmarks.toxicity HATECHECK_CSV [--clean NAME=FILE ...]

HateCheck (Röttger et al. 2021; CC-BY-4.0) is `test_suite_cases.csv` of its authors: 3,728 short
texts in 29 kinds, each built to be hard for one reason. A text counts as found when the screen
calls it hateful of a group, a threat against one, or a slur.

The rules were made while looking at the first half of each kind, in the order of the file; the
result is that of the second half, whose texts nobody looked at. It was scored twice: with the first
word lists recall was 0.56 at a precision of 0.96; the lists were then made longer without looking
at any text of it. Most texts of HateCheck stand there seven times, for seven groups, so that the
halves are cut between texts and hardly ever between groups.

Files of clean text (CSV, JSON lines or JSON) tell how often ordinary texts are marked: every text
in every column is looked at. The false alarms on the first halves and on these files were looked at
while the rules were made, so these rates are those of known ground.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import write_result
from tunewright.audit.desk.toxicity import toxic_spans
from tunewright.evaluate.intervals import wilson


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hatecheck", type=Path)
    parser.add_argument("--clean", action="append", default=[], metavar="NAME=FILE")
    options = parser.parse_args()
    with options.hatecheck.open(encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file))
    seen, unseen = halves(cases)
    clean: dict[str, list[str]] = defaultdict(list)
    for named in options.clean:
        name, _, path = named.partition("=")
        clean[name].extend(texts_of(Path(path)))
    write_result(
        "toxicity",
        {
            "data": {"hatecheck_cases": len(cases), "developed_on": len(seen)},
            "unseen_half": scored(unseen),
            "half_developed_on": scored(seen),
            "clean_texts": {name: false_alarms(texts) for name, texts in clean.items()},
        },
    )


def halves(cases: list[dict[str, str]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The first and the second half of each kind of case."""
    by_kind: dict[str, list[dict[str, str]]] = defaultdict(list)
    for case in cases:
        by_kind[case["functionality"]].append(case)
    first = [case for same in by_kind.values() for case in same[: len(same) // 2]]
    second = [case for same in by_kind.values() for case in same[len(same) // 2 :]]
    return first, second


def is_hateful(text: str) -> bool:
    return any(span.kind == "slur" or span.group for span in toxic_spans(text))


def scored(cases: list[dict[str, str]]) -> dict[str, Any]:
    """Precision, recall and false alarms with 95 % intervals, and the share right of each kind."""
    counts = {"hits": 0, "misses": 0, "false_alarms": 0, "rightly_left": 0}
    right: dict[str, list[bool]] = defaultdict(list)
    for case in cases:
        hateful, found = case["label_gold"] == "hateful", is_hateful(case["test_case"])
        name = ("hits" if found else "misses") if hateful else None
        counts[name or ("false_alarms" if found else "rightly_left")] += 1
        right[case["functionality"]].append(hateful == found)
    hits, misses, false = counts["hits"], counts["misses"], counts["false_alarms"]
    return {
        "cases": len(cases),
        **counts,
        "precision": _share(hits, hits + false),
        "recall": _share(hits, hits + misses),
        "false_alarm_rate": _share(false, false + counts["rightly_left"]),
        "right_by_kind": {
            kind: f"{sum(told)} of {len(told)} ({sum(told) / len(told):.0%})"
            for kind, told in right.items()
        },
    }


def false_alarms(texts: list[str]) -> dict[str, Any]:
    """How many texts are marked, and as what; they are few enough to be read one by one."""
    kinds: dict[str, int] = defaultdict(int)
    marked = 0
    for text in texts:
        found = {span.kind for span in toxic_spans(text)}
        marked += bool(found)
        for kind in found:
            kinds[kind] += 1
    return {"texts": len(texts), "marked": marked, "by_kind": dict(kinds)}


def texts_of(path: Path) -> Iterator[str]:
    """Every text in a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        for row in csv.reader(text.splitlines()):
            yield from row
    elif path.suffix == ".jsonl":
        for line in text.splitlines():
            yield from _strings(json.loads(line))
    else:
        yield from _strings(json.loads(text))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _share(part: int, whole: int) -> dict[str, float]:
    found = wilson(part, whole)
    return {
        "share": round(part / whole, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
    }


if __name__ == "__main__":
    main()
