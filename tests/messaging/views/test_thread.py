"""One conversation: its page, its parts, and what is done to it."""

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from compliance import optout
from compliance.models import OptOut, TextingPolicy
from messaging.models import Attachment, Attempt, Conversation, Message, ReadMark, ThreadNote
from portal.models import AuditEvent, Organization
from tests.messaging.threads import NOON, hear, make_account, make_did, make_thread, say
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db
THREAD = {"HX-Request": "true", "HX-Target": "thread"}
ENTRIES = {"HX-Request": "true", "HX-Target": "entries"}
ACTIONS = ("reply", "assign", "close", "reopen", "name", "read")


@pytest.fixture
def thread(house: House) -> Conversation:
    did = make_did(house.organization, "+13125550001", house.sales, label="Front desk")
    thread = make_thread(did, "+12125550142", name="Harbor Dental")
    hear(thread, "Are you open on Sunday?")
    return thread


@pytest.fixture
def client(house: House) -> Client:
    return sign_in(house.agent)


def url(thread: Conversation, action: str = "") -> str:
    return f"/north/inbox/{thread.pk}/" + (f"{action}/" if action else "")


def page(client: Client, thread: Conversation, query: str = "", **headers: str) -> str:
    response = client.get(url(thread) + query, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def picture(name: str = "door.png") -> SimpleUploadedFile:
    file = BytesIO()
    Image.new("RGB", (200, 150), "teal").save(file, "PNG")
    return SimpleUploadedFile(name, file.getvalue(), "image/png")


def typed(body: str = "We are.", **fields: object) -> dict[str, object]:
    return {"body": body, "key": uuid4().hex} | fields


# --- Who ---


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ("owner", 200),
        ("supervisor", 200),
        ("agent", 200),
        ("compliance_admin", 200),
        ("second_agent", 404),
        ("dialer_admin", 403),
    ],
)
def test_who_may_open_it(house: House, thread: Conversation, person: str, status: int) -> None:
    assert sign_in(getattr(house, person)).get(url(thread)).status_code == status


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("person", "status"), [("second_agent", 404), ("dialer_admin", 403)])
def test_who_may_do_nothing_to_it(house: House, thread: Conversation, action: str, person: str, status: int) -> None:
    response = sign_in(getattr(house, person)).post(url(thread, action), typed())
    assert response.status_code == status
    assert Message.objects.filter(direction="out").count() == 0
    assert not ThreadNote.objects.exists()
    assert not ReadMark.objects.exists()


@pytest.mark.parametrize("action", ACTIONS)
def test_a_foreign_owner_finds_nothing_anywhere(other_house: House, thread: Conversation, action: str) -> None:
    stranger = sign_in(other_house.owner)
    assert stranger.get(f"/south/inbox/{thread.pk}/").status_code == 404
    assert stranger.post(f"/south/inbox/{thread.pk}/{action}/", typed()).status_code == 404
    assert stranger.post(url(thread, action), typed()).status_code == 404
    assert Message.objects.filter(direction="out").count() == 0


@pytest.mark.parametrize("action", ["reply", "assign", "close", "reopen", "name"])
def test_compliance_reads_along_and_changes_nothing(house: House, thread: Conversation, action: str) -> None:
    client = sign_in(house.compliance_admin)
    assert client.post(url(thread, action), typed()).status_code == 403
    assert "Your role does not send texts." in page(client, thread)
    event = AuditEvent.objects.get()
    assert (event.action, event.by) == ("messaging.thread.opened", house.compliance_admin.user)


def test_no_part_of_a_thread_is_read_without_a_trace(house: House, thread: Conversation) -> None:
    client = sign_in(house.compliance_admin)
    for _ in range(2):
        assert "Are you open on Sunday?" in page(client, thread, **ENTRIES)
    opened = AuditEvent.objects.get()
    assert (opened.action, opened.data) == ("messaging.thread.opened", {"conversation": thread.pk})
    page(sign_in(house.agent), thread, **ENTRIES)
    assert AuditEvent.objects.count() == 1


@pytest.mark.parametrize("action", ACTIONS)
def test_a_link_changes_nothing(client: Client, thread: Conversation, action: str) -> None:
    assert client.get(url(thread, action)).status_code == 405


