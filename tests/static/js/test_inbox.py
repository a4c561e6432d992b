"""The inbox in a real browser: what htmx and static/js/inbox.js add to the pages."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from compliance import optout
from compliance.models import OptOut
from messaging.models import Conversation, Message, ReadMark
from tests.components import chromium_path
from tests.messaging.threads import hear, make_did, make_thread, say
from tests.people import House, make_house, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

READERS_ZONE = ZoneInfo("America/New_York")  # the organization's: a day begins when it begins there


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The driver keeps an event loop in this thread, which is no reason not to ask the database beside it."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def house(transactional_db: None) -> House:
    return make_house("north", "North Calls")


@pytest.fixture
def thread(house: House) -> Conversation:
    did = make_did(house.organization, "+13125550001", house.sales)
    thread = make_thread(did, "+12125550142", name="Harbor Dental", last_at=timezone.now())
    hear(thread, "Are you open on Sunday?", timezone.now())
    return thread


@pytest.fixture
def long_thread(house: House) -> Conversation:
    did = make_did(house.organization, "+13125550002", house.sales)
    thread = make_thread(did, "+12125550143", name="Blue Door")
    for n in range(90):
        hear(thread, f"line {n}.", timezone.now() - timedelta(hours=3) + timedelta(minutes=n))
    return thread


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer, house: House) -> Iterator[Callable[..., Page]]:
    """A page of the agent's browser. What the page complains of fails the test."""
    contexts = []
    complaints: list[str] = []

    def heard(text: str) -> None:
        if "/live/" not in text and "404" not in text:  # the stream is another process's
            complaints.append(text)

    def go(path: str, *, width: int = 1440) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, base_url=live_server.url)
        contexts.append(context)
        session = sign_in(house.agent).cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: heard(str(error)))
        page.on("console", lambda message: heard(message.text) if message.type == "error" else None)
        page.goto(path)
        return page

    yield go
    for context in contexts:
        context.close()
    connections.close_all()
    assert complaints == []


def ring(page: Page, thread: Conversation) -> None:
    """News as static/js/live.js tells them."""
    page.evaluate(
        """id => ["live:thread", `live:thread:${id}`, "live:inbox"].forEach(
            name => document.body.dispatchEvent(new CustomEvent(name, {detail: {refs: [id]}})))""",
        thread.pk,
    )


def body(page: Page) -> str:
    return page.locator("#body").input_value()


def test_a_row_opens_beside_the_list(open_page: Callable[..., Page], thread: Conversation) -> None:
    page = open_page("/north/inbox/")
    assert page.title() == "(1) Inbox · North Calls"
    page.click(f"#conv-{thread.pk}")
    expect(page.locator("#thread-title")).to_have_text("Harbor Dental")
    expect(page.locator(f"#conv-{thread.pk}")).to_have_attribute("aria-current", "true")
    assert page.url.endswith(f"/north/inbox/{thread.pk}/")
    expect(page.locator("#aside")).to_contain_text("(212) 555-0142")
    assert ReadMark.objects.get().heard == 1
    ring(page, thread)
    expect(page.locator(f"#conv-{thread.pk}.is-unread")).to_have_count(0)
    expect(page).to_have_title("Harbor Dental · North Calls")
    page.go_back()
    expect(page.locator("#thread-title")).to_have_count(0)


def test_enter_sends_once_and_the_composer_is_ready_again(open_page: Callable[..., Page], thread: Conversation) -> None:
    page = open_page(f"/north/inbox/{thread.pk}/")
    key = page.locator("#composer [name=key]").input_value()
    page.fill("#body", "First line")
    page.locator("#body").press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.out .bubble")).to_have_text("First line\nsecond line", use_inner_text=True)
    expect(page.locator("#body")).to_have_value("")
    expect(page.locator("#body")).to_be_focused()
    assert page.locator("#composer [name=key]").input_value() != key
    assert Message.objects.get(direction="out").body == "First line\nsecond line"
    page.keyboard.type("Another")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.out")).to_have_count(2)


def test_an_answer_that_comes_late_leaves_the_next_thread_alone(
    open_page: Callable[..., Page], thread: Conversation, long_thread: Conversation
) -> None:
    page = open_page(f"/north/inbox/{thread.pk}/")
    held: list[Route] = []
    page.route("**/reply/", lambda route: held.append(route))
    page.fill("#body", "For the first one")
    page.keyboard.press("Enter")
    page.click(f"#conv-{long_thread.pk}")
    expect(page.locator("#thread-title")).to_have_text("Blue Door")
    page.fill("#body", "For the second one")
    with page.expect_response("**/reply/"):
        held[0].continue_()
    page.click(f"#conv-{thread.pk}")
    expect(page.locator("#thread-title")).to_have_text("Harbor Dental")
    expect(page.locator(".msg.out .bubble")).to_have_text("For the first one")
    assert body(page) == ""  # it is sent, so it is no draft
    page.click(f"#conv-{long_thread.pk}")
    expect(page.locator("#thread-title")).to_have_text("Blue Door")
    expect(page.locator("#body")).to_have_value("For the second one")


def test_news_come_without_touching_what_is_typed(open_page: Callable[..., Page], thread: Conversation) -> None:
    page = open_page(f"/north/inbox/{thread.pk}/")
    page.click("#body")
    page.keyboard.type("Half a sen")
    page.evaluate("document.getElementById('body').isTheSame = true")
    hear(thread, "Hello?", timezone.now())
    with page.expect_response("**/read/"):
        ring(page, thread)
    expect(page.locator(".msg.in")).to_have_count(2)
    expect(page.locator("#body")).to_be_focused()
    assert body(page) == "Half a sen"
    assert page.evaluate("document.getElementById('body').isTheSame")
    assert ReadMark.objects.get().heard == 2
    ring(page, thread)
    expect(page.locator(f"#conv-{thread.pk}.is-unread")).to_have_count(0)


