"""An agent's day at the inbox: on a phone, by keyboard, without scripts, in two tabs, and when news crosses a click."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import files
from tests.browser.running import Portal, manage
from tests.browser.screens import Screens, mark, was_not_reloaded

DID = "+13125550110"
PHONE = {"width": 390, "height": 844}


def pretty(number: str) -> str:
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


@pytest.fixture
def customer_texts(screens: Screens) -> Callable[[str, str], None]:
    """A customer texts the DID of Sales in Chicago: as the handset page does it."""
    context = screens.context("customer")

    def text(number: str, words: str) -> None:
        answer = context.request.post(
            f"{screens.portal.handset}/handset/{number}/texts", multipart={"did": DID, "text": words}
        )
        assert answer.status == 201

    return text


def wait_for(page: Page, number: str, words: str) -> None:
    expect(page.locator(".conv", has_text=pretty(number))).to_contain_text(words)


def test_on_a_phone_one_walks_from_the_list_to_a_thread_and_back(
    screens: Screens, customer_texts: Callable[[str, str], None]
) -> None:
    number = "+12015550151"
    customer_texts(number, "On my way")
    page = screens.of("agent1", "inbox/", viewport=PHONE, has_touch=True)
    wait_for(page, number, "On my way")
    expect(page.locator(".pane-thread")).to_be_hidden()
    screens.check("agent1", page)
    mark(page)
    page.locator(".conv", has_text=pretty(number)).tap()
    expect(page.locator("#thread-title", has_text=pretty(number))).to_be_visible()
    expect(page.locator(".pane-list")).to_be_hidden()
    screens.check("agent1", page)
    page.get_by_label("Text", exact=True).fill("See you soon")
    page.get_by_role("button", name="Send", exact=True).tap()
    expect(page.locator(".msg.out .state")).to_have_text("Delivered")
    page.get_by_role("button", name="About this person").tap()
    expect(page.locator("#aside")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Back to the list").tap()
    expect(page.locator(".pane-list")).to_be_visible()
    expect(page.locator(".pane-thread")).to_be_hidden()
    expect(page.locator(".conv", has_text=pretty(number))).to_contain_text("See you soon")


def test_without_scripts_a_text_is_a_form(screens: Screens, customer_texts: Callable[[str, str], None]) -> None:
    number = "+12015550152"
    customer_texts(number, "Any news?")
    watcher = screens.of("agent1", "inbox/")
    wait_for(watcher, number, "Any news?")
    page = screens.of("agent1", "inbox/", java_script_enabled=False)
    page.locator(".conv", has_text=pretty(number)).click()
    page.get_by_label("Text", exact=True).fill("None yet.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".msg.out .bubble")).to_have_text("None yet.")
    expect(page.get_by_label("Text", exact=True)).to_have_value("")
    watcher.locator(".conv", has_text=pretty(number)).click()
    expect(watcher.locator(".msg.out .state")).to_have_text("Delivered")
    page.reload()
    expect(page.locator(".msg.out .state")).to_have_text("Delivered")
    page.get_by_role("link", name="New conversation").first.click()
    page.get_by_label("To", exact=True).fill("12")
    page.get_by_label("Text", exact=True).fill("Hello")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("This number is too short.")).to_be_visible()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Hello")


def test_a_day_by_keyboard(screens: Screens, customer_texts: Callable[[str, str], None]) -> None:
    first, second = "+12015550153", "+12015550154"
    page = screens.of("agent1", "inbox/")
    mark(page)
    customer_texts(first, "First")
    wait_for(page, first, "First")
    customer_texts(second, "Second")
    wait_for(page, second, "Second")

    def focused() -> str:
        return str(page.evaluate("document.activeElement.querySelector('.conv-who')?.textContent"))

    page.keyboard.press("j")
    assert focused() == pretty(second)
    page.keyboard.press("j")
    assert focused() == pretty(first)
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#thread-title", has_text=pretty(first))).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_label("Text", exact=True)).to_be_focused()
    page.keyboard.type("One line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and one more")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.out .bubble")).to_have_text("One line\nand one more")
    expect(page.get_by_label("Text", exact=True)).to_have_value("")
    expect(page.get_by_label("Text", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    screens.check("agent1", page)
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="New conversation")).to_be_visible()
    assert was_not_reloaded(page)
    assert screens.check_focus("agent1", page) > 15


@pytest.mark.parametrize("width", [800, 1440])
def test_a_message_covers_no_part_of_the_pager(screens: Screens, portal: Portal, width: int) -> None:
    """Its count stands on the left, its buttons on the right, and the message between them."""
    manage(portal, "dids", "import", str(files.telnyx_export(portal.data / "numbers.csv")), "--org", "demo")
    page = screens.of("owner", "dids/?page=2", viewport={"width": width, "height": 600})
    expect(page.locator(".pager > *")).to_have_count(2)
    page.locator("#did-rows td.pick input").nth(20).check()
    page.get_by_role("button", name="Switch off").click()
    expect(page.locator(".toast")).to_be_visible()
    message = page.locator(".toast").bounding_box()
    assert message is not None
    for part in page.locator(".pager > *").all():
        box = part.bounding_box()
        assert box is not None
        assert message["x"] >= box["x"] + box["width"] or message["x"] + message["width"] <= box["x"]


def test_signing_out_in_one_tab_ends_the_other(screens: Screens) -> None:
    first = screens.of("agent1", "inbox/")
    second = screens.watch("agent1", first.context.new_page())
    second.goto(first.url)
    expect(second.locator("#list")).to_be_visible()
    first.locator(".rail-foot summary").click()
    first.locator(".rail-foot").get_by_role("button", name="Sign out").click()
    expect(second.get_by_role("heading", name="Sign in")).to_be_visible()
    # The tab that lives on may ask for the stream just before it learns that nobody is signed in.
    screens.problems[:] = [problem for problem in screens.problems if "status of 403" not in problem]


def test_news_that_crosses_a_click_leaves_no_pane_behind(
    screens: Screens, customer_texts: Callable[[str, str], None]
) -> None:
    """The list is drawn anew while the answer to a click is on its way: the thread still comes with its person."""
    number = "+12015550155"
    customer_texts(number, "Before")
    page = screens.of("agent1", "inbox/")
    wait_for(page, number, "Before")
    held: list[Route] = []
    page.route("**/inbox/*/", lambda route: held.append(route), times=1)
    with page.expect_request("**/inbox/*/"):
        page.locator(".conv", has_text=pretty(number)).click()
    customer_texts(number, "Meanwhile")
    wait_for(page, number, "Meanwhile")
    for route in held:
        route.continue_()
    expect(page.locator("#thread-title")).to_have_text(pretty(number))
    expect(page.locator("#aside h2")).to_have_text(pretty(number))
    expect(page.locator(".msg.in .bubble")).to_have_text(["Before", "Meanwhile"])


@pytest.mark.parametrize(
    ("ending", "word", "why"),
    [("0001", "Failed", "number"), ("0003", "Not delivered", "blocked")],
)
def test_a_text_that_does_not_arrive_says_so(screens: Screens, ending: str, word: str, why: str) -> None:
    page = screens.of("agent1", "inbox/new/")
    page.get_by_label("To", exact=True).fill(f"(201) 555-{ending}")
    page.get_by_label("Text", exact=True).fill("Good morning")
    page.get_by_role("button", name="Send", exact=True).click()
    failure = page.locator(".msg.out.is-wrong .msg-fail")
    expect(failure.locator(".state")).to_have_text(word)
    expect(failure).to_contain_text(why)
    screens.check("agent1", page)


@pytest.mark.parametrize(
    ("who", "paths"),
    [
        ("agent1", ("inbox/", "inbox/new/")),
        ("supervisor", ("inbox/", "dids/")),
        ("dialer", ("dids/", "dids/import/", "dids/trunks/", "dids/trunks/new/", "carriers/", "carriers/connect/")),
        ("compliance", ("inbox/", "opt-outs/", "opt-outs/new/", "holds/", "holds/new/")),
        ("owner", ("inbox/", "people/", "people/invite/", "people/teams/new/", "audit/", "../me/")),
        ("owner", ("retention/", "retention/change/", "holds/")),
    ],
)
@pytest.mark.parametrize("width", [390, 1440])
def test_every_screen_is_for_everybody(
    screens: Screens, portal: Portal, who: str, paths: tuple[str, ...], width: int
) -> None:
    """Names, contrast in light and dark, room at phone width, one heading; nothing in the console."""
    page = screens.of(who, paths[0], viewport={"width": width, "height": 844})
    for path in paths:
        answer = page.goto(f"{portal.url}/demo/{path}")
        assert answer is not None
        assert answer.status == 200
        screens.check(who, page)
        assert screens.check_focus(who, page, stops=40) > 3
