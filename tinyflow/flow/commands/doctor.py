"""`doit doctor`: which tools are here, who needs them, what to do about missing ones; and all faults of recipes."""

from __future__ import annotations

from typing import Any

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.flow import doctor
from tinyflow.flow.commands.command import OwnCommand, refuse
from tinyflow.flow.messages import shown
from tinyflow.flow.planning.recipe_check import checks
from tinyflow.recipes.catalogue import KINDS
from tinyflow.recipes.check import check_all

_MISSING = 3


class Doctor(OwnCommand):
    """Prints one line per tool, and all faults of all recipes."""

    doc_purpose = "which tools are here, what is missing, and whether all recipes are right"
    doc_description = """\
Ends with status 3 where something is missing that benches need, and with 2 where a recipe is wrong.
Example: doit doctor"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print the findings; faults of recipes go to the standard error."""
        del params
        if args:
            raise UsageError(f'doctor takes no "{args[0]}"', hint=f"type {self.bin_name} doctor")
        findings = doctor.inspect(self.loader.catalogue)
        for finding in findings:
            state = finding.state if finding.is_required or finding.state == "ok" else f"{finding.state} (optional)"
            print(f"{finding.name:<24}  {state:<20}  {finding.version or '-':<16}  {finding.needed_by}")
            if finding.state != "ok":
                print(f"{'':<24}    {finding.remedy}")
        status = self._check_recipes()
        return _MISSING if any(finding.is_fault for finding in findings) else status

    def _check_recipes(self) -> int:
        """Validate every recipe and every name in one of another; the exit status."""
        catalogue = self.loader.catalogue
        try:
            check_all(catalogue, self.loader.mirrors, checks)
        except RecipeError as error:
            return refuse(error)
        count = sum(len(catalogue.names(kind)) for kind in KINDS)
        print(f"{'recipes':<24}  {'ok':<20}  {count:<16}  in {', '.join(map(shown, catalogue.folders))}")
        return 0