def test_a_bubble_climbs_in_its_place(open_page: Callable[..., Page], thread: Conversation) -> None:
    message = say(thread, "We are.", timezone.now(), state="queued")
    page = open_page(f"/north/inbox/{thread.pk}/")
    bubble = page.locator(f"#m{message.pk}")
    expect(bubble.locator(".state")).to_have_text("Queued")
    Message.objects.filter(pk=message.pk).update(state="delivered")
    ring(page, thread)
    expect(bubble.locator(".state")).to_have_text("Delivered")


def test_who_reads_old_lines_is_not_moved(open_page: Callable[..., Page], long_thread: Conversation) -> None:
    page = open_page(f"/north/inbox/{long_thread.pk}/")
    lines = page.locator("#entries")
    expect(lines.get_by_text("line 89.")).to_be_in_viewport()
    page.locator("#earlier a").click()
    expect(page.locator(".msg")).to_have_count(90)
    lines.get_by_text("line 20.").scroll_into_view_if_needed()
    before = lines.get_by_text("line 20.").bounding_box()
    hear(long_thread, "brand new.", timezone.now())
    ring(page, long_thread)
    expect(page.locator(".msg")).to_have_count(91)
    after = lines.get_by_text("line 20.").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) <= 1
    page.click("#news")
    expect(lines.get_by_text("brand new.")).to_be_in_viewport()
    expect(page.locator("#news")).to_be_hidden()
    assert page.locator(".day").count() == len(
        {timezone.localdate(at, READERS_ZONE) for at in Message.objects.values_list("created_at", flat=True)}
    )


def test_an_opt_out_closes_the_composer_and_keeps_the_draft(
    open_page: Callable[..., Page], house: House, thread: Conversation
) -> None:
    page = open_page(f"/north/inbox/{thread.pk}/")
    page.fill("#body", "Not yet sent")
    optout.record_opt_out(organization=house.organization, number=thread.number, source=OptOut.Source.TEXT)
    ring(page, thread)
    expect(page.locator(".composer-closed")).to_contain_text("This person has opted out of texts.")
    expect(page.locator("#body")).to_have_count(0)
    optout.lift(organization=house.organization, number=thread.number, source=OptOut.Source.TEXT)
    ring(page, thread)
    expect(page.locator("#body")).to_have_value("Not yet sent")


def test_a_refusal_leaves_text_and_pictures_where_they_are(
    open_page: Callable[..., Page], thread: Conversation, tmp_path: Path
) -> None:
    (tmp_path / "offer.pdf").write_bytes(b"%PDF-1.7 nothing")
    Image.new("RGB", (300, 200), "teal").save(tmp_path / "door.png")
    page = open_page(f"/north/inbox/{thread.pk}/")
    page.fill("#body", "Look")
    page.set_input_files(".pics-input", [tmp_path / "door.png", tmp_path / "offer.pdf"])
    expect(page.locator("#pics-draft img")).to_have_count(2)
    page.click("#composer button[type=submit]")
    expect(page.locator("#reply-errors")).to_contain_text("offer.pdf:")
    assert body(page) == "Look"
    page.click('[aria-label="Remove offer.pdf"]')
    page.click("#composer button[type=submit]")
    expect(page.locator(".msg.out img")).to_have_count(1)
    expect(page.locator("#pics-draft")).to_be_hidden()
    expect(page.locator("#reply-errors")).to_be_empty()
    assert page.evaluate("document.querySelector('.msg.out img').decode().then(() => true)")


def test_everything_by_keyboard(
    open_page: Callable[..., Page], thread: Conversation, long_thread: Conversation
) -> None:
    page = open_page("/north/inbox/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#thread-title")).to_have_text("Harbor Dental")
    page.keyboard.press("e")
    expect(page.locator("#thread-head")).to_contain_text("Reopen")
    page.keyboard.press("e")
    expect(page.locator("#thread-head")).to_contain_text("Close")
    page.keyboard.press("r")
    expect(page.locator("#body")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Write a reply")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("blue")
    expect(page.locator("a.conv")).to_have_count(1)
    expect(page.locator("#q")).to_be_focused()
    page.locator("#q").blur()
    page.keyboard.press("n")
    expect(page.locator("#thread-title")).to_have_text("New conversation")


def test_a_new_conversation_starts_and_opens(open_page: Callable[..., Page], thread: Conversation) -> None:
    page = open_page("/north/inbox/new/")
    page.fill("#id_number", "312 555 0001")
    page.fill("#body", "Hello there")
    page.keyboard.press("Enter")
    expect(page.locator("#reply-errors")).to_contain_text("one of your own DIDs")
    assert body(page) == "Hello there"
    page.fill("#id_number", "312 555 0199")
    page.click("#composer button[type=submit]")
    expect(page.locator("#thread-title")).to_have_text("(312) 555-0199")
    expect(page.locator(".msg.out .bubble")).to_have_text("Hello there")
    assert Conversation.objects.filter(number="+13125550199").count() == 1


def test_a_phone_shows_one_pane_at_a_time(open_page: Callable[..., Page], thread: Conversation) -> None:
    page = open_page("/north/inbox/", width=390)
    expect(page.locator("#thread")).to_be_hidden()
    page.click(f"#conv-{thread.pk}")
    expect(page.locator("#body")).to_be_visible()
    expect(page.locator("#list")).to_be_hidden()
    page.click(".to-list")
    expect(page.locator("#list")).to_be_visible()
    expect(page.locator("#thread")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
