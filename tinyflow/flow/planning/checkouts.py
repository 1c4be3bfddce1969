"""The action that fetches a runtime's files, and the folder that they are put into, where plans look for them."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tinyflow.core.action import HOME, Action, Tool
from tinyflow.core.errors import UsageError
from tinyflow.core.execute import Session
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.runtime_files import fetched_folder
from tinyflow.recipes.schema import Runtime

_FILES = "files/"
_TIMEOUT_S = 3600.0


def fetch(catalogue: Catalogue, session: Session, name: str) -> Path:
    """Bring a runtime's files about, and return where they are.

    Raises UsageError for one whose files lie on a disk, RecipeError where what came isn't what its recipe says.
    """
    runtime = catalogue.get(Runtime, name)
    git = runtime.git
    if git is None:
        hint = "give `git: {url: …, rev: …, sha256: …}` in its recipe"
        raise UsageError(f"runtime {name} has nothing to fetch: its files lie on this disk", hint=hint)
    action = Action(
        stage="checkout",
        title=f"checkout {name}",
        function="tinyflow.stages.checkout:checkout",
        outputs=(_FILES,),
        parameters={"url": git.url, "rev": git.rev},
        tools=(Tool("binary", "git", "install git"),),
        timeout_s=_TIMEOUT_S,
        isolated=True,
        place=HOME,  # the user's keys and certificates
    )
    session.bring_about(action)
    found = session.output_digest(action, _FILES).partition(":")[2]
    if found != git.sha256:
        what = f"the files of {git.rev[:12]} have another digest: {found}"
        catalogue.refuse(Runtime, name, ("git", "sha256"), what, "write it there if they are what you want")
    place = fetched_folder(git)
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.parent) as draft:
            session.copy_output(action, _FILES, Path(draft) / "files")
            shutil.move(Path(draft) / "files", place)
    return place
