"""tinyflow: deploy and compare neural networks on microcontrollers, with every artifact cached by content."""

from importlib import import_module

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`tinyflow.results(…)`, imported when asked for: what only wants the version waits for nothing."""
    if name == "results":
        # By name, since all layers import this module, and this is the one arrow up: the door for users' scripts.
        return import_module("tinyflow.flow.publishing.query").results
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
