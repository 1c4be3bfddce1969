"""Accuracy: what firmware, the reference and a float network answered for labelled samples, held against the labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError, ValidationError
from tinyflow.model.plan_document import PlanDocument
from tinyflow.stages.agreement import agreement
from tinyflow.stages.comparison import Tolerance
from tinyflow.stages.run import split

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Reals = npt.NDArray[np.float64]

_MOST_WRONG = 20  # samples that are named
_TAKEN = 1 << 8  # classes up to which a confusion is kept


def accuracy(workspace: Workspace) -> None:
    """Make accuracy.json of labels.json, reference.json, plan.json, `firmware/<part>.bin` and `reference/<part>.bin`.

    `float/<part>.bin` where there is a float network, real.bin for anomalies. Parameters: `task`, `target`,
    `tolerance`. Raises ModelError, and ValidationError where firmware is farther from the reference than it may be.
    """
    labels, described, plan = (
        json.loads(workspace.inputs["labels.json"].read_bytes()),
        json.loads(workspace.inputs["reference.json"].read_bytes()),
        PlanDocument.read(workspace.inputs["plan.json"]),
    )
    contents = {side: _joined(workspace, side) for side in ("float", "reference", "firmware")}
    sides = [side for side, content in contents.items() if content is not None]
    ports, count = described["outputs"], sum(labels["windows"])
    expected, got = (split(contents[side] or b"", ports, count) for side in ("reference", "firmware"))
    apart = _compare(plan, ports, expected, got, labels, workspace.parameters["tolerance"])
    from tinyflow.model import scores

    read = {side: _real(contents[side] or b"", ports, is_float=side == "float") for side in sides}
    import numpy as np

    for side, values in read.items():
        if not np.isfinite(values).all():
            raise ModelError(
                f"outputs of the {side} side are not all finite", hint="such answers are neither right nor wrong"
            )
    task, target = workspace.parameters["task"], workspace.parameters["target"]
    if task == "anomaly":
        given = np.frombuffer(workspace.inputs["real.bin"].read_bytes()).reshape(count, -1)
        if any(values.shape != given.shape for values in read.values()):
            what = f"the network gives {read['firmware'].shape[1]} values of {given.shape[1]}"
            raise ModelError(what, hint="task anomaly takes how far a network's output is from its input")
        read = {side: scores.reconstruction_errors(given, values) for side, values in read.items()}
    read = {side: scores.of_groups(values, labels["windows"]) for side, values in read.items()}
    document = scored(task, read, labels, target)
    document["reference"] = described["reference"]
    document["agreement"] = {**apart, **agreement(ports, expected, got)}
    workspace.write_json("accuracy.json", document, indent=1, allow_nan=False)


def scored(
    task: str, sides: Mapping[str, Reals], labels: Mapping[str, Any], target: float | None = None
) -> dict[str, Any]:
    """Of `firmware` and other sides what they are right in; the confusion is the firmware's."""
    import numpy as np

    from tinyflow.model import scores

    wanted = np.array(labels["labels"], np.int64)
    judge = scores.of_anomalies if task == "anomaly" else scores.of_classes
    if task != "anomaly":
        sides = {side: _of_one(values) for side, values in sides.items()}
    found = {side: judge(values, wanted) for side, values in sides.items()}
    metric = "auc" if task == "anomaly" else "top1"
    document: dict[str, Any] = {
        "schema": 1,
        "task": task,
        "data": labels["name"],
        "samples": len(wanted),
        "of": labels["of"],
        "inferences": sum(labels["windows"]),
        "classes": labels["classes"],
        "sides": found,
    }
    if target is not None:
        got = found["firmware"].get(metric)
        document["target"] = {"metric": metric, "value": target, "is_reached": got is not None and got >= target}
    if task == "anomaly":
        return document
    values = sides["firmware"]
    if values.shape[1] <= _TAKEN:
        document["confusion"] = scores.confusion(values, wanted).tolist()
        document["by_class"] = scores.by_class(document["confusion"])
    taken = values.argmax(1)
    wrong = [index for index in range(len(wanted)) if taken[index] != wanted[index]]
    document["wrong"] = [
        {"sample": labels["names"][index], "label": int(wanted[index]), "taken_for": int(taken[index])}
        for index in wrong[:_MOST_WRONG]
    ]
    return document


def _of_one(values: Reals) -> Reals:
    """A score for each class of a network that has one for class 1 alone."""
    import numpy as np

    return values if values.shape[1] > 1 else np.concatenate([1 - values, values], axis=1)


def _joined(workspace: Workspace, side: str) -> bytes | None:
    names = sorted(
        (name for name in workspace.inputs if name.startswith(f"{side}/")), key=lambda each: (len(each), each)
    )
    return b"".join(workspace.inputs[name].read_bytes() for name in names) if names else None


def _real(content: bytes, ports: Sequence[Mapping[str, Any]], *, is_float: bool) -> Reals:
    """What the first output stands for, [samples, values]."""
    import numpy as np

    port = ports[0]
    if is_float:
        elements = [int(np.prod(each["shape"])) for each in ports]
        real: Reals = np.frombuffer(content, "<f4").astype(np.float64).reshape(-1, sum(elements))[:, : elements[0]]
        return real
    size = sum(each["bytes"] for each in ports)
    table = np.frombuffer(content, np.uint8).reshape(-1, size)[:, : port["bytes"]]
    dtype = np.dtype(port["dtype"]).newbyteorder("<")
    values: Reals = np.ascontiguousarray(table).view(dtype).astype(np.float64)
    if port["scale"] is not None:
        values = (values - port["zero_point"]) * port["scale"]
    return values


def _compare(
    plan: PlanDocument,
    ports: Sequence[Mapping[str, Any]],
    expected: Sequence[Sequence[bytes]],
    got: Sequence[Sequence[bytes]],
    labels: Mapping[str, Any],
    of_recipe: float,
) -> dict[str, Any]:
    """How many samples differ from the reference; ValidationError for the first that is farther than it may be."""
    tolerance, differing = Tolerance(plan, of_recipe), 0
    of_item = [item for item, windows in enumerate(labels["windows"]) for _ in range(windows)]
    largest = [_largest(port, [sample[output] for sample in expected]) for output, port in enumerate(ports)]
    for sample, (wanted, found) in enumerate(zip(expected, got, strict=True)):
        differing += wanted != found
        for output, (one, other) in enumerate(zip(wanted, found, strict=True)):
            scale = plan.outputs[output].scale
            difference = tolerance.largest_difference(one, other, ports[output]["dtype"], scale, largest[output])
            if difference.is_wrong:
                name = labels["names"][of_item[sample]]
                what = f"outputs differ from the reference: sample {name}, output {output}{difference}"
                raise ValidationError(what, hint="`doit bisect-layer` finds the layer for the bench's own samples")
    return {"differing": differing}


def _largest(port: Mapping[str, Any], samples: Sequence[bytes]) -> list[bytes]:
    """Of a float output the sample with the largest value, which decides what a share of it allows."""
    import numpy as np

    if "float" not in port["dtype"] or not samples:
        return []
    values = np.abs(np.array([np.frombuffer(sample, np.dtype(port["dtype"]).newbyteorder("<")) for sample in samples]))
    return [samples[int(np.where(np.isfinite(values), values, 0).max(axis=1).argmax())]]