# --- What is shown ---


def test_the_page_shows_the_thread_and_the_list_beside_it(client: Client, thread: Conversation) -> None:
    whole = page(client, thread)
    assert "<title>Harbor Dental · North Calls</title>" in " ".join(whole.split())
    for words in ("Are you open on Sunday?", "(212) 555-0142", "From Front desk · (312) 555-0001", 'id="list"'):
        assert words in whole
    assert 'data-pane="thread"' in whole
    assert f'id="conv-{thread.pk}" href="{url(thread)}" aria-current="true"' in whole


def test_the_clock_there_is_the_customers(client: Client, thread: Conversation) -> None:
    """The reader is in Chicago, where it is an hour earlier than at the customer's in New York."""
    Organization.objects.update(time_zone="America/Chicago")
    with time_machine.travel(datetime(2026, 3, 3, 18, 0, tzinfo=UTC), tick=False):
        shown = page(client, thread)
    assert "1:00 PM there" in shown
    assert "<dt>Their time</dt><dd>1:00 PM " in shown


def test_opening_reads_it_for_that_person_alone(house: House, client: Client, thread: Conversation) -> None:
    page(client, thread)
    assert list(ReadMark.objects.values_list("membership", "heard")) == [(house.agent.pk, 1)]


def test_the_thread_part_brings_the_person_beside_it(client: Client, thread: Conversation) -> None:
    part = page(client, thread, **THREAD)
    assert "<html" not in part
    assert 'id="list"' not in part
    assert "<title>Harbor Dental · North Calls</title>" in part
    assert part.count('id="thread"') == 1
    assert 'id="aside" popover aria-label="About this person" hx-swap-oob="true"' in part


def test_news_are_the_lines_alone_while_nothing_else_changed(client: Client, thread: Conversation) -> None:
    whole = page(client, thread)
    shown = {name: whole.split(f'name="{name}" value="')[1].split('"')[0] for name in ("shown_about", "shown_composer")}
    hear(thread, "Hello?")
    query = f"?shown_about={shown['shown_about']}&shown_composer={shown['shown_composer']}"
    part = page(client, thread, query, **ENTRIES)
    assert part.lstrip().startswith('<ol class="thread" id="entries"')
    assert "Hello?" in part
    assert "hx-swap-oob" not in part
    assert "<textarea" not in part
    assert ReadMark.objects.get().heard == 1  # news alone are not read yet


def test_news_bring_the_composer_when_it_closes(house: House, client: Client, thread: Conversation) -> None:
    whole = page(client, thread)
    about = whole.split('name="shown_about" value="')[1].split('"')[0]
    composer = whole.split('name="shown_composer" value="')[1].split('"')[0]
    optout.record_opt_out(organization=house.organization, number=thread.number, source=OptOut.Source.TEXT)
    part = page(client, thread, f"?shown_about={about}&shown_composer={composer}", **ENTRIES)
    assert 'class="composer-closed is-wrong" id="composer" role="status" hx-swap-oob="true"' in part
    assert "This person has opted out of texts." in part
    assert 'id="thread-head"' not in part


def test_news_bring_the_head_when_somebody_took_it(house: House, client: Client, thread: Conversation) -> None:
    whole = page(client, thread)
    about = whole.split('name="shown_about" value="')[1].split('"')[0]
    composer = whole.split('name="shown_composer" value="')[1].split('"')[0]
    Conversation.objects.update(assignee=house.supervisor)
    part = page(client, thread, f"?shown_about={about}&shown_composer={composer}", **ENTRIES)
    assert 'id="thread-head" hx-swap-oob="true"' in part
    assert 'id="aside"' in part
    assert 'id="composer"' not in part


