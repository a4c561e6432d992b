"""Pictures on their way in and out."""

import errno
import io
from datetime import timedelta
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from PIL import Image

from messaging import inbound, media
from messaging.hands import Hands
from messaging.models import Attachment, Message
from messaging.outbound import MessageRefused
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
    """The carrier's own link to a file."""
    desk.account.base_url = desk.heard.url
    desk.account.save(update_fields=["base_url"])
    desk.heard.files[path] = (kind, content)
    return desk.heard.url + path


def files() -> set[Path]:
    """Everything in our storage."""
    return {path for path in Path(Attachment().file.storage.path("")).rglob("*") if path.is_file()}


def again(attachment: Attachment, times: int = 1) -> None:
    """The next tries, as if their time had come."""
    for _ in range(times):
        Attachment.objects.update(due_at=timezone.now())
        media.copy(attachment.pk)
    attachment.refresh_from_db()


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
    assert (attachment.state, attachment.tries) == ("refused", 1)
    assert attachment.why == (
        "The picture's link leads nowhere, or to a private address. Ask the customer for it again."
    )


def test_another_private_host_of_the_operators_is_never_fetched(desk: Desk) -> None:
    """The desk's carrier is the sandbox; the listener is an entry of its own."""
    desk.heard.files["/a.png"] = ("image/png", png())
    attachment = came_with(desk, desk.heard.url + "/a.png")
    media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.state, bool(attachment.file)) == ("refused", False)


def test_a_file_that_lies_about_its_type_is_refused(desk: Desk) -> None:
    attachment = came_with(desk, served(desk, "/evil.png", b"<svg onload=alert(1)>"))
    media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert (attachment.state, bool(attachment.file)) == ("refused", False)
    assert attachment.why == "This is an SVG drawing. Ask the customer to send it as a photo."


def test_a_link_the_carrier_does_not_know_is_given_up_with_a_sentence(desk: Desk) -> None:
    attachment = came_with(desk, served(desk, "/nothing-here.png", b""))
    again(attachment)
    assert (attachment.state, attachment.tries) == ("pending", 1)
    assert attachment.why == "The picture could not be fetched: the carrier answered 404. We try again by ourselves."
    again(attachment, media.MAX_TRIES - 1)
    assert (attachment.state, attachment.tries) == ("refused", media.MAX_TRIES)
    assert attachment.why == (
        "The picture could not be fetched: the carrier answered 404. Ask the customer to send it again."
    )


def test_a_full_disk_is_waited_for_and_leaves_no_half_written_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    attachment, before = came_with(desk, served(desk, "/a.png", png())), files()
    kept = FileSystemStorage._save

    def full(self: FileSystemStorage, name: str, content: Any) -> str:
        kept(self, name, ContentFile(content.read(100)))
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(FileSystemStorage, "_save", full)
        again(attachment, media.MAX_TRIES + 1)  # carriers that fail are given up sooner than our own disk
    assert (attachment.state, attachment.tries) == ("pending", media.MAX_TRIES + 1)
    assert attachment.why == (
        "The picture could not be stored: the portal's disk may be full. Tell whoever runs it. "
        "We try again by ourselves."
    )
    assert files() == before
    again(attachment)
    assert (attachment.state, attachment.why, Image.open(attachment.file).size) == ("stored", "", (40, 30))


def test_what_is_not_written_down_leaves_no_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    attachment, before = came_with(desk, served(desk, "/a.png", png())), files()

    def lost(*_: object, **__: object) -> None:
        raise OperationalError

    monkeypatch.setattr(Attachment, "save", lost)
    with pytest.raises(OperationalError):
        media.copy(attachment.pk)
    assert files() == before
    attachment.refresh_from_db()
    assert (attachment.state, bool(attachment.file)) == ("pending", False)


def test_a_try_that_was_overtaken_keeps_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that stood still wakes when another has taken the picture up: one file, and the later try's word."""
    attachment, before = came_with(desk, served(desk, "/a.png", png())), files()
    fetch, fetched = media._fetch, []

    def slow(taken: Attachment) -> Any:
        answer = fetch(taken)
        if not fetched:
            fetched.append(taken.tries)
            again(attachment)
        return answer

    monkeypatch.setattr(media, "_fetch", slow)
    media.copy(attachment.pk)
    name = attachment.file.name
    attachment.refresh_from_db()
    assert (attachment.state, attachment.tries, attachment.file.name) == ("stored", 2, name)
    assert len(files() - before) == 1


def test_no_more_than_a_few_are_fetched_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    attachment = came_with(desk, served(desk, "/a.png", png()))
    monkeypatch.setattr(media, "_hands", Hands(1))
    with media._hands.on():
        media.copy(attachment.pk)
        attachment.refresh_from_db()
        assert (attachment.state, attachment.tries, media.due()) == ("pending", 0, [attachment.pk])
    media.copy(attachment.pk)
    attachment.refresh_from_db()
    assert attachment.state == "stored"


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


def test_pictures_there_is_no_room_for_are_refused_with_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    thread, picture = desk.thread(), prepare(png(), max_bytes=600_000)
    kept, stored, before = FileSystemStorage._save, count(), files()

    def full(self: FileSystemStorage, name: str, content: Any) -> str:
        if next(stored) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return kept(self, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    with pytest.raises(MessageRefused) as refusal:
        desk.queue(thread, "Look", pictures=[picture, picture])
    assert refusal.value.sentence == "The pictures could not be stored: the portal's disk may be full."
    assert (Message.objects.count(), Attachment.objects.count()) == (0, 0)
    assert files() == before


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
    assert attachment.state == "refused"
    assert attachment.why == "The picture could not be taken in here. Ask the customer to send it again."
