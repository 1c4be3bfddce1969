"""tinyflow: deploy and compare neural networks on microcontrollers, with every artifact cached by content."""

from importlib import import_module

__version__ = "0.1.0"

# Name → where it is. By name, since all layers import this module, and these are the arrows up: the door for users.
_PLACES = {
    "Project": "flow.api.project",
    **dict.fromkeys(("Row", "Rows", "Samples"), "flow.api.rows"),
    **dict.fromkeys(("Accuracy", "Comparison", "Profile"), "flow.api.answers"),
    "results": "flow.publishing.query",
    "Frame": "report.frame",
    **dict.fromkeys(
        (
            *("TinyflowError", "UsageError", "RecipeError", "ModelError", "ToolError", "DoesNotFit"),
            *("RunError", "Timeout", "CacheError", "ValidationError"),
        ),
        "core.errors",
    ),
}


def __getattr__(name: str) -> object:
    """`tinyflow.Project(…)`, imported when asked for: what only wants the version waits for nothing."""
    if name in _PLACES:
        return getattr(import_module(f"tinyflow.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What programs may use."""
    return sorted([*_PLACES, "__version__"])