def test_all_answers_vary(client: Client, thread: Conversation) -> None:
    for headers in ({}, THREAD, ENTRIES):
        response = client.get(url(thread), headers=headers)
        assert {"HX-Request", "HX-Target"} <= {name.strip() for name in response["Vary"].split(",")}
        assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("state", "word", "wrong"),
    [
        ("queued", "Queued", False),
        ("accepted", "Accepted", False),
        ("sent", "Sent", False),
        ("delivered", "Delivered", False),
        ("unconfirmed", "Not confirmed", False),
        ("failed", "Failed", True),
        ("undelivered", "Not delivered", True),
        ("expired", "Expired", True),
    ],
)
def test_a_bubble_says_how_it_is_doing(
    client: Client, house: House, thread: Conversation, state: str, word: str, wrong: bool
) -> None:
    message = say(thread, "We are.", by=house.agent, state=state)
    part = page(client, thread, **ENTRIES)
    bubble = part.split(f'id="m{message.pk}"')[1].split("</li>")[0]
    assert f"</svg>{word}</span>" in bubble
    assert ("Try again" in bubble) is wrong
    assert ("Cancel</button>" in bubble) is (state == "queued")


def test_a_failure_says_why_with_the_code_behind(client: Client, thread: Conversation) -> None:
    message = say(thread, "We are.", state="failed", why="This number is a landline. Ask for a mobile number.")
    account = make_account(thread.organization)
    Attempt.objects.create(message=message, number=1, account=account, state="failed", code="30006")
    part = page(client, thread, **ENTRIES)
    assert "This number is a landline. Ask for a mobile number." in part
    assert "<code>30006</code>" in part


def test_texts_are_words_and_only_web_addresses_become_links(client: Client, thread: Conversation) -> None:
    hear(thread, '<script>alert(1)</script> see https://shop.example/a?b=1&c="x, or javascript:alert(2).')
    part = page(client, thread, **ENTRIES)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in part
    assert "<script" not in part
    assert (
        '<a href="https://shop.example/a?b=1&amp;c=" target="_blank" rel="noopener noreferrer nofollow">'
        "https://shop.example/a?b=1&amp;c=</a>&quot;x, or javascript:alert(2)."
    ) in part


def test_earlier_lines_come_when_asked(client: Client, thread: Conversation) -> None:
    for n in range(60):
        hear(thread, f"line {n}.", NOON + timedelta(minutes=n))
    newest = page(client, thread, **ENTRIES)
    assert "line 9." not in newest
    before = newest.split("?before=")[1].split('"')[0]
    earlier = page(client, thread, f"?before={before}", **ENTRIES)
    assert "data-earlier" in earlier
    assert "line 9." in earlier
    assert "line 10." not in earlier
    assert 'id="earlier"' not in earlier
    assert "Newest texts" in page(client, thread, f"?before={before}")


def test_sisters_are_offered(house: House, client: Client, thread: Conversation) -> None:
    sister = make_thread(make_did(house.organization, "+13125550003", house.sales, label="Second"), thread.number)
    whole = page(client, thread)
    assert f'<a href="/north/inbox/{sister.pk}/">Second</a>' in whole


@pytest.mark.parametrize("size", [1, 45])
def test_the_parts_cost_the_same_for_one_line_and_for_many(
    client: Client, house: House, thread: Conversation, django_assert_num_queries: object, size: int
) -> None:
    for n in range(size):
        message = say(thread, f"text {n}", by=house.agent, state="failed", has_media=True)
        Attachment.objects.create(organization=house.organization, message=message, position=0, state="stored")
    page(client, thread)
    # session, user with memberships; thread and sisters, texts, what belongs to them; people, three of the gate
    with django_assert_num_queries(9):  # type: ignore[operator]
        page(client, thread, **THREAD)
    # the same, and rows, counts, DIDs
    with django_assert_num_queries(12):  # type: ignore[operator]
        page(client, thread)


# --- Reply ---


def test_a_reply_is_queued_once_and_leads_back(house: House, client: Client, thread: Conversation) -> None:
    response = client.post(url(thread, "reply"), typed("  We are.  "))
    assert (response.status_code, response["Location"]) == (302, url(thread))
    message = Message.objects.get(direction="out")
    assert (message.body, message.state, message.by) == ("We are.", "queued", house.agent.user)


def test_the_same_form_twice_sends_once(client: Client, thread: Conversation) -> None:
    form = typed()
    for _ in range(2):
        assert client.post(url(thread, "reply"), form).status_code == 302
    assert Message.objects.filter(direction="out").count() == 1


