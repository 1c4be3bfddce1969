"""What this is called where packages come from, and what to type for more of it.

The name `tinyflow` belongs to somebody else there: only the import, the command and the folder have it.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import tinyflow

NAME = "tinyflow-mcu"


def pip_install(extra: str) -> str:
    """The command that adds an extra (`onnx`) to this very installation: of a checkout, a file, the index."""
    source = _source()
    if source is None:
        return f"pip install '{NAME}[{extra}]'"
    if isinstance(source, str):
        return f"pip install '{NAME}[{extra}] @ {source}'"
    if not source.is_dir():
        return f"pip install '{source}[{extra}]'"
    place = "." if source == Path.cwd() else source
    return f"pip install -e '{place}[{extra}]'"


def _source() -> Path | str | None:
    """What was installed, as PEP 610 records it: a folder, a file or an address; None for the index."""
    from importlib.metadata import PackageNotFoundError, distribution

    checkout = Path(tinyflow.__file__ or "").resolve().parents[1]
    is_checkout = _is_ours(checkout / "pyproject.toml")  # also where PYTHONPATH leads here, and nothing was installed
    try:
        text = distribution(NAME).read_text("direct_url.json")
        document = json.loads(text) if text else {}
        url = urlsplit(document.get("url", ""))
        if is_checkout or not url.scheme:
            return checkout if is_checkout else None
        path = Path(unquote(url.path))
        if url.scheme == "file":
            return path if path.exists() else None
        version = document.get("vcs_info", {})
        commit = f"@{version['commit_id']}" if "commit_id" in version else ""
        return f"{version['vcs']}+{url.geturl()}{commit}" if version else str(url.geturl())
    except (PackageNotFoundError, ValueError, AttributeError, KeyError):
        return checkout if is_checkout else None


def _is_ours(project: Path) -> bool:
    """Whether this is the file that says how we are installed."""
    return project.is_file() and f'name = "{NAME}"' in project.read_text(encoding="utf-8", errors="replace")
