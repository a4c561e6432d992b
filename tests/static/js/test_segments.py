"""The meter under the composer, in a real browser, held to the same vectors as the server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from messaging.segments import count, normalize, plain
from tests.components import chromium_path

ROOT = Path(__file__).resolve().parents[3]
VECTORS = json.loads((ROOT / "tests/vectors/segments.json").read_text())
HOST = "http://composer.localhost"
COMPOSER = """<!doctype html><meta charset="utf-8"><title>Composer</title>
<script type="module" src="/segments.js"></script>
<form><textarea data-segments data-segments-meter="#meter"></textarea><div id="meter"></div>
<button type="reset">Clear</button></form><div id="later"></div>"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    def answer(route: Route) -> None:
        if route.request.url == f"{HOST}/segments.js":
            route.fulfill(path=ROOT / "static/js/segments.js", content_type="text/javascript")
        else:
            route.fulfill(
                body=COMPOSER, content_type="text/html", headers={"Content-Security-Policy": "default-src 'self'"}
            )

    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.route("**/*", answer)
    page.goto(HOST)
    expect(page.locator("#meter")).to_have_text("0 texts · 160 left")
    yield page
    page.close()
    assert complaints == []


def joined(pieces: list[str | list[object]]) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in pieces)  # type: ignore[operator]


def test_it_counts_as_the_server_does(page: Page) -> None:
    texts = [joined(case["text"]) for case in VECTORS["count"]] + [text for text, _ in VECTORS["plain"]]
    counted = page.evaluate("async t => { const m = await import('/segments.js'); return t.map(m.count) }", texts)
    ours = [count(text) for text in texts]
    assert [(c["encoding"], c["segments"], c["units"], c["left"], tuple(c["offenders"])) for c in counted] == [
        (c.encoding, c.segments, c.units, c.units_left, c.offenders) for c in ours
    ]
    assert [c["segments"] for c in counted[: len(VECTORS["count"])]] == [len(c["parts"]) for c in VECTORS["count"]]


def test_it_makes_plain_as_the_server_does(page: Page) -> None:
    every = [chr(code) for code in range(0x20, 0x3100)] + [chr(code) for code in range(0xA700, 0xA7FF)]
    every += [chr(code) for code in range(0xFE00, 0x10000)]
    texts = every + [text for text, _ in VECTORS["plain"]]
    made = page.evaluate("async texts => { const m = await import('/segments.js'); return texts.map(m.plain) }", texts)
    assert made == [plain(text) for text in texts]
    assert made[len(every) :] == [simple for _, simple in VECTORS["plain"]]
    normal = page.evaluate("async t => { const m = await import('/segments.js'); return t.map(m.normalize) }", texts)
    assert normal == [normalize(text) for text in texts]


def test_the_meter_follows_typing(page: Page) -> None:
    area, meter = page.locator("textarea"), page.locator("#meter")
    area.press_sequentially("Hello, Ann 12345")
    expect(meter).to_have_text("1 text · 144 left")
    area.fill("x" * 161)
    expect(meter).to_have_text("2 texts · 145 left")
    expect(meter).to_have_attribute("data-state", "ok")
    area.fill("a\nb")
    expect(meter).to_have_text("1 text · 157 left")
    page.get_by_role("button", name="Clear").click()
    expect(meter).to_have_text("0 texts · 160 left")


def test_long_texts_are_named_and_too_long_ones_refused(page: Page) -> None:
    area, meter = page.locator("textarea"), page.locator("#meter")
    area.fill("x" * (3 * 153 + 1))
    expect(meter).to_have_attribute("data-state", "long")
    assert area.evaluate("area => area.validationMessage") == ""
    area.fill("x" * (10 * 153 + 1))
    expect(meter).to_have_attribute("data-state", "too-long")
    assert area.evaluate("area => area.validationMessage") == "This takes 11 texts; a message takes 10 at most."


def test_make_plain_replaces_and_can_be_undone(page: Page) -> None:
    area, meter = page.locator("textarea"), page.locator("#meter")
    area.fill("“Hi” — see you…")
    expect(meter).to_contain_text("1 text · 55 left")
    assert meter.locator("kbd").all_text_contents() == ["“", "”", "—", "…"]
    area.evaluate("area => area.setSelectionRange(4, 4)")
    meter.get_by_role("button", name="Make plain").click()
    expect(area).to_have_value('"Hi" - see you...')
    expect(meter).to_have_text("1 text · 143 left")
    assert area.evaluate("area => [document.activeElement === area, area.selectionStart, area.selectionEnd]") == [
        True,
        4,
        4,
    ]
    area.press("Control+z")
    expect(area).to_have_value("“Hi” — see you…")
    expect(meter).to_contain_text("1 text · 55 left")


def test_no_button_where_nothing_can_be_made_plain(page: Page) -> None:
    area, meter = page.locator("textarea"), page.locator("#meter")
    area.fill("Dziękuję \u200d 😀")
    assert meter.locator("kbd").all_text_contents() == ["ę", "joiner", "😀"]
    expect(meter.get_by_role("button")).to_have_count(0)


def test_a_composer_that_arrives_later_is_counted(page: Page) -> None:
    page.evaluate("""() => {
      document.querySelector("#later").innerHTML =
        '<textarea data-segments data-segments-meter="#second">draft</textarea><p id="second"></p>';
      document.querySelector("#later").dispatchEvent(new CustomEvent("htmx:load", {bubbles: true}));
    }""")
    expect(page.locator("#second")).to_have_text("1 text · 155 left")
