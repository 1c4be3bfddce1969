"""Other machines than a developer's: containers are set up as the README says, pip asks for wheels that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[2]
LINUX, MAC = {"sys_platform": "linux"}, {"sys_platform": "darwin"}


def test_containers_run_the_commands_of_the_readme() -> None:
    """Both of them, and nothing else that needs a network."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8").partition("set up,")
    lines = [*text[0].splitlines()[-1:], *text[2].splitlines()[1:2]]
    commands = [line.partition("  # ")[0].strip() for line in lines]
    assert len(commands) == 2
    docker = re.findall(r"^RUN (.*)", (CHECKOUT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert docker == ["useradd --create-home user", *commands]
    editor = json.loads((CHECKOUT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert editor["postCreateCommand"] == " && ".join(commands)


def test_only_linux_on_x86_64_is_asked_for_the_wheel_of_tflm() -> None:
    """No other has one: `pip install` would end there."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no reader of TOML")
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (needed,) = [one for one in map(Requirement, project["dependencies"]) if one.name == "tflite-micro"]
    assert needed.marker is not None
    machines = [(LINUX, "x86_64"), (LINUX, "aarch64"), (MAC, "arm64"), (MAC, "x86_64")]
    asked = [needed.marker.evaluate({**system, "platform_machine": name}) for system, name in machines]
    assert asked == [True, False, False, False]
