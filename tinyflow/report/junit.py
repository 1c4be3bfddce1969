"""JUnit XML for continuous integration: a suite is a test suite, a bench a test case, its metrics properties.

<testsuites><testsuite name="SUITE" tests= failures= errors= skipped= time=>
  <testcase classname="MODEL.BACKEND" name="BENCH" time="seconds of all stages in the session that made it">
    <properties><property name="rom_bytes" value="…"/>… <property name="warning" value="…"/></properties>
    <failure type="mismatch|does_not_fit|timeout|failed" message="REASON"/>  or  <skipped message="REASON"/>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from tinyflow.core import safe_text
from tinyflow.report.rows import NOT_RUN, warnings_of

Row = Mapping[str, Any]


def to_junit(suite: str, rows: Sequence[Row]) -> str:
    """The XML of a suite's reports. One that was not run counts as skipped, any other without a result as failed."""
    cases = [_case(row) for row in rows]
    counts = {
        "tests": str(len(rows)),
        "failures": str(sum(row["status"] not in ("ok", *NOT_RUN) for row in rows)),
        "errors": "0",
        "skipped": str(sum(row["status"] in NOT_RUN for row in rows)),
        "time": f"{sum(map(_seconds, rows)):.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "tinyflow", **counts})
    ElementTree.SubElement(root, "testsuite", {"name": suite, **counts}).extend(cases)
    ElementTree.indent(root)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{safe_text.plain(ElementTree.tostring(root, encoding="unicode"))}\n'
    )


def _case(row: Row) -> ElementTree.Element:
    names = {"classname": f"{row['model']}.{row['backend']}", "name": row["bench"], "time": f"{_seconds(row):.3f}"}
    case = ElementTree.Element("testcase", names)
    if row["metrics"]:
        properties = ElementTree.SubElement(case, "properties")
        for name, value in row["metrics"].items():
            ElementTree.SubElement(properties, "property", {"name": name, "value": repr(value)})
        for warning in warnings_of(row):
            ElementTree.SubElement(properties, "property", {"name": "warning", "value": warning})
    reason = safe_text.plain(row["reason"] or "")
    if row["status"] in NOT_RUN:
        ElementTree.SubElement(case, "skipped", {"message": reason})
    elif row["status"] != "ok":
        ElementTree.SubElement(case, "failure", {"type": row["status"], "message": reason}).text = reason
    return case


def _seconds(row: Row) -> float:
    return sum(float(stage["seconds"]) for stage in row.get("stages", {}).values())
