"""`python benchmarks/pictures.py` makes the README's pictures anew: a bench's page in Chromium, a trade-off plot.

They show what `doit bench:aww-tinyc-stm32f7` and `doit plot:best --where 'model=vww'` say, of trained weights.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

_PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
_BENCH, _SUITE, _NETWORK = "aww-tinyc-stm32f7", "best", "vww"
_CHROMIUM = ("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
_WINDOW = (900, 1100)
_COLOURS = 64


def _doit(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "doit", *words], check=True)


def _keep(picture: Path, name: str) -> None:
    """A picture with few colours takes a quarter of the bytes, and looks the same."""
    _PICTURES.mkdir(exist_ok=True)
    with Image.open(picture) as whole:
        whole.convert("RGB").quantize(_COLOURS).save(_PICTURES / name, optimize=True)


def main() -> None:
    """Both."""
    with tempfile.TemporaryDirectory() as folder:
        page, plot = Path(folder, "page.png"), Path(folder, "plot.png")
        _doit(f"bench:{_BENCH}")
        window = f"--window-size={_WINDOW[0]},{_WINDOW[1]}"
        address = Path("build", _BENCH, "report.html").resolve().as_uri()
        subprocess.run([*_CHROMIUM, window, f"--screenshot={page}", address], check=True)
        _keep(page, "page.png")
        _doit(f"suite:{_SUITE}")
        _doit(f"plot:{_SUITE}", "--where", f"model={_NETWORK}", "--format", "png", "-o", str(plot))
        _keep(plot, "tradeoffs.png")


if __name__ == "__main__":
    main()
