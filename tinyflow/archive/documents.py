"""What an archive says to readers: README, licences, and the provenance as an in-toto statement (SLSA v1).

Nothing here says when or where: the same content gives the same words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from tinyflow.core.distribution import NAME

_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
# What `externalParameters` and `resolvedDependencies` mean: docs/archives.md.
_BUILD_TYPE = "urn:tinyflow:export:1"
_ABSENT = "absent"  # an optional tool that was not there

Document = dict[str, Any]


def statement(
    name: str,
    benches: Sequence[str],
    artifacts: Mapping[str, str],
    sources: Mapping[str, str],
    tools: Mapping[str, str],
    tinyflow: str,
) -> Document:
    """The provenance of artifacts (path → digest), made from sources (path → digest) with tools (name → identity)."""
    return {
        "_type": _STATEMENT,
        "subject": [_resource(path, artifacts[path]) for path in sorted(artifacts)],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"export": name, "benches": list(benches)},
                "resolvedDependencies": [
                    *(_resource(path, sources[path]) for path in sorted(sources)),
                    *(_tool(tool, identity) for tool, identity in sorted(tools.items()) if identity != _ABSENT),
                ],
            },
            "runDetails": {"builder": {"id": f"pkg:pypi/{NAME}@{tinyflow}", "version": {"tinyflow": tinyflow}}},
        },
    }


def _resource(path: str, digest: str) -> Document:
    return {"name": path, "digest": {"sha256": digest.removeprefix("sha256:")}}


def _tool(name: str, identity: str) -> Document:
    """A Python package by its version; a program by its digest and what it says of itself."""
    if identity.startswith("sha256:"):
        digest, _, version = identity.partition(" ")
        return {**_resource(name, digest), "annotations": {"version": version}}
    return {"name": name, "uri": f"pkg:pypi/{name}@{identity}"}


def readme(
    name: str, benches: Mapping[str, Mapping[str, str]], tools: Mapping[str, str], tinyflow: str, has_mirror: bool
) -> str:
    """How to look into it, check and rebuild it. `benches`: name → output → file; `has_mirror`: `models/` is there."""
    mirror = "TINYFLOW_MIRRORS=$PWD/models " if has_mirror else ""
    rows = [f"- `{bench}`: {', '.join(f'`{path}`' for path in found.values())}" for bench, found in benches.items()]
    lines = [f"{tool} {_short(identity)}" for tool, identity in sorted(tools.items())]
    first = next(iter(benches))
    return f"""\
# {name}

Made by `tinyflow export:{name}`, tinyflow {tinyflow}. Each content is here once: where two actions made the same bytes,
or gave on what they were given, it lies where it was first. `actions.json` names every output by its digest,
`manifest.sha256` every file.

{_lines(rows)}

| file | what it is |
| --- | --- |
| `artifacts/<stage>/<action>/` | what actions made: reference outputs, C, objects, libraries, firmware, map, results |
| `models/`, `recipes/`, `templates/`, `sources/` | what it was made from (a model made from code: `artifacts/fetch/`) |
| `actions.json` | every action with the text of its key: parameters, tools, digests of inputs; digests of outputs |
| `provenance.json` | an in-toto statement with SLSA v1 provenance: the artifacts, and what they were made from |
| `manifest.sha256` | `sha256sum -c manifest.sha256` checks all files without tinyflow |
| `LICENSES.md` | what is under which licence |

A file `<name>.listing` says which files an output folder `<name>/` has: a digest and a path a line. Times that were
measured on somebody's machine are left out (`timing.json` is empty): they would make each archive another one.

## Check and rebuild

    tinyflow verify {name}.tar.gz      # every digest; then rebuilds it from this archive alone and compares each byte
    tinyflow import {name}.tar.gz      # into the cache: the benches are up to date, nothing runs

Recipes and sources that are not tinyflow's own can run anything: `verify` asks for `--trust` before it follows them.
By hand, in the unpacked folder, with an empty cache:

    {mirror}TINYFLOW_CACHE=$PWD/cache tinyflow bench:{first}

The same bytes need the same tools:

{_lines(f"    {line}" for line in (f"tinyflow {tinyflow}", *lines))}
"""


def _short(identity: str) -> str:
    return identity.partition(" ")[2] if identity.startswith("sha256:") else identity


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(texts)


def licences(files: Collection[str]) -> str:
    """Which parts are under which licence, as far as tinyflow knows."""
    terms = {
        "recipes/": "tinyflow's: Apache-2.0; a user's, and models that lie there: their own",
        "templates/": "Apache-2.0 (tinyflow)",
        "sources/": "Apache-2.0 (tinyflow)",
        "models/": "the model's own licence, and that of its samples; tinyflow does not know it",
        "artifacts/generate/": "code: Apache-2.0 (tinyflow, Apache TVM); the weights in it: as the model",
        "artifacts/archive/builtins-*": "the compiler's support library: zig's compiler_rt: MIT, parts after LLVM's "
        "and musl's",
        "artifacts/link/": "firmware: all of the above that it was linked from; with gcc also libgcc (GPL-3.0 with the "
        "GCC Runtime Library Exception) and the C library (newlib or picolibc: BSD and others)",
        "artifacts/": "code made from `recipes/` and `sources/`: Apache-2.0; data made from the model: as it",
    }
    table = _lines(
        f"| {'other ' if place == 'artifacts/' else ''}`{place}` | {text} |"
        for place, text in terms.items()
        if any(path.startswith(place.rstrip("-*")) for path in files)
    )
    return f"""\
# Licences

This note says what comes from where. It gives no permission that the owners have not given.

| what | licence |
| --- | --- |
{table}

Apache-2.0: https://www.apache.org/licenses/LICENSE-2.0. The recipe of a model names where its file comes from (`urls`).
"""
