"""Files of another framework: converted by a recipe's command, in an environment that only the user makes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests_support import doit

from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow

# A format of our own: the bytes of a `.tflite` in hexadecimal, one half of them beside the file.
RECIPE = """\
description: Hexadecimal digits
command: [python, "{files}/digits.py", "{model}", "{out}"]
files: [digits.py]
beside: ["{stem}.more", "parts/*"]
makes: tflite
"""
SCRIPT = """\
import sys
from pathlib import Path
assert sys.prefix != sys.base_prefix, "not in an environment of its own"
model, out = map(Path, sys.argv[1:])
text = model.read_text() + model.with_suffix(".more").read_text() + (model.parent / "parts" / "last").read_text()
out.write_bytes(bytes.fromhex(text))
"""

ENVIRONMENTS = Path(".cache", "tinyflow", "environments")  # the folder is the home, too


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a frontend and a file for it, and no environment."""
    frontends = tmp_path / "recipes" / "frontends"
    frontends.mkdir(parents=True)
    (frontends / "digits.yaml").write_text(RECIPE)
    (frontends / "digits.py").write_text(SCRIPT)
    text = synthesize({"graph": "toycar", "features": 8, "hidden": 4, "depth": 1}).hex()
    (tmp_path / "parts").mkdir()
    for name, part in (("my-net.digits", text[:400]), ("my-net.more", text[400:500]), ("parts/last", text[500:])):
        (tmp_path / name).write_text(part)
    return tmp_path


def test_a_file_is_converted_in_an_environment_that_the_user_makes(project: Path) -> None:
    """Before, one line says what to type; then it is a model as any. Script and installed packages are in the key."""
    bench = "bench:./my-net.digits-tinyc-stm32f7"
    refused = doit(project, bench)
    assert refused.returncode == 3 and "Traceback" not in refused.stdout + refused.stderr
    assert "`doit fetch frontend:digits` makes it" in refused.stdout
    assert not (project / ENVIRONMENTS).exists()

    made = doit(project, "fetch", "frontend:digits")
    assert made.returncode == 0 and "frontend:digits: 0 packages in " in made.stdout, made.stdout + made.stderr
    done = doit(project, bench)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((project / "build" / "my_net-tinyc-stm32f7" / "report.json").read_bytes())
    assert report["validation"]["result"] == "exact" and report["model"] == "my_net"
    assert "toycar" not in done.stdout and doit(project, "check", "my-net.digits", "-t", "stm32f7").returncode == 0

    script = project / "recipes" / "frontends" / "digits.py"
    script.write_text(SCRIPT + "# edited\n")
    planned = doit(project, "plan", bench).stdout
    assert "digits my_net" in planned, planned
    script.write_text(SCRIPT)
    assert "digits my_net" not in doit(project, bench).stdout
    (contents,) = (project / ENVIRONMENTS).glob("*/contents.txt")
    contents.write_text(contents.read_text() + "another==1.0\n")
    again = doit(project, bench).stdout
    assert re.search("(built|hit) +digits my_net", again), again  # a hit where this test ran before


def test_what_is_wrong_with_a_frontend_is_said_with_its_place(project: Path) -> None:
    """The converter's own words with the recipe's command; a command that leaves nothing; a name of no frontend."""
    assert doit(project, "fetch", "frontend:digits").returncode == 0
    (project / "parts" / "last").write_text("no digits")
    failed = doit(project, "bench:./my-net.digits-tinyc-stm32f7")
    assert failed.returncode == 1
    assert "recipes/frontends/digits.yaml:2:10: python ended with status 1" in failed.stdout, failed.stdout
    assert "ValueError: non-hexadecimal number" in failed.stdout
    (project / "recipes" / "frontends" / "digits.py").write_text("pass\n")
    assert "python left no file in {out}" in doit(project, "bench:./my-net.digits-tinyc-stm32f7").stdout
    unknown = doit(project, "fetch", "frontend:digit")
    assert unknown.returncode != 0 and 'unknown frontend "digit"' in unknown.stdout + unknown.stderr


def test_an_archive_holds_what_was_converted_and_by_what(project: Path) -> None:
    """It is rebuilt from itself alone, by who trusts it: file, what lay beside it, recipe and script."""
    assert doit(project, "fetch", "frontend:digits").returncode == 0
    exported = doit(project, "export:./my-net.digits-tinyc-stm32f7")
    assert exported.returncode == 0, exported.stdout + exported.stderr
    (archive,) = (project / "build").rglob("*.tar.gz")
    verified = doit(project, "verify", "--trust", str(archive))
    assert verified.returncode == 0, verified.stdout + verified.stderr

    other = project / "other"
    frontends = other / "recipes" / "frontends"
    frontends.mkdir(parents=True)
    (frontends / "digits.yaml").write_text(RECIPE)
    (frontends / "digits.py").write_text(SCRIPT)
    imported = doit(other, "import", str(archive), HOME=str(project))
    assert imported.returncode == 0, imported.stdout + imported.stderr
    known = doit(other, "bench:my_net-tinyc-stm32f7", HOME=str(project))
    assert known.returncode == 0 and "built" not in known.stdout, known.stdout + known.stderr
