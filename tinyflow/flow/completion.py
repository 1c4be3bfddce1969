"""What a shell may put in place of a half-typed word. A program of its own: `python -m tinyflow.flow.completion LINE`.

It runs at every press of Tab, so it imports nothing but `os` and `sys` and reads folders: names of recipes are names of
files. Of features, which are few, it looks for the line of `values:`. Hence the rules of `recipes.catalogue` and
`flow.project` about folders, and of YAML about lists, are repeated here; a test holds them equal.
"""

import os
import sys

import tinyflow
from tinyflow.flow.command_list import (
    ARCHIVES,
    BENCHES,
    COMMANDS,
    GROUPS,
    MODEL_GROUPS,
    NAMES,
    NOTHING,
    RECIPES,
    TASKS,
)

_GROUPS = tuple(f"{group}:" for group in GROUPS)
_KINDS = ("models", "backends", "targets")
_RECIPES = (
    "backend",
    "core",
    "feature",
    "figures",
    "frontend",
    "model",
    "processor",
    "runtime",
    "suite",
    "target",
    "toolchain",
)


def complete(words: list[str]) -> list[str]:
    """What the last of these words (of a command line, without the program) may become; sorted."""
    *before, word = words or [""]
    if before and before[-1] == "--suite":
        return _matching(names("suites"), word)
    if before and before[-1] == "--model":
        return [] if "init" in before else _matching(names("models"), word)  # there it is a file, which shells know
    group, colon, rest = word.partition(":")
    if colon:
        return _matching([f"{group}:{name}" for name in _members(group, rest)], word)
    command = before[0] if before else ""
    takes = COMMANDS.get(command, TASKS)
    if takes == ARCHIVES or (command == "verify" and "/" in word):
        return archives(word)
    if takes in (NAMES, BENCHES):
        found = [*benches(word), *names("suites"), *(_GROUPS[:2] if takes == NAMES else ())]
        return _matching(found, word) + (archives(word) if command == "verify" and word else [])
    if isinstance(takes, tuple) and len(before) == 1:
        return _matching(takes, word)
    if command == "baseline":
        return _matching(names("suites"), word)
    if isinstance(takes, str):
        return _matching(names(takes), word)
    if takes == RECIPES:
        return _matching(_RECIPES, word)
    return [] if takes == NOTHING else _matching(_GROUPS, word)


def _members(group: str, word: str) -> list[str]:
    """What may be behind `group:`."""
    found = (
        benches(word)
        if group in ("bench", "layers", "pareto", "accuracy", "profile", "trace", "plot", "export", "firmware")
        else []
    )
    found += names("suites") if group in ("suite", "report", "plot", "export") else []
    return names("models") if group in MODEL_GROUPS else found


def archives(word: str) -> list[str]:
    """Paths of archives, and of folders on the way to one."""
    head = word[: word.rfind("/") + 1]
    try:
        entries = sorted(os.scandir(head or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    found = [f"{head}{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries if entry.name[0] != "."]
    return _matching([path for path in found if path.endswith((".tar.gz", "/"))], word)


def benches(word: str) -> list[str]:
    """A bench's name with its next part: model, backend, target, feature, value of a feature."""
    if "+" in word:
        before, _, last = word.rpartition("+")
        taken = {feature.partition(".")[0] for feature in before.split("+")[1:]}
        feature, dot, _ = last.partition(".")
        if dot:
            return [f"{before}+{feature}.{value}" for value in values(feature)]
        left = [name for name in names("features") if name not in taken]
        return [f"{before}+{name}{'.' if values(name) else ''}" for name in left]
    parts = word.split("-")
    if len(parts) > len(_KINDS):
        return []
    head = "".join(f"{part}-" for part in parts[:-1])
    tail = "-" if len(parts) < len(_KINDS) else ""
    kind = _KINDS[len(parts) - 1]
    return [head + name + tail for name in names(kind)]


def values(feature: str) -> list[str]:
    """The values that a feature can have, in its recipe's order; none where it takes none."""
    rest = _read("features", feature).partition("\nvalues:")[2]
    flow = rest.partition("]")[0] if rest.lstrip().startswith("[") else ""
    block = [line.lstrip()[1:] for line in rest.splitlines()[1:] if line.lstrip().startswith("- ")]
    words = flow.strip(" [\n").split(",") if flow else block
    return [plain for word in words if (plain := word.strip(" \t\n'\""))]


def _read(kind: str, name: str) -> str:
    """The text of a recipe, behind an end of a line, from the first folder where it can be read."""
    for folder in recipe_folders():
        try:
            with open(os.path.join(folder, kind, f"{name}.yaml"), encoding="utf-8") as file:
                return "\n" + file.read()
        except (OSError, UnicodeDecodeError):
            continue
    return ""


def names(kind: str) -> list[str]:
    """The names of all recipes of a kind, from the folders where the catalogue looks."""
    found = set()
    for folder in recipe_folders():
        try:
            entries = os.listdir(os.path.join(folder, kind))
        except OSError:
            continue
        found |= {entry[: -len(".yaml")] for entry in entries if entry.endswith(".yaml")}
    return sorted(found)


def recipe_folders() -> list[str]:
    """`TINYFLOW_RECIPES`, the project's folder, the built-in ones."""
    folders = [folder for folder in os.environ.get("TINYFLOW_RECIPES", "").split(":") if folder]
    place = os.getcwd()
    while not any(os.path.isdir(os.path.join(place, "recipes", kind)) for kind in (*_KINDS, "suites")):
        if place == os.path.dirname(place):
            break
        place = os.path.dirname(place)
    else:
        folders.append(os.path.join(place, "recipes"))
    package = os.path.dirname(os.path.realpath(tinyflow.__file__ or ""))
    installed = os.path.join(package, "_data")
    return [*folders, os.path.join(installed if os.path.isdir(installed) else os.path.dirname(package), "recipes")]


def _matching(candidates: list[str] | tuple[str, ...], word: str) -> list[str]:
    return [candidate for candidate in candidates if candidate.startswith(word)]


if __name__ == "__main__":
    print("\n".join(complete(sys.argv[1:])))
