"""A suite's page: its size, the time to make it, and the time until a browser lets it be sorted.

`python benchmarks/page.py [--rows 100]` in a project where benches have run: their documents are taken as they are, and
again with other names and numbers until there are so many rows. The browser is Debian's Chromium, where there is one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyflow.recipes.schema import Suite
from tinyflow.report.documents import BenchDocuments, read_documents
from tinyflow.report.html.page import suite_page

_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
_LOADS = 5
# From the start of the navigation to the end of the page's script, which stands last.
_INTERACTIVE_MS = "return performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart"
_SORT_MS = """\
const begin = performance.now();
document.querySelector('#results thead th:nth-child(3) button').click();
document.body.offsetHeight;
return performance.now() - begin"""


def rows(build: Path, count: int) -> list[BenchDocuments]:
    """So many benches with all documents."""
    known = [bench for path in sorted(build.glob("*/report.json")) if (bench := read_documents(path.parent))]
    known = [bench for bench in known if bench.report["status"] == "ok"]
    if not known:
        raise SystemExit(f"no bench has run in {build}: doit suite:mlperf_tiny")
    return [varied(known[index % len(known)], index // len(known)) for index in range(count)]


def varied(bench: BenchDocuments, times: int) -> BenchDocuments:
    """The same bench as another compiler might have made it: no count and no size of code is as before."""
    if not times:
        return bench

    def moved(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: moved(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [moved(item, name) for item in value]
        grows = name in ("instructions", "invoke_instructions") or (name == "bytes" and value and value % 4 == 0)
        return value + 4 * times if grows and isinstance(value, int) else value

    report = bench.report | {
        "bench": f"{bench.report['bench']}+again.{times}",
        "features": bench.report["features"] | {"again": str(times)},
        "metrics": {name: value + times for name, value in bench.report["metrics"].items()},
    }
    return replace(bench, report=report, sizes=moved(bench.sizes), run=moved(bench.run))


def browse(page: Path) -> None:
    """Time opening and sorting."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        print("no chromium or chromedriver: apt-get install chromium chromium-driver")
        return
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in _FLAGS:
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    opened, sorted_ms = [], []
    for _ in range(_LOADS):
        chrome.get(page.as_uri())
        opened.append(chrome.execute_script(_INTERACTIVE_MS))
        sorted_ms.append(chrome.execute_script(_SORT_MS))
    chrome.quit()
    print(f"interactive after {statistics.median(opened):.0f} ms (most {max(opened):.0f}), of {_LOADS} loads")
    print(f"sorted within {statistics.median(sorted_ms):.0f} ms")


def main() -> None:
    """Make the page, tell its figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100)
    options.add_argument("--build", type=Path, default=Path("build"))
    options.add_argument("--keep", type=Path, help="write the page here")
    given = options.parse_args()
    benches = rows(given.build, given.rows)
    suite = Suite(name="benchmark", description="of this benchmark", include=("a-b-c",))
    started = time.perf_counter()
    text = suite_page(suite, benches, fingerprint="sha256:" + "0" * 64)
    seconds = time.perf_counter() - started
    cut = text.count("are left out to keep this file small")
    documents = sum(len(json.dumps(vars(bench))) for bench in benches)
    print(f"{len(benches)} rows: {len(text.encode()):,} bytes from {documents:,} of documents, made in {seconds:.2f} s")
    print(f"{len(benches) - cut} rows have their maps and profile")
    with tempfile.TemporaryDirectory() as folder:
        page = given.keep or Path(folder) / "report.html"
        page.write_text(text, encoding="utf-8")
        browse(page.resolve())


if __name__ == "__main__":
    main()
