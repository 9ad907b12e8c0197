"""Against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from tunewright.evaluate.classification import class_report, confusion_matrix

labels = st.integers(1, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(
            st.tuples(st.integers(0, classes - 1), st.integers(-1, classes - 1)),
            min_size=1,
            max_size=40,
        ),
    )
)


@given(labels)
def test_report_equals_sklearn(sample: tuple[int, list[tuple[int, int]]]) -> None:
    classes, pairs = sample
    targets, answers = np.array(pairs).T
    report = class_report(targets, answers, classes)

    # -1 is no class: the labels are those that occur, without it.
    occurring = sorted((set(targets) | set(answers)) - {-1})
    for name, averages in (("macro", report.macro), ("weighted", report.weighted)):
        expected = sklearn_metrics.precision_recall_fscore_support(
            targets, answers, labels=occurring, average=name, zero_division=0
        )
        found = (averages.precision, averages.recall, averages.f1)
        assert found == pytest.approx(expected[:3])
    table = sklearn_metrics.precision_recall_fscore_support(
        targets, answers, labels=range(classes), zero_division=0
    )
    for row, *expected_row in zip(report.rows, *table, strict=True):
        assert (row.precision, row.recall, row.f1, row.support) == pytest.approx(expected_row)
        assert row.predicted == int((answers == row.label).sum())
    assert report.accuracy == pytest.approx(sklearn_metrics.accuracy_score(targets, answers))
    assert report.no_answer == int((answers == -1).sum())
    assert report.items == len(pairs)


def test_without_missing_answers_the_averages_are_sklearns_defaults() -> None:
    rng = np.random.default_rng(0)
    targets, answers = rng.integers(0, 5, 200), rng.integers(0, 7, 200)
    report = class_report(targets, answers, classes=9)
    macro = sklearn_metrics.f1_score(targets, answers, average="macro")
    weighted = sklearn_metrics.f1_score(targets, answers, average="weighted")
    assert report.macro.f1 == pytest.approx(macro)
    assert report.weighted.f1 == pytest.approx(weighted)
    assert np.array_equal(
        report.confusion, sklearn_metrics.confusion_matrix(targets, answers, labels=range(9))
    )


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_balanced_accuracy_equals_sklearn() -> None:
    rng = np.random.default_rng(1)
    targets, answers = rng.integers(0, 4, 60), rng.integers(-1, 5, 60)
    expected = sklearn_metrics.balanced_accuracy_score(targets, answers)
    assert class_report(targets, answers, 6).balanced_accuracy == pytest.approx(expected)


def test_no_answer_is_wrong_and_counted_by_class() -> None:
    report = class_report([0, 0, 1], [0, -1, -1], classes=2)
    assert report.accuracy == pytest.approx(1 / 3)
    assert report.no_answer_by_class.tolist() == [1, 1]
    assert report.confusion.tolist() == [[1, 0], [0, 0]]
    assert report.rows[0].precision == 1.0
    assert report.rows[0].recall == 0.5


def test_nothing_answered_gives_zeros() -> None:
    report = class_report([0, 1], [-1, -1], classes=2)
    assert report.macro.f1 == report.weighted.f1 == report.accuracy == 0.0


def test_empty_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        confusion_matrix([], [], classes=2)