def test_a_form_gone_back_to_sends_what_it_says_now(client: Client, thread: Conversation) -> None:
    form = typed("At five.")
    for fields in ({"pictures": picture()}, {"body": "At six."}, {"body": "At six.", "pictures": picture()}):
        assert client.post(url(thread, "reply"), form | fields).status_code == 302
    sent = Message.objects.filter(conversation=thread, direction="out").order_by("pk")
    assert list(sent.values_list("body", "has_media")) == [("At five.", True), ("At six.", False), ("At six.", True)]


def test_htmx_gets_the_lines_and_a_new_key(client: Client, thread: Conversation) -> None:
    form = typed()
    response = client.post(url(thread, "reply"), form, headers=ENTRIES)
    part = response.content.decode()
    assert response.status_code == 200
    assert part.lstrip().startswith('<ol class="thread" id="entries"')
    assert "We are." in part
    assert '"reply:sent": {"key": "' in response["HX-Trigger"]
    assert str(form["key"]) not in response["HX-Trigger"]


def test_a_picture_goes_along(client: Client, thread: Conversation) -> None:
    assert client.post(url(thread, "reply"), typed("", pictures=[picture(), picture()])).status_code == 302
    assert list(Attachment.objects.values_list("state", "content_type", "width")) == [("stored", "image/png", 200)] * 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"body": "   "}, "Write a text or add a picture."),
        ({"body": "x" * 1_601}, "Ensure this value has at most 1600 characters (it has 1601)."),
        (
            {"pictures": [SimpleUploadedFile("offer.pdf", b"%PDF-1.7 nothing", "image/png")]},
            "offer.pdf: ",
        ),
    ],
)
def test_what_cannot_be_sent_stays_in_the_composer(
    client: Client, thread: Conversation, fields: dict[str, object], sentence: str
) -> None:
    answer = client.post(url(thread, "reply"), typed("Keep me") | fields)
    whole = answer.content.decode()
    assert answer.status_code == 200
    assert sentence in whole
    if "body" not in fields:
        assert ">Keep me</textarea>" in whole
    for upload in fields.get("pictures", []):  # type: ignore[attr-defined]
        upload.seek(0)
    part = client.post(url(thread, "reply"), typed("Keep me") | fields, headers=ENTRIES)
    assert (part["HX-Retarget"], part["HX-Reswap"]) == ("#reply-errors", "innerHTML")
    assert sentence in part.content.decode()
    assert "<textarea" not in part.content.decode()
    assert not Message.objects.filter(direction="out").exists()


def test_nobody_is_texted_after_an_opt_out(house: House, client: Client, thread: Conversation) -> None:
    optout.record_opt_out(organization=house.organization, number=thread.number, source=OptOut.Source.TEXT)
    part = client.post(url(thread, "reply"), typed(), headers=ENTRIES).content.decode()
    assert "This person has opted out of texts." in part
    assert not Message.objects.filter(direction="out").exists()
    assert "<textarea" not in page(client, thread)


def test_a_did_without_pictures_offers_none(client: Client, thread: Conversation) -> None:
    assert 'name="pictures"' in page(client, thread)
    thread.did.mms = False
    thread.did.save()
    assert 'name="pictures"' not in page(client, thread)


def test_each_rendered_form_has_a_key_of_its_own(client: Client, thread: Conversation) -> None:
    keys = {page(client, thread).split('name="key" value="')[1][:32] for _ in range(2)}
    assert len(keys) == 2


# --- Moves ---


def test_closing_and_reopening(client: Client, thread: Conversation) -> None:
    response = client.post(url(thread, "close"))
    assert (response.status_code, response["Location"]) == (302, url(thread))
    thread.refresh_from_db()
    assert thread.state == "closed"
    part = client.post(url(thread, "reopen"), headers=ENTRIES).content.decode()
    thread.refresh_from_db()
    assert thread.state == "open"
    assert 'id="thread-head" hx-swap-oob="true"' in part
    assert "agent@north.example reopened this" in part


def test_assigning(house: House, thread: Conversation) -> None:
    client = sign_in(house.supervisor)
    client.post(url(thread, "assign"), {"to": house.agent.pk})
    thread.refresh_from_db()
    assert thread.assignee == house.agent
    client.post(url(thread, "assign"), {"to": ""})
    thread.refresh_from_db()
    assert thread.assignee is None


