"""Which rows get variants, and which variants may not be."""

from __future__ import annotations

from collections.abc import Sequence

from tests.datasets import dataset
from tunewright.curate.augment import OPERATIONS, Operation
from tunewright.curate.augment.base import Materials
from tunewright.curate.augment.variants import make_variants


class Fixed(Operation):
    """Gives what a test says for each text."""

    def __init__(self, answers: dict[str, str | None]) -> None:
        super().__init__(Materials(share=0.1))
        self.answers = answers

    def variants(self, texts: Sequence[str], seeds: Sequence[int]) -> list[str | None]:
        return [self.answers.get(text, f"{text} again") for text in texts]


ROWS = [("lost card", "card"), ("pay bill", "bill"), ("my login", "login"), ("dev row", "card")]


def test_rows_of_dev_and_test_get_no_variants() -> None:
    data = dataset(ROWS, ["a test text"], dev=[3])
    made = make_variants(data, {"x": Fixed({})}, 1, 0)
    assert [variant.origin_row for variant in made.rows] == [0, 1, 2]
    assert made.rows[0].inputs["text"] == "lost card again"
    assert made.asked == 3
    assert made.refused == {}


def test_a_variant_is_never_a_dev_or_test_text_or_its_origin() -> None:
    data = dataset(ROWS, ["a test text"], dev=[3])
    answers = {"lost card": "A test text!", "pay bill": "Dev  ROW", "my login": "My login."}
    made = make_variants(data, {"x": Fixed(dict(answers))}, 1, 0)
    assert made.rows == []
    assert made.refused == {"equal to a dev or test row": 2, "equal to its origin": 1}


def test_equal_variants_are_made_once_and_every_wish_is_accounted_for() -> None:
    data = dataset(ROWS, ["a test text"], dev=[3])
    same: dict[str, str | None] = {text: "all the same" for text, _ in ROWS}
    made = make_variants(data, {"x": Fixed(same | {"my login": None})}, 2, 0)
    assert len(made.rows) == 1
    assert made.refused == {"equal to another row": 3, "nothing to change": 2}
    assert made.asked == len(made.rows) + sum(made.refused.values())


def test_operations_take_turns() -> None:
    data = dataset(ROWS, ["t"], dev=[3])
    operations: dict[str, Operation] = {"x": Fixed({}), "y": Fixed({t: t + " y" for t, _ in ROWS})}
    made = make_variants(data, operations, 2, 0)
    by_row = {(variant.origin_row, variant.operation) for variant in made.rows}
    assert by_row == {(row, name) for row in range(3) for name in "xy"}


def test_with_folds_every_row_gets_variants_unlike_all_others() -> None:
    data = dataset(ROWS, ["a test text"], folds=[0, 0, 1, 1])
    made = make_variants(data, {"x": Fixed({"lost card": "pay bill"})}, 1, 0)
    assert [variant.origin_row for variant in made.rows] == [1, 2, 3]
    assert made.refused == {"equal to another row": 1}


def test_the_same_seed_makes_the_same_variants() -> None:
    data = dataset([(f"please help me buy card number {n}", "card") for n in range(20)], ["t"])
    data = dataset(
        [*((i["text"], "ab"[n % 2]) for n, i in enumerate(data.fit.inputs))], ["t"], dev=[19]
    )
    swap = {"swap": OPERATIONS.get("swap")(Materials(share=0.1))}
    assert make_variants(data, swap, 1, 5) == make_variants(data, swap, 1, 5)
    assert make_variants(data, swap, 1, 5) != make_variants(data, swap, 1, 6)
