"""Pictures on their way in and out."""

import io
from datetime import timedelta
from http import HTTPStatus

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from PIL import Image

from messaging import inbound, media
from messaging.models import Attachment, Message
from messaging.pictures import prepare
from tests.messaging.desk import Desk
from trunks.carriers.events import InboundMessage, MediaLink


def png(color: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "PNG")
    return file.getvalue()


def came_with(desk: Desk, url: str) -> Attachment:
    """A customer's text came with a picture behind `url`."""
    event = InboundMessage(
        carrier_id=f"text-{url}",
        from_number=desk.customer(),
        to_number=desk.did.number,
        body="Look",
        media=(MediaLink(url=url, content_type="image/png"),),
    )
    inbound.receive(desk.account, event)
    return Attachment.objects.get()


def served(desk: Desk, path: str, content: bytes, kind: str = "image/png") -> str:
    desk.heard.files[path] = (kind, content)
    return desk.heard.url + path


def test_a_picture_is_copied_once(desk: Desk) -> None:
    attachment = came_with(desk, served(desk, "/a.png", png()))
    assert media.due() == [attachment.pk]
    media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.state, attachment.content_type, attachment.width, attachment.height) == (
        "stored",
        "image/png",
        40,
        30,
    )
    assert Image.open(attachment.file).size == (40, 30)
    name = attachment.file.name
    media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.file.name, attachment.tries, media.due()) == (name, 1, [])


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/a.png",
        "http://[::ffff:127.0.0.1]:1/a.png",
        "file:///etc/passwd",
    ],
)
def test_a_private_address_is_never_fetched(desk: Desk, url: str) -> None:
    attachment = came_with(desk, url)
    media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.state, attachment.tries) == ("pending", 1)
    assert attachment.why.startswith("The carrier's picture could not be fetched: ")


def test_a_file_that_lies_about_its_type_is_refused(desk: Desk) -> None:
    attachment = came_with(desk, served(desk, "/evil.png", b"<svg onload=alert(1)>"))
    media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.state, bool(attachment.file)) == ("refused", False)
    assert attachment.why


def test_a_link_that_stays_silent_is_given_up_with_a_sentence(desk: Desk) -> None:
    attachment = came_with(desk, desk.heard.url + "/nothing-here.png")
    for _ in range(media.MAX_TRIES):
        Attachment.objects.update(due_at=timezone.now())
        media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.state, attachment.tries) == ("refused", media.MAX_TRIES)
    assert attachment.why == "The carrier's picture could not be fetched: it answered 404."


def out(desk: Desk) -> Attachment:
    picture = prepare(png(), max_bytes=600_000)
    desk.queue(desk.thread(), "Look", pictures=[picture])
    return Attachment.objects.get()


def test_the_carrier_gets_links_it_can_fetch(desk: Desk, client: Client) -> None:
    attachment = out(desk)
    (url,) = media.links([attachment.message_id])[attachment.message_id]
    answer = client.get(url.removeprefix(desk.heard.url))
    assert answer.status_code == HTTPStatus.OK
    assert (answer["Content-Type"], answer["Content-Length"]) == ("image/png", str(attachment.size))
    assert b"".join(answer.streaming_content) == attachment.file.read()  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [lambda url: url[:-2] + "x/", lambda url: url.replace("/m/", "/m/9")])
def test_a_forged_link_leads_nowhere(desk: Desk, client: Client, change: object) -> None:
    url = media.link(out(desk).pk).removeprefix(desk.heard.url)
    assert client.get(change(url)).status_code == HTTPStatus.NOT_FOUND  # type: ignore[operator]


def test_a_link_is_good_for_a_day(desk: Desk, client: Client) -> None:
    url = media.link(out(desk).pk).removeprefix(desk.heard.url)
    with time_machine.travel(timezone.now() + timedelta(hours=23, minutes=59)):
        assert client.get(url).status_code == HTTPStatus.OK
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=5)):
        assert client.get(url).status_code == HTTPStatus.NOT_FOUND


def test_a_text_that_is_refused_leaves_nothing(desk: Desk) -> None:
    desk.did.mms = False
    desk.did.save()
    with pytest.raises(Exception, match="cannot send pictures"):
        out(desk)
    assert (Message.objects.count(), Attachment.objects.count()) == (0, 0)


def test_a_picture_that_breaks_us_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    attachment = came_with(desk, served(desk, "/b.png", png()))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(media.pictures, "prepare", broken)
    for _ in range(media.MAX_TRIES):
        Attachment.objects.update(due_at=timezone.now())
        with pytest.raises(ZeroDivisionError):
            media.copy(attachment.pk)
    Attachment.objects.update(due_at=timezone.now())
    media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.state, attachment.why) == ("refused", "The carrier's picture could not be taken in here.")
