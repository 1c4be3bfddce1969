"""`python benchmarks/pictures.py` makes the README's pictures anew: a bench's page in Chromium, a trade-off plot.

They show what `doit bench:aww-tvmaotplus-stm32f7+dsp` and `doit plot:best --where 'model=vww'` say, of trained weights.
Look at them: which part of the page is shown is a matter of its length.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

_PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
_BENCH, _SUITE, _NETWORK = "aww-tvmaotplus-stm32f7+dsp", "best", "vww"
_CHROMIUM = ("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
_WINDOW = (1000, 2290)
_SHOWN = (0, 1030, *_WINDOW)  # memory and the network
_COLOURS = 64


def _doit(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "doit", *words], check=True)


def _keep(picture: Path, name: str, box: tuple[int, int, int, int] | None = None) -> None:
    """A picture with few colours takes a quarter of the bytes, and looks the same."""
    _PICTURES.mkdir(exist_ok=True)
    with Image.open(picture) as whole:
        whole.crop(box).convert("RGB").quantize(_COLOURS).save(_PICTURES / name, optimize=True)


def main() -> None:
    """Both."""
    with tempfile.TemporaryDirectory() as folder:
        page, plot = Path(folder, "page.png"), Path(folder, "plot.png")
        _doit(f"bench:{_BENCH}")
        window = f"--window-size={_WINDOW[0]},{_WINDOW[1]}"
        address = Path("build", _BENCH, "report.html").resolve().as_uri()
        subprocess.run([*_CHROMIUM, window, f"--screenshot={page}", address], check=True)
        _keep(page, "page.png", _SHOWN)
        _doit(f"suite:{_SUITE}")
        _doit(f"plot:{_SUITE}", "--where", f"model={_NETWORK}", "--format", "png", "-o", str(plot))
        _keep(plot, "tradeoffs.png")


if __name__ == "__main__":
    main()
