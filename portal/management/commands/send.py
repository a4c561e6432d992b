"""`send --org SLUG --from DID --to NUMBER --body TEXT [--media URL] [--wait [SECONDS]]`."""

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from messaging import health, inbound, outbound, pictures
from messaging.models import WAITING, Message, Purpose, State
from portal import audit, phone, web
from portal.clock import database_now
from portal.http import NotSent, Unanswered
from portal.models import Organization
from trunks import carriers
from trunks.models import Did

ENDS = (State.DELIVERED, State.UNDELIVERED, State.FAILED, State.CANCELED, State.EXPIRED)
WAIT_SECONDS = 60
PATIENCE_SECONDS = 5.0  # a worker takes a due text within a tick or two
LOOK_SECONDS = 0.2


class Command(BaseCommand):
    help = "Send one text through gate and lane; prints its id and, with --wait, what became of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--org", required=True, metavar="SLUG", help="the organization's short name")
        parser.add_argument("--from", required=True, metavar="DID", dest="did", help="one of its DIDs")
        parser.add_argument("--to", required=True, metavar="NUMBER")
        parser.add_argument("--body", required=True, metavar="TEXT", help="may be empty when a picture is sent")
        parser.add_argument("--media", action="append", default=[], metavar="URL", help="a picture; may be repeated")
        parser.add_argument(
            "--wait",
            type=float,
            nargs="?",
            const=WAIT_SECONDS,
            metavar="SECONDS",
            help=f"wait for the end status, {WAIT_SECONDS} s unless told; exit status 0 means delivered",
        )

    def handle(self, *, org: str, did: str, to: str, body: str, media: list[str], **options: Any) -> None:
        organization = _organization(org)
        message = _queue(organization, _did(organization, did), _number(to, "--to"), body, media)
        self.stdout.write(str(message.pk))
        self.stdout.flush()
        if options["wait"] is not None:
            self.stdout.write(_end(message.pk, options["wait"]))


def _organization(slug: str) -> Organization:
    organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise CommandError(f"There is no organization '{slug}'.")
    return organization


def _number(text: str, option: str) -> str:
    try:
        return phone.to_e164(text)
    except phone.NotANumber as error:
        raise CommandError(f"{option}: {error}") from None


def _did(organization: Organization, text: str) -> Did:
    number = _number(text, "--from")
    dids = Did.objects.current().select_related("account").filter(organization=organization, number=number)
    did = dids.first()
    if did is None:
        raise CommandError(f"{organization} has no DID {number}.")
    return did


# --- Sending ---


def _queue(organization: Organization, did: Did, number: str, body: str, media: list[str]) -> Message:
    """The text of nobody in the portal: the trail says that an operator sent it."""
    prepared = [_picture(did, url) for url in media]
    try:
        with transaction.atomic():
            message = outbound.queue_message(
                conversation=inbound.thread_for(did, number),
                body=body,
                by=None,
                key=f"send:{uuid.uuid4().hex}",
                purpose=Purpose.REPLY,
                pictures=prepared,
            )
            audit.record(
                "messaging.message.sent_by_operator",
                organization=organization,
                by=None,
                subject=number,
                message=message.pk,
                did=did.number,
            )
    except outbound.MessageRefused as refused:
        raise CommandError(f"{refused.sentence} {refused.help}".strip()) from None
    return message


def _picture(did: Did, url: str) -> pictures.Picture:
    if did.account is None:
        raise CommandError(f"No carrier account texts for {did.number}.")
    limits = carriers.get(did.account.kind).LIMITS
    try:
        answer = web.fetch(url)
        if answer.status != 200:
            raise CommandError(f"--media: the picture could not be fetched, the address answered {answer.status}.")
        return pictures.prepare(answer.body, max_bytes=limits.media_bytes, allowed=limits.media_types)
    except (NotSent, Unanswered) as error:
        raise CommandError(f"--media: the picture could not be fetched: {error}.") from None
    except pictures.BadPicture as error:
        raise CommandError(f"--media: {error}") from None


# --- Waiting ---


def _end(message_id: int, seconds: float) -> str:
    """The word of a delivered text. Any other end, and no end in time, is a CommandError that says why."""
    started = time.monotonic()
    while True:
        message = Message.objects.select_related("lane").get(pk=message_id)
        waited = time.monotonic() - started
        if message.state == State.DELIVERED:
            return message.get_state_display()
        if message.state in ENDS:
            raise CommandError(f"{message.get_state_display()}. {message.why}".strip())
        if waited > PATIENCE_SECONDS and (why := _nobody_works(message)):
            raise CommandError(why)
        if waited > seconds:
            raise CommandError(_not_yet(message, seconds))
        time.sleep(LOOK_SECONDS)


def _nobody_works(message: Message) -> str:
    """Why this text will not leave, when no worker takes it; "" while it is somebody's or has its reason to wait."""
    now = database_now()
    if message.state not in WAITING or health.is_worker_alive(now) or not _is_due(message, now):
        return ""
    return (
        "No worker is running, so the text stays queued; it leaves when one is started "
        f"before {_clock(message)}. `up` starts one, or see `doctor`."
    )


def _is_due(message: Message, now: datetime) -> bool:
    paused_until = message.lane.paused_until if message.lane else None
    is_open = paused_until is None or paused_until <= now
    return is_open and message.due_at is not None and message.due_at <= now - timedelta(seconds=1)


def _not_yet(message: Message, seconds: float) -> str:
    why = f" {message.why}" if message.why else ""
    return f"No end within {seconds:g} s: it is {message.get_state_display().lower()}.{why}"


def _clock(message: Message) -> str:
    assert message.valid_until is not None, "every outbound text has one"
    return timezone.localtime(message.valid_until).strftime("%H:%M %Z")
