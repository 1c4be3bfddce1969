"""What a shell may put in place of a half-typed word. A program of its own: `python -m tinyflow.flow.completion LINE`.

It runs at every press of Tab, so it imports nothing but `os` and `sys` and reads folders, never a recipe: names of
recipes are names of files. Hence the rules of `recipes.catalogue` and `flow.project` about folders stand here once
more; a test holds them equal.
"""

import os
import sys

import tinyflow

_GROUPS = ("bench:", "suite:", "report:")
_BARE = ("plan", "explain")  # commands that take names without `bench:`
_ABOUT_BENCHES = ("history", "compare")
_KINDS = ("models", "backends", "targets")


def complete(words: list[str]) -> list[str]:
    """What the last of these words (of a command line, without the program) may become; sorted."""
    *before, word = words or [""]
    if before and before[-1] == "--suite":
        return _matching(names("suites"), word)
    if before and before[-1] == "--model":
        return _matching(names("models"), word)
    group, colon, rest = word.partition(":")
    if colon:
        found = benches(rest) if group == "bench" else names("suites") if group in ("suite", "report") else []
        return _matching([f"{group}:{name}" for name in found], word)
    command = before[0] if before else ""
    if command in _ABOUT_BENCHES or command in _BARE:
        return _matching([*benches(word), *names("suites"), *(_GROUPS if command in _BARE else ())], word)
    if command == "baseline":
        return _matching(names("suites") if len(before) > 1 else ["check", "save"], word)
    if command in ("models", "fetch"):
        return _matching(names("models"), word)
    return _matching(list(_GROUPS), word)


def benches(word: str) -> list[str]:
    """A bench's name with its next part: model, backend, target, feature."""
    if "+" in word:
        head = word[: word.rindex("+") + 1]
        return [head + name for name in names("features")]
    parts = word.split("-")
    if len(parts) > len(_KINDS):
        return []
    head = "".join(f"{part}-" for part in parts[:-1])
    tail = "-" if len(parts) < len(_KINDS) else ""
    return [head + name + tail for name in names(_KINDS[len(parts) - 1])]


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


def _matching(candidates: list[str], word: str) -> list[str]:
    return [candidate for candidate in candidates if candidate.startswith(word)]


if __name__ == "__main__":
    print("\n".join(complete(sys.argv[1:])))
