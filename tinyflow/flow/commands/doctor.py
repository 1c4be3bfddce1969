"""`doit doctor`: which tools are here, who needs them, and what to do about those that are missing."""

from __future__ import annotations

from typing import Any

from tinyflow.flow import doctor
from tinyflow.flow.commands.refusing import OwnCommand

_MISSING = 3


class Doctor(OwnCommand):
    """Prints one line per tool."""

    name = "doctor"
    doc_purpose = "which tools are here, and what is missing"
    doc_description = "Ends with status 3 where something is missing that benches need.\nExample: doit doctor"

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print the findings."""
        del params, args
        findings = doctor.inspect()
        for finding in findings:
            state = finding.state if finding.is_required or finding.state == "ok" else f"{finding.state} (optional)"
            print(f"{finding.name:<24}  {state:<20}  {finding.version or '-':<16}  {finding.needed_by}")
            if finding.state != "ok":
                print(f"{'':<24}    {finding.remedy}")
        return _MISSING if any(finding.is_fault for finding in findings) else 0
