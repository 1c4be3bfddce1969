"""How right a network is, by its outputs and labels: top-1, top-5, area under the ROC curve, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

TOP = 5
_DIGITS = 6


def of_classes(scores: Reals, labels: Labels) -> dict[str, float]:
    """`top1`, `top5` where there are more classes, and `auc` where labels of several classes occur.

    `scores` are [samples, classes]. A class is taken where its score is the largest, of equal ones the first
    (`argmax`, as MLPerf Tiny's runner does). AUC of two classes is that of class 1; of more the mean over classes, each
    against the rest, of those that occur (`roc_auc_score(multi_class="ovr")` of scikit-learn).
    """
    ranks = _ranks(scores, labels)
    found = {"top1": float((ranks == 0).mean())}
    if scores.shape[1] > TOP:
        found["top5"] = float((ranks < TOP).mean())
    present = sorted(set(labels.tolist()))
    if len(present) > 1:
        tested = [1] if scores.shape[1] == 2 else present
        found["auc"] = float(np.mean([auc(scores[:, each], labels == each) for each in tested]))
    return {name: round(value, _DIGITS) for name, value in found.items()}


def _ranks(scores: Reals, labels: Labels) -> Labels:
    """How many classes come before the right one."""
    right = scores[np.arange(len(labels)), labels][:, None]
    before = np.arange(scores.shape[1])[None, :] < labels[:, None]
    ranks: Labels = ((scores > right) | ((scores == right) & before)).sum(axis=1)
    return ranks


def of_anomalies(errors: Reals, labels: Labels) -> dict[str, float]:
    """`auc` of a score that is larger for what is odd; label 1 is odd."""
    return {"auc": round(auc(errors, labels == 1), _DIGITS)} if 0 < labels.sum() < len(labels) else {}


def auc(scores: Reals, is_positive: npt.NDArray[np.bool_]) -> float:
    """The area under the ROC curve: the share of pairs in which the positive one has the larger score, ties half.

    By ranks: U / (m n) of Mann and Whitney, "On a test of whether one of two random variables is stochastically larger
    than the other", 1947; the same as `roc_auc_score` of scikit-learn, which MLPerf Tiny's rules name.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.ravel()]  # from 1; equal ones share the mean of theirs
    positive = int(is_positive.sum())
    negative = len(scores) - positive
    return float((ranks[is_positive].sum() - positive * (positive + 1) / 2) / (positive * negative))


def reconstruction_errors(real: Reals, outputs: Reals) -> Reals:
    """For each sample the mean of squared differences of what went in and what came out, both real values.

    What went in is not rounded to the network's integers: MLPerf Tiny's anomaly detection,
    `benchmark/training/anomaly_detection/03_tflite_test.py`, and its reference submission's `calculate_result`.
    """
    errors: Reals = np.square(real - outputs).mean(axis=1)
    return errors


def of_groups(values: Reals, sizes: Sequence[int]) -> Reals:
    """The mean over the windows of each recording, as MLPerf Tiny takes it; `sizes`: how many windows each has."""
    begins = np.cumsum([0, *sizes[:-1]])
    sums: Reals = np.add.reduceat(values, begins, axis=0)
    means: Reals = sums / np.reshape(sizes, (-1, *(1,) * (values.ndim - 1)))
    return means


def confusion(scores: Reals, labels: Labels) -> Labels:
    """How many samples of each label (rows) were taken for each class (columns)."""
    found = np.zeros((scores.shape[1],) * 2, np.int64)
    np.add.at(found, (labels, scores.argmax(1)), 1)
    return found


def by_class(table: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Of a confusion, for each class: `precision`, TP / (TP + FP); `recall`, TP / (TP + FN); `support`, TP + FN.

    None where there is nothing to divide by. `mistaken_for`: as what else it was taken most, so many `times`.
    """
    columns = [sum(row[index] for row in table) for index in range(len(table))]
    found = []
    for index, row in enumerate(table):
        times, other = max(((count, -other) for other, count in enumerate(row) if other != index), default=(0, 0))
        found.append(
            {
                "precision": round(row[index] / columns[index], _DIGITS) if columns[index] else None,
                "recall": round(row[index] / sum(row), _DIGITS) if sum(row) else None,
                "support": sum(row),
                "mistaken_for": -other if times else None,
                "times": times,
            }
        )
    return found
