"""People at their screens: each has a browser of their own, and whatever a screen does wrong is written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.running import Portal
from tests.components import chromium_path

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WAIT = 20_000  # milliseconds for a condition, on a busy machine
CHECKS = Path(__file__).with_name("checks.js").read_text()
FOCUS = Path(__file__).with_name("focus.js").read_text()
# A broken content policy shows in the console too, but not in every browser and not for every directive.
POLICY = """addEventListener("securitypolicyviolation",
  (event) => console.error(`content policy: ${event.violatedDirective} ${event.blockedURI}`));"""


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser
        browser.close()


@dataclass(slots=True)
class Screens:
    """All the screens of one test."""

    browser: Browser
    portal: Portal
    pages: list[tuple[str, Page]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def of(self, who: str, path: str = "inbox/", **options: Any) -> Page:
        """Somebody signs in (`agent1`) and opens a path of the demo's: `of("agent1", "inbox/")`."""
        context = self.context(who, **options)
        page = self.watch(who, context.new_page())
        page.goto(f"{self.portal.url}/accounts/login/?next=/demo/{path.lstrip('/')}")
        page.get_by_label("E-mail").fill(f"{who}@demo.example")
        page.get_by_label("Password").fill(self.portal.passwords[who])
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"**/demo/{path.lstrip('/')}**")
        return page

    def context(self, who: str, **options: Any) -> BrowserContext:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = self.browser.new_context(**options)
        context.set_default_timeout(WAIT)
        context.add_init_script(POLICY)
        return context

    def handset(self, number: str, did: str) -> Page:
        """The customer's phone: both numbers in E.164."""
        context = self.context("customer", viewport={"width": 390, "height": 844})
        page = self.watch("customer", context.new_page())
        page.goto(f"{self.portal.handset}/handset/{number}?did={did.replace('+', '%2B')}")
        return page

    def watch(self, who: str, page: Page) -> Page:
        def write_down(words: str) -> None:
            self.problems.append(f"{who} at {page.url}: {words}")

        page.on("pageerror", lambda error: write_down(f"script error: {error}"))
        page.on("console", lambda line: write_down(line.text) if line.type in {"error", "warning"} else None)
        page.on("response", lambda got: write_down(f"{got.status} {got.url}") if got.status >= 500 else None)
        self.pages.append((who, page))
        return page

    def check(self, who: str, page: Page, *, schemes: tuple[str, ...] = ("light", "dark")) -> None:
        """Look at the screen that is open, in light and dark; what is wrong with it is written down."""
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.problems += [f"{who} at {page.url}, {scheme}: {one}" for one in page.evaluate(CHECKS)]
        page.emulate_media(color_scheme="light")

    def check_focus(self, who: str, page: Page, *, stops: int = 60) -> int:
        """Walk with the Tab key; a stop that does not show is written down. Returns how many stops there were."""
        seen: list[str] = []
        for _ in range(stops):
            page.keyboard.press("Tab")
            stop = page.evaluate(FOCUS)
            if stop is None:
                break
            seen.append(stop["label"])
            if not stop["isSeen"]:
                self.problems.append(f"{who} at {page.url}: focus does not show on {stop['label']}")
        return len(seen)

    def keep(self, folder: Path) -> list[Path]:
        """Pictures and pages as they stand, for whoever reads why a test failed."""
        kept = []
        for at, (who, page) in enumerate(self.pages):
            if page.is_closed():
                continue
            path = folder / f"{at}-{who}.png"
            page.screenshot(path=path)
            path.with_suffix(".html").write_text(page.content())
            kept.append(path)
        return kept

    def close(self) -> None:
        for context in {page.context for _, page in self.pages}:
            context.close()


def mark(page: Page) -> None:
    """Put a sign on the page that a reload would wipe away."""
    page.evaluate("window.wasNeverReloaded = true")


def was_not_reloaded(page: Page) -> bool:
    return bool(page.evaluate("window.wasNeverReloaded === true"))
