"""The way in: `tinyflow`, `python -m tinyflow`, and plain `doit` in a checkout. All else takes longer to import."""

from typing import NoReturn

from tinyflow.flow.early import be_quiet


def program() -> NoReturn:
    """The console script."""
    be_quiet()
    from tinyflow.flow.cli import program as whole

    whole()


def __getattr__(name: str) -> object:
    """The loader that doit asks for, by pyproject.toml."""
    if name != "PluginLoader":
        raise AttributeError(name)
    be_quiet()
    from tinyflow.flow.cli import PluginLoader

    return PluginLoader


if __name__ == "__main__":
    program()
