"""`manage.py send`: one text through gate and lane, and what became of it."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from PIL import Image

from compliance import optout
from compliance.models import OptOut
from messaging import health
from messaging.models import Conversation, Heartbeat, Lane, Message, State
from portal.management.commands import send
from portal.models import AuditEvent
from tests.messaging.desk import Desk
from trunks.models import Did


def run(desk: Desk, to: str, *words: str, did: str = "", body: str = "Your order is ready.") -> str:
    out = StringIO()
    call_command(
        "send",
        "--org",
        desk.house.slug,
        "--from",
        did or desk.did.number,
        "--to",
        to,
        "--body",
        body,
        *words,
        stdout=out,
    )
    return out.getvalue()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """What the rest of the portal does each time the command waits a moment."""

    def act(work: Callable[[], object]) -> None:
        monkeypatch.setattr(send.time, "sleep", lambda seconds: work())

    return act


def test_prints_the_id_of_a_queued_text_that_is_nobodys(desk: Desk) -> None:
    printed = run(desk, "(212) 555-0123")
    message = Message.objects.get()
    assert printed == f"{message.pk}\n"
    assert (message.state, message.number, message.body, message.by) == (
        State.QUEUED, "+12125550123", "Your order is ready.", None,
    )  # fmt: skip
    event = AuditEvent.objects.get(action="messaging.message.sent_by_operator")
    assert (event.subject, event.data) == ("+12125550123", {"message": message.pk, "did": desk.did.number})


def test_the_same_text_again_is_another_text(desk: Desk) -> None:
    number = desk.customer()
    run(desk, number)
    run(desk, number)
    assert Message.objects.filter(number=number).count() == 2


def test_waits_until_it_is_delivered(desk: Desk, meanwhile: Callable[[Callable[[], object]], None]) -> None:
    number = desk.customer()

    def work() -> None:
        desk.dispatch()
        desk.carry(desk.webhooks(kind='"delivered"', number=number))

    meanwhile(work)
    printed = run(desk, number, "--wait")
    assert printed == f"{Message.objects.get().pk}\nDelivered\n"


def test_another_end_is_a_failure_with_the_reason(
    desk: Desk, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    meanwhile(desk.dispatch)
    with pytest.raises(CommandError) as failed:
        run(desk, "+12125550001", "--wait")
    assert str(failed.value) == "Failed. There is no such number. Check it with the customer."
    assert failed.value.returncode == 1


def test_says_that_no_worker_runs(
    desk: Desk, meanwhile: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    Heartbeat.objects.create(task=health.TICK, at=timezone.now() - timedelta(minutes=3))
    monkeypatch.setattr(send, "PATIENCE_SECONDS", 0)
    meanwhile(lambda: Message.objects.update(due_at=timezone.now() - timedelta(seconds=3)))
    with pytest.raises(CommandError, match="^No worker is running, so the text stays queued"):
        run(desk, desk.customer(), "--wait")
    assert Message.objects.get().state == State.QUEUED


def test_a_living_worker_and_a_closed_lane_are_waited_for(
    desk: Desk, meanwhile: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "PATIENCE_SECONDS", 0)
    health.beat(health.TICK, timezone.now())
    late = {"due_at": timezone.now() - timedelta(seconds=3)}
    meanwhile(lambda: Message.objects.update(**late))
    with pytest.raises(CommandError, match=r"^No end within 0\.05 s: it is queued\.$"):
        run(desk, desk.customer(), "--wait", "0.05")
    Heartbeat.objects.all().delete()
    Lane.objects.update(paused_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(CommandError, match=r"^No end within 0\.05 s: it is queued\.$"):
        run(desk, desk.customer(), "--wait", "0.05")


def test_the_gate_refuses_and_nothing_is_written(desk: Desk) -> None:
    number = desk.customer()
    optout.record_opt_out(
        organization=desk.house.organization, number=number, source=OptOut.Source.STAFF, why="Said so on the phone."
    )
    with pytest.raises(CommandError, match=r"^This person has opted out of texts\. They can text START"):
        run(desk, number)
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="messaging.").exists()


def test_a_picture_goes_along(desk: Desk) -> None:
    file = BytesIO()
    Image.new("RGB", (120, 120), "#336699").save(file, "PNG")
    desk.heard.files["/tower.png"] = ("image/png", file.getvalue())
    run(desk, desk.customer(), "--media", f"{desk.heard.url}/tower.png")
    picture = Message.objects.get().attachments.get()
    assert (picture.state, picture.content_type, picture.width) == ("stored", "image/png", 120)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/none.png", "--media: the picture could not be fetched, the address answered 404."),
        ("/page.html", "--media: This is"),
    ],
)
def test_what_is_no_picture_is_refused(desk: Desk, path: str, sentence: str) -> None:
    desk.heard.files["/page.html"] = ("text/html", b"<!doctype html><p>Hello</p>")
    with pytest.raises(CommandError) as failed:
        run(desk, desk.customer(), "--media", desk.heard.url + path)
    assert str(failed.value).startswith(sentence)
    assert not Message.objects.exists()


def test_names_what_does_not_exist(desk: Desk) -> None:
    with pytest.raises(CommandError, match=r"^North Calls has no DID \+12125550199\.$"):
        run(desk, desk.customer(), did="+12125550199")
    with pytest.raises(CommandError, match=r"^--to: This is not a telephone number\.$"):
        run(desk, "nobody")
    with pytest.raises(CommandError, match=r"^There is no organization 'west'\.$"):
        call_command("send", "--org", "west", "--from", desk.did.number, "--to", desk.customer(), "--body", "Hi")


def test_a_did_without_texting_says_so(desk: Desk) -> None:
    Did.objects.update(text_state="off")
    with pytest.raises(CommandError, match=r"^This DID is not switched on for texts\. "):
        run(desk, desk.customer())
