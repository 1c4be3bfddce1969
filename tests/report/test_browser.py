"""Pages in a real browser: they sort, filter and open, log no error and ask nobody for anything."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_documents import failed, good, many, suite

from tinyflow.recipes.schema import Published
from tinyflow.report.frame import frame_of
from tinyflow.report.html.page import bench_page, suite_page
from tinyflow.report.metrics import BY_NAME

pytestmark = pytest.mark.slow
PRINT = "sha256:" + "0" * 64
REMOVED = {
    "before": {"macs": 900, "weights_bytes": 9000, "peak_live_bytes": 1, "operators": 2, "tensors": 3},
    "after": {"macs": 300, "weights_bytes": 3000, "peak_live_bytes": 1, "operators": 2, "tensors": 3},
    "operators": [],
    "channels": [
        {"operator": 3, "name": "CONV_2D", "channels": 64, "kept": 3, "removed": {f"always {i}": [i] for i in range(9)}}
    ],
}
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium without a window, which tells what it logs and requests."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install -e '.[test]'")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no chromium or chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.set_window_size(1400, 1000)
    yield chrome
    chrome.quit()


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Any:
    """A page of a hundred benches, one of them failed, opened from disk."""
    path = tmp_path / "report.html"
    path.write_text(suite_page(suite("hundred"), [*many(99), failed("net3", "one", "chipx")], fingerprint=PRINT))
    started = time.monotonic()
    browser.get(path.as_uri())
    browser.seconds = time.monotonic() - started
    return browser


def visible(browser: Any) -> list[str]:
    """The benches in the table, from the top."""
    rows = "[...document.querySelectorAll('#results tbody tr')].filter(row => !row.hidden)"
    return list(browser.execute_script(f"return {rows}.map(row => row.cells[0].innerText)"))


def click_heading(browser: Any, text: str) -> None:
    """Click the heading of a column."""
    browser.find_element("xpath", f"//table[@id='results']//th/button[normalize-space()='{text}']").click()


def test_a_hundred_rows_are_there_within_a_second(shown: Any) -> None:
    """From opening the file to a table that answers; a busy machine may need longer."""
    assert len(visible(shown)) == 100
    assert shown.seconds < 3


def test_numbers_sort_as_numbers_and_what_is_missing_comes_last(shown: Any) -> None:
    """Up on the first click, down on the second; a failed bench is last both times."""
    click_heading(shown, "ROM")
    keys = shown.execute_script(
        "return [...document.querySelectorAll('#results tbody tr')].map(r => r.cells[4].dataset.key)"
    )
    assert keys[-1] == ""
    assert [float(key) for key in keys[:-1]] == sorted(float(key) for key in keys[:-1])
    first = visible(shown)[0]
    click_heading(shown, "ROM")
    assert visible(shown)[-2] == first
    assert visible(shown)[-1] == "net3-one-chipx"


def test_names_sort_as_texts(shown: Any) -> None:
    """The heading says in which direction, for those who can't see it."""
    click_heading(shown, "bench")
    assert visible(shown) == sorted(visible(shown))
    assert shown.execute_script("return document.querySelector('#results th').ariaSort") == "ascending"


def test_the_filter_wants_every_word(shown: Any) -> None:
    """Words in any order; the count is told; nothing typed shows everything."""
    box = shown.find_element("id", "filter")
    box.send_keys("Chip3 net1-")
    assert visible(shown) == ["net1-one-chip3", "net1-two-chip3"]
    assert shown.find_element("id", "shown").text == "2 of 100"
    box.send_keys(" failed")
    assert visible(shown) == []
    box.clear()
    box.send_keys("failed")
    assert visible(shown) == ["net3-one-chipx"]


def test_all_metrics_are_one_click_away(shown: Any) -> None:
    """Columns of little use are hidden at first."""
    cell = shown.find_element("css selector", "#results th.extra")
    assert not cell.is_displayed()
    shown.find_element("id", "extra").click()
    assert cell.is_displayed()


def test_a_bar_leads_to_its_bench_and_opens_it(shown: Any) -> None:
    """What was folded up is unfolded where a link leads to it."""
    part = shown.find_element("id", "bench-net2-two-chip1")
    assert part.get_attribute("open") is None
    shown.execute_script("location.hash = 'bench-net2-two-chip1'")
    time.sleep(0.2)
    assert part.get_attribute("open") is not None
    assert part.find_element("css selector", "svg.arena").is_displayed()


def test_no_error_is_logged_and_nothing_is_requested(shown: Any) -> None:
    """The console stays empty, and the file itself is all that was ever read."""
    click_heading(shown, "RAM")
    assert shown.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in shown.get_log("performance")]
    requested = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert {url.partition(":")[0] for url in requested} <= {"file", "data"}
    assert len([url for url in requested if url.startswith("file:") and not url.endswith("/report.html")]) == 0


