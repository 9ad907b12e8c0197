from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tunewright.data.profiles import profile
from tunewright.data.roles import Named, Roles, propose_roles

TEXTS = [f"a rather long text number {n} about something" for n in range(40)]
LABELS = ["good", "bad"] * 20
NUMBERS = ["1", "0"] * 20
IDS = [str(n) for n in range(40)]


def roles(**values: Sequence[str | None]) -> Roles:
    return named(Named(), values)


def named(what: Named, values: Mapping[str, Sequence[str | None]]) -> Roles:
    return propose_roles([profile(name, column) for name, column in values.items()], values, what)


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
    (doubt,) = found.doubts
    assert "could also be 'v1' (3 different values, 40 of 40 rows filled)" in doubt
    assert "`--label COLUMN`" in doubt


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


def test_a_number_of_the_row_is_no_group() -> None:
    tickets = [f"T-{n}" for n in range(39)] + ["T-38"]
    customers = [f"K{n % 25}" for n in range(40)]
    found = roles(text=TEXTS, label=LABELS, **{"Ticket-Nr.": tickets, "Kd.Nr": customers})
    assert found.group == "Kd.Nr"
    assert any("'Kd.Nr' may belong together (25 different in 40 rows)" in r for r in found.reasons)
    assert roles(text=TEXTS, label=LABELS, **{"Ticket-Nr.": tickets}).group is None


@pytest.mark.parametrize("name", ["order id", "Kundennummer", "contract_no", "AuftragsNr"])
def test_a_number_that_rows_share_is_a_group(name: str) -> None:
    shared = [str(n % 25) for n in range(40)]
    assert roles(text=TEXTS, label=LABELS, **{name: shared}).group == name


@pytest.mark.parametrize("name", ["label id", "id", "row number"])
def test_other_numbers_are_none(name: str) -> None:
    shared = [str(n % 25) for n in range(40)]
    assert roles(text=TEXTS, label=LABELS, **{name: shared}).group is None


HALF = [value if n < 19 else "" for n, value in enumerate(["open", "done"] * 20)]
KINDS = ["bill", "card", "login", "app"] * 10


def test_a_full_column_goes_before_one_that_is_half_empty() -> None:
    found = roles(text=TEXTS, **{"Kat. Bearbeiter": KINDS, "Status?": HALF})
    assert found.label == "Kat. Bearbeiter"
    assert any(
        "40 of 40 rows have one, while 'Status?' has one in 19 only" in r for r in found.reasons
    )
    (doubt,) = found.doubts
    assert "could also be 'Status?' (2 different values, 19 of 40 rows filled)" in doubt


def test_a_name_that_is_only_for_labels_may_be_half_empty() -> None:
    """Rows that nobody has labelled yet are no reason to take another column."""
    found = roles(text=TEXTS, channel=KINDS, label=HALF)
    assert found.label == "label"
    assert any("'channel'" in doubt for doubt in found.doubts)
    assert "21 of 40 rows have no value in 'label' and will not be used" in found.doubts


def test_a_half_empty_column_is_better_than_none() -> None:
    assert roles(text=TEXTS, status=HALF).label == "status"
    assert roles(text=TEXTS, v1=HALF).label == "v1"


def test_a_clear_label_raises_no_doubt() -> None:
    assert roles(text=TEXTS, intent=LABELS, channel=KINDS).doubts == []
    (doubt,) = roles(text=TEXTS, intent=LABELS, category=KINDS).doubts
    assert "could also be 'intent'" in doubt
    assert roles(text=TEXTS, label=NUMBERS, label_text=LABELS).doubts == []


def test_dates_are_no_labels() -> None:
    dates = [f"{n % 20 + 1:02}.{n // 40 + 1:02}.2025" for n in range(200)]
    texts = [f"a rather long text number {n} about something" for n in range(200)]
    found = roles(text=texts, kind=KINDS * 5, arrived=dates)
    assert (found.label, found.slices) == ("kind", ())


def test_columns_that_the_person_named_are_obeyed() -> None:
    values = {"text": TEXTS, "other": [t + "!" for t in TEXTS], "label": LABELS, "kind": KINDS}
    found = named(Named(text=("other",), label="kind"), values)
    assert (found.text, found.label, found.slices) == (("other",), "kind", ("label",))
    assert found.reasons[:2] == [
        "the text column is 'other', as you said",
        "the label column is 'kind', as you said",
    ]
    assert found.doubts == []
    found = named(Named(label="kind"), values)
    assert (found.text, found.label) == (("text",), "kind")
    found = named(Named(text=("label",)), values)
    assert found.label == "kind"
    found = named(Named(label="half"), {**values, "half": HALF})
    assert found.doubts == ["21 of 40 rows have no value in 'half' and will not be used"]


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
