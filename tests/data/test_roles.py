from __future__ import annotations

from collections.abc import Sequence

import pytest

from tunewright.data.profiles import profile
from tunewright.data.roles import Roles, propose_roles

TEXTS = [f"a rather long text number {n} about something" for n in range(40)]
LABELS = ["good", "bad"] * 20
NUMBERS = ["1", "0"] * 20
IDS = [str(n) for n in range(40)]


def roles(**values: Sequence[str | None]) -> Roles:
    return propose_roles([profile(name, column) for name, column in values.items()], values)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("text", "label"),
        ("sentence", "intent"),
        ("review", "sentiment"),
        ("body", "category"),
        ("question", "class"),
        ("input", "output"),
        ("prompt", "completion"),
        ("tweet", "y"),
    ],
)
def test_names_that_people_give(text: str, label: str) -> None:
    for values in ({text: TEXTS, label: LABELS}, {label: LABELS, "id": IDS, text: TEXTS}):
        found = roles(**values)
        assert (found.text, found.label) == ((text,), label)
        assert any(f"the text column is '{text}', because of its name" in r for r in found.reasons)
        assert any(f"the label column is '{label}'" in reason for reason in found.reasons)


def test_the_most_telling_name_wins() -> None:
    longer = [text * 3 for text in TEXTS]
    found = roles(description=longer, text=TEXTS, status=LABELS, label=["a", "b", "c", "d"] * 10)
    assert (found.text, found.label) == (("text",), "label")


def test_content_decides_where_names_do_not() -> None:
    found = roles(v1=LABELS, v2=TEXTS)
    assert (found.text, found.label) == (("v2",), "v1")
    assert any("40 different, 44 characters on average" in reason for reason in found.reasons)
    assert any("its 2 different values repeat" in reason for reason in found.reasons)


def test_a_name_for_labels_speaks_against_text() -> None:
    found = roles(v1=TEXTS, completion=[text * 3 for text in TEXTS])
    assert (found.text, found.label) == (("v1",), "completion")


def test_content_contradicts_a_name() -> None:
    found = roles(comment=["yes", "no"] * 20, other=TEXTS)
    assert found.text == ("other",)
    assert found.label == "comment"


def test_other_possible_labels_are_named() -> None:
    found = roles(v1=["x", "y", "z", "x"] * 10, v2=TEXTS, v3=LABELS)
    assert found.label == "v3"
    assert any("could also be 'v1'" in reason for reason in found.reasons)


def test_columns_that_belong_together() -> None:
    found = roles(title=[f"title {n}" for n in range(40)], body=TEXTS, label=LABELS)
    assert found.text == ("title", "body")
    found = roles(premise=TEXTS, hypothesis=[t + "!" for t in TEXTS], label=LABELS)
    assert found.text == ("premise", "hypothesis")


def test_a_label_in_words_goes_before_its_number() -> None:
    found = roles(text=TEXTS, label=NUMBERS, label_text=LABELS)
    assert found.label == "label_text"
    assert any("says in words what 'label' says in numbers" in r for r in found.reasons)
    assert found.slices == ()


def test_a_label_by_name_may_be_no_class() -> None:
    answers = [f"answer number {n}" for n in range(40)]
    assert roles(question=TEXTS, answer=answers).label == "answer"
    assert roles(question=TEXTS, answer=answers, type=LABELS).label == "type"


@pytest.mark.parametrize(
    "name", ["group", "customer_id", "userId", "thread", "conversation_id", "PatientID", "Session"]
)
def test_groups_are_proposed_by_name(name: str) -> None:
    people = [f"p{n // 4}" for n in range(40)]
    found = roles(text=TEXTS, label=LABELS, **{name: people})
    assert found.group == name
    assert any(f"equal '{name}' may belong together" in reason for reason in found.reasons)


def test_groups_need_a_name_and_repeated_values() -> None:
    people = [f"p{n // 4}" for n in range(40)]
    assert roles(text=TEXTS, label=LABELS, who=people).group is None
    assert roles(text=TEXTS, label=LABELS, user=[f"p{n}" for n in range(40)]).group is None
    assert roles(text=TEXTS, label=LABELS, user=["same"] * 40).group is None
    assert roles(text=TEXTS, label=LABELS, customer_type=["new", "old"] * 20).group is None


def test_slices_have_few_values_and_no_other_use() -> None:
    found = roles(
        text=TEXTS,
        label=LABELS,
        channel=["web", "mail", "mail", "phone"] * 10,
        split=["train"] * 30 + ["test"] * 10,
        id=IDS,
        number=NUMBERS,
        shop=[f"shop {n % 30}" for n in range(40)],
    )
    assert found.slices == ("channel",)


def test_nothing_usable_is_said() -> None:
    found = roles(id=IDS)
    assert (found.text, found.label) == ((), None)
    assert found.reasons == [
        "no column holds text",
        "no column looks like a label: none has values that repeat",
    ]
    found = roles(a=TEXTS, b=[t + "?" for t in TEXTS], c=[t + "!" for t in TEXTS])
    assert found.label is None