@pytest.mark.parametrize("to", ["x", "999999", "9" * 30])
def test_assigning_to_nobody_we_know(client: Client, thread: Conversation, to: str) -> None:
    assert client.post(url(thread, "assign"), {"to": to}).status_code == 404


def test_assigning_to_a_foreigner(other_house: House, client: Client, thread: Conversation) -> None:
    assert client.post(url(thread, "assign"), {"to": other_house.agent.pk}).status_code == 404


def test_what_is_not_theirs_is_refused_with_a_sentence(house: House, client: Client, thread: Conversation) -> None:
    Conversation.objects.update(assignee=house.supervisor)
    whole = client.post(url(thread, "close"), follow=True).content.decode()
    assert "This conversation is assigned to supervisor@north.example." in whole
    thread.refresh_from_db()
    assert thread.state == "open"


def test_naming(client: Client, thread: Conversation) -> None:
    client.post(url(thread, "name"), {"name": " Blue Door "})
    thread.contact.refresh_from_db()
    assert thread.contact.name == "Blue Door"
    client.post(url(thread, "name"), {"name": "x" * 101})
    thread.contact.refresh_from_db()
    assert thread.contact.name == "Blue Door"


def test_reading_on_while_it_is_open(house: House, client: Client, thread: Conversation) -> None:
    assert client.post(url(thread, "read")).status_code == 204
    assert ReadMark.objects.get().heard == 1


def test_canceling_what_waits(house: House, client: Client, thread: Conversation) -> None:
    message = say(thread, "Wait", by=house.agent, state="queued")
    client.post(url(thread, f"messages/{message.pk}/cancel"))
    message.refresh_from_db()
    assert message.state == "canceled"
    assert "Too late" in client.post(url(thread, f"messages/{message.pk}/cancel"), follow=True).content.decode()


def test_trying_again(house: House, client: Client, thread: Conversation) -> None:
    message = say(thread, "Once more", by=house.agent, state="failed", why="The carrier was down.")
    client.post(url(thread, f"messages/{message.pk}/retry"))
    message.refresh_from_db()
    assert (message.state, message.why) == ("queued", "")


def test_a_required_reply_is_not_sent_again_by_hand(house: House, client: Client, thread: Conversation) -> None:
    optout.record_opt_out(organization=house.organization, number=thread.number, source=OptOut.Source.TEXT)
    message = say(thread, "You are unsubscribed.", state="failed", purpose="compliance", why="The carrier was down.")
    assert "Try again" not in page(client, thread)
    answer = client.post(url(thread, f"messages/{message.pk}/retry"), follow=True)
    assert "A required reply is sent by itself, once and at once." in answer.content.decode()
    message.refresh_from_db()
    assert message.state == "failed"


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_message_of_another_thread_is_not_found(
    house: House, client: Client, thread: Conversation, action: str
) -> None:
    other = make_thread(make_did(house.organization, "+13125550009", house.support))
    message = say(other, "Not yours", state="queued" if action == "cancel" else "failed")
    assert client.post(url(thread, f"messages/{message.pk}/{action}")).status_code == 404
    assert client.post(url(other, f"messages/{message.pk}/{action}")).status_code == 404
    state = message.state
    message.refresh_from_db()
    assert message.state == state


def test_at_night_the_composer_says_when_a_text_leaves(client: Client, house: House, thread: Conversation) -> None:
    """The clock in that sentence redraws nothing under somebody's hands."""
    TextingPolicy.objects.update(any_time=False)
    Conversation.objects.update(last_heard_at=None)
    night, shown = datetime(2026, 12, 2, 6, 40, tzinfo=UTC), []
    for minutes in (0, 1):
        with time_machine.travel(night + timedelta(minutes=minutes), tick=False):
            shown.append(page(client, thread))
    assert "It is 01:40 where this person is" in shown[0]
    assert "It is 01:41 where this person is" in shown[1]
    versions = [re.search(r'name="shown_composer" value="(\w+)"', text) for text in shown]
    assert versions[0]
    assert versions[1]
    assert versions[0][1] == versions[1][1]
    assert "What you send now leaves" in shown[0]
    assert 'name="body"' in shown[0]
