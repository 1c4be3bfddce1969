"""Top-1, top-5, AUC and classes, each against a computation that is plain and slow."""

from __future__ import annotations

import numpy as np
import pytest

from tinyflow.model import scores


@pytest.mark.parametrize("values", [3, 1000])
def test_auc_is_the_share_of_pairs_in_the_right_order(values: int) -> None:
    """Ties, of which three values make many, count half; whatever the order of the samples is."""
    random = np.random.default_rng(values)
    score, label = random.integers(0, values, 60).astype(float), random.random(60) < 0.3
    pairs = [(odd > normal) + 0.5 * (odd == normal) for odd in score[label] for normal in score[~label]]
    assert scores.auc(score, label) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    assert scores.auc(-score, label) == pytest.approx(1 - sum(pairs) / len(pairs), abs=1e-12)


def test_the_first_of_equal_scores_is_taken() -> None:
    """So top-1 is the confusion's diagonal, however many outputs are equal; top-5 has the five that come first."""
    random = np.random.default_rng(2)
    given, labels = random.integers(0, 4, (200, 9)).astype(float), random.integers(0, 9, 200)
    orders = [sorted(range(9), key=lambda index: (-row[index], index)) for row in given]
    found = scores.of_classes(given, labels)
    assert found["top1"] == np.mean([order[0] == label for order, label in zip(orders, labels, strict=True)])
    assert found["top5"] == np.mean([label in order[:5] for order, label in zip(orders, labels, strict=True)])
    table = scores.confusion(given, labels)
    assert np.trace(table) / 200 == found["top1"] and table.sum(1).tolist() == np.bincount(labels, minlength=9).tolist()
    assert "auc" not in scores.of_classes(given, np.zeros(200, np.int64))


def test_precision_and_recall_of_a_class_that_never_comes() -> None:
    """Nothing is divided by nothing; the most frequent mistake is the first of equal ones."""
    found = scores.by_class([[2, 1, 1], [0, 3, 0], [0, 0, 0]])
    assert [each["precision"] for each in found] == [1.0, 0.75, 0.0]
    assert [each["recall"] for each in found] == [0.5, 1.0, None]
    assert (found[0]["mistaken_for"], found[0]["times"], found[1]["mistaken_for"]) == (1, 1, None)


def test_recordings_count_by_the_mean_over_their_windows() -> None:
    """However many each has."""
    errors = scores.reconstruction_errors(
        np.array([[1.0, 3.0], [0, 0], [2, 2]]), np.array([[0.0, 0.0], [0, 2], [2, 2]])
    )
    assert errors.tolist() == [5.0, 2.0, 0.0]
    assert scores.of_groups(errors, [1, 2]).tolist() == [5.0, 1.0]
    assert scores.of_groups(np.array([[1.0, 2], [3, 4]]), [2]).tolist() == [[2.0, 3.0]]
    assert scores.of_anomalies(np.array([1.0, 0.5]), np.array([1, 0])) == {"auc": 1.0}
    assert scores.of_anomalies(np.array([1.0, 0.5]), np.array([0, 0])) == {}
