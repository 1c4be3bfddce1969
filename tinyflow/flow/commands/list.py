"""`doit list`: what a person would type."""

from __future__ import annotations

from doit.cmd_list import List as DoitList
from doit.cmd_list import opt_sort

from tinyflow.flow.commands.command import Refusing


class List(Refusing, DoitList):  # type: ignore[misc]  # doit has no types
    """doit's list; our loader gives it names without planning anything."""

    name = "list"
    doc_purpose = "list suites and known benches"
    doc_description = "Any other model-backend-target[+feature[.value]]… can be run as well.\nExample: doit list"
    cmd_options = (*(o for o in DoitList.cmd_options if o is not opt_sort), {**opt_sort, "default": "definition"})
