"""tinyflow: deploy and compare neural networks on microcontrollers, with every artifact cached by content."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`tinyflow.results(…)`, imported when asked for: what only wants the version waits for nothing."""
    if name == "results":
        from tinyflow.flow.query import results

        return results
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