def test_it_reads_without_a_script(browser: Any, tmp_path: Path) -> None:
    """With JavaScript off the table and the drawings are there, and the tools that need it are not."""
    path = tmp_path / "report.html"
    path.write_text(suite_page(suite("few"), many(10), fingerprint=PRINT))
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(path.as_uri())
        assert len(browser.find_elements("css selector", "#results tbody tr")) == 10
        assert browser.find_element("css selector", "svg.bars").is_displayed()
        path.write_text(PAGES["bench"])
        browser.get(path.as_uri())
        assert layer_names(browser)[9:11] == ["9 CONV_2D", "10 CONV_2D"]
        assert len([one for one in browser.find_elements("css selector", "svg.net") if one.is_displayed()]) == 3
        assert not browser.find_elements("css selector", ".zoom")
        browser.find_element("css selector", ".block summary").click()
        assert not browser.find_element("css selector", "svg.net").is_displayed()
        path.write_text(suite_page(suite("few"), many(10), fingerprint=PRINT))
        browser.get(path.as_uri())
        assert not browser.find_element("id", "tools").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_map_that_several_benches_share_is_seen_in_each(browser: Any, tmp_path: Path) -> None:
    """It takes the place of its own drawing, in the same colours, with hover texts; without a script as well."""
    path = tmp_path / "report.html"
    path.write_text(
        suite_page(suite("few"), [good("vww", "one", f"chip{index}") for index in range(2)], fingerprint=PRINT)
    )
    browser.get(path.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    sizes = browser.execute_script(
        "const found = [...document.querySelectorAll('svg.arena use, svg.memory use')];"
        "return found.map(one => one.getBoundingClientRect().toJSON())"
    )
    assert len(sizes) == 6
    assert all(size["width"] > 400 and size["height"] > 20 for size in sizes)
    assert "steps 3-4" in browser.execute_script(
        "const shapes = document.querySelector(document.querySelector('svg.arena use').getAttribute('href'));"
        "return shapes.querySelectorAll('rect title')[3].textContent"
    )
    image = browser.find_element("css selector", "svg.arena").screenshot_as_png
    assert len(image) > 3_000  # an empty one of this size has some 700 bytes


@pytest.fixture
def alone(browser: Any, tmp_path: Path) -> Any:
    """The page of one bench."""
    path = tmp_path / "report.html"
    path.write_text(PAGES["bench"])
    browser.get(path.as_uri())
    return browser


def layer_names(browser: Any) -> list[str]:
    """The layers in their table, from the top."""
    rows = "[...document.querySelectorAll('table.described tbody tr')]"
    return list(browser.execute_script(f"return {rows}.map(row => row.cells[0].textContent)"))


def test_layers_sort_by_click_and_by_key(alone: Any) -> None:
    """As numbers, whatever their unit; what belongs to no layer stays at the end; heads say which way they go."""
    counts = "[...document.querySelectorAll('table.described tbody tr')].map(row => row.cells[6].textContent)"
    names = layer_names(alone)
    assert names == [f"{index} CONV_2D" for index in range(30)]
    head = alone.find_element("xpath", "//table[contains(@class, 'described')]//th/button[.='instructions']")
    head.click()
    texts = alone.execute_script(f"return {counts}")
    found = [int(text.replace(",", "").replace("÷", "")) for text in texts]
    assert found == sorted(found) and found[0] < found[-1]
    head.send_keys("\ue007")  # Enter
    assert alone.execute_script(f"return {counts}")[0] == texts[-1]
    sorts = "return [...document.querySelectorAll('table.described th')].map(head => head.ariaSort)"
    assert [one for one in alone.execute_script(sorts) if one] == ["descending"]
    alone.find_element("xpath", "//table[contains(@class, 'described')]//th/button[.='layer']").send_keys("\ue00d")
    assert layer_names(alone) == names  # 10 behind 9
    assert "of no layer" in alone.find_element("css selector", "table.described tfoot").text


def test_a_network_is_folded_made_larger_and_moved(alone: Any) -> None:
    """By buttons, keys and the mouse; a layer leads to its line."""
    sheet = alone.find_element("css selector", ".sheet")
    size = "return document.querySelector('.sheet svg').getBoundingClientRect().width"
    before = alone.execute_script(size)
    alone.find_element("xpath", "//div[@class='zoom']/button[.='+']").click()
    assert alone.execute_script(size) == pytest.approx(before * 1.25, rel=0.01)
    sheet.send_keys("++")
    assert alone.execute_script(size) == pytest.approx(before * 1.25**3, rel=0.01)
    place = "const s = document.querySelector('.sheet'); return [s.scrollLeft, s.scrollTop]"
    alone.execute_script("document.querySelector('.sheet').scrollTo(0, 100)")
    moves = alone.execute_script(place)
    actions = pytest.importorskip("selenium.webdriver").ActionChains(alone)
    actions.move_to_element_with_offset(sheet, -300, 0).click_and_hold().move_by_offset(-5, -40).release().perform()
    assert alone.execute_script(place)[1] == moves[1] + 40
    sheet.send_keys("0")
    assert alone.execute_script(size) <= before + 1
    heights = "return [...document.querySelectorAll('.sheet svg')].filter(one => one.checkVisibility()).length"
    assert alone.execute_script(heights) == 3
    alone.find_element("xpath", "//div[@class='zoom']/button[.='fold']").click()
    assert alone.execute_script(heights) == 0
    alone.find_element("css selector", ".block summary").click()
    assert alone.execute_script(heights) == 1
    alone.find_element("css selector", ".sheet a").send_keys("\ue007")
    assert alone.execute_script("return document.querySelector(':target').cells[0].textContent") == "0 CONV_2D"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_what_is_drawn_can_be_read(alone: Any, width: int, scheme: str) -> None:
    """Boxes' texts end within them and stand out from what they are on, by light and dark, on a phone and a desk."""
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    alone.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    alone.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    try:
        boxes = alone.execute_script(
            "return [...document.querySelectorAll('.net a, .net g')].map(box => {"
            "const outer = box.querySelector('rect').getBoundingClientRect();"
            "return [...box.querySelectorAll('text')].map(text => {"
            "const inner = text.getBoundingClientRect();"
            "const inside = inner.left >= outer.left && inner.right <= outer.right && inner.bottom <= outer.bottom;"
            "return [inside, getComputedStyle(text).fill, getComputedStyle(box.querySelector('rect')).fill];"
            "}) }).flat()"
        )
        assert len(boxes) > 60
        for is_inside, ink, paper in boxes:
            light, dark = sorted(map(brightness, (ink, paper)), reverse=True)
            assert is_inside and (light + 0.05) / (dark + 0.05) > 4.5
    finally:
        alone.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        alone.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_heads_lead_to_what_they_mean(alone: Any) -> None:
    """Each of the page's words is explained in it."""
    alone.find_element("css selector", "table.described th a.what[href='#term-instr-mac']").click()
    assert "multiply" in alone.execute_script("return document.querySelector(':target').nextElementSibling.textContent")


LONG = "a_name_without_any_place_to_break_it_" * 3
PAGES = {
    "bench": bench_page(good("vww", "tvmaotplus", "stm32f7"), fingerprint=PRINT, trends={"rom_bytes": "<svg></svg>"}),
    "failed": bench_page(failed(LONG, "one", "chip", reason=f"run: /{LONG}/{LONG}"), fingerprint=PRINT),
    "shrunk": bench_page(
        replace(good("vww", "one", "chip"), report={**good("vww", "one", "chip").report, "removed": REMOVED}),
        fingerprint=PRINT,
    ),
    "suite": suite_page(
        suite(
            LONG,
            published=(Published(source=LONG, numbers={"net0-one-chip0": dict.fromkeys(BY_NAME, 1)}),),
        ),
        [*many(20), failed(LONG, "one", "chip")],
        fingerprint=PRINT,
        views=[("all", LONG, frame_of(bench.report for bench in many(20)))],
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_wide_as_what_shows_it(browser: Any, tmp_path: Path, name: str) -> None:
    """From a phone to a desk, folded or not, no page scrolls sideways; its tables do by themselves."""
    path = tmp_path / "report.html"
    path.write_text(PAGES[name])
    browser.get(path.as_uri())
    try:
        for unfold in ("", "document.querySelectorAll('details').forEach(part => { part.open = true; });"):
            for width in (320, 390, 768, 1280):
                screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": True}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
                wide = browser.execute_script(f"{unfold} return document.documentElement.scrollWidth")
                assert wide <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_it_follows_the_reader_s_colours(shown: Any, scheme: str, is_dark: bool) -> None:
    """Ink and paper change places, and keep a contrast of at least 7 to 1."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    paper, ink = (
        brightness(shown.execute_script(f"return getComputedStyle(document.body).{name}"))
        for name in ("backgroundColor", "color")
    )
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert (paper < ink) == is_dark
    assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) > 7


def brightness(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)`, as WCAG 2.1 defines it."""
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_it_prints_with_everything_unfolded(shown: Any) -> None:
    """A PDF of several pages comes out; the parts fold up again afterwards."""
    pdf = shown.execute_cdp_cmd("Page.printToPDF", {"landscape": True})["data"]
    assert len(pdf) > 50_000
    assert shown.find_element("id", "bench-net0-one-chip0").get_attribute("open") is None
