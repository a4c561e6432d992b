"""Pictures on their way out: signed, expiring links that carriers fetch. And in: copied from the carrier's links."""

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.files.base import ContentFile
from django.core.signing import BadSignature, TimestampSigner
from django.db.models import F
from django.http import FileResponse, Http404, HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from messaging import news, pictures
from messaging.models import Attachment
from portal import web
from portal.http import HttpAnswer, NotSent, Unanswered
from trunks import accounts, carriers
from trunks.carriers.base import MediaLink

# Twilio fetches up to 10 h after the text was queued; the other carriers sooner.
LINK_SECONDS = 24 * 3_600
MAX_INBOUND_BYTES = 5_000_000
MAX_TRIES = 5
RETRY_SECONDS = (5, 30, 120, 600, 3_600)


def _signer() -> TimestampSigner:
    return TimestampSigner(key=settings.PORTAL_LINK_KEY, salt="messaging.media")


def link(attachment_id: int) -> str:
    """An address at which a carrier can fetch one picture for a day, without signing in."""
    return settings.PORTAL_PUBLIC_URL + reverse("media-link", args=[_signer().sign(str(attachment_id))])


def links(message_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """message id -> links of its pictures, in order. One query, none when there is nothing to ask."""
    found: dict[int, list[str]] = defaultdict(list)
    if message_ids:
        rows = Attachment.objects.filter(message__in=message_ids, state=Attachment.State.STORED)
        for pk, message_id in rows.order_by("position").values_list("pk", "message_id"):
            found[message_id].append(link(pk))
    return {message_id: tuple(urls) for message_id, urls in found.items()}


@require_safe
@login_not_required
def link_view(request: HttpRequest, token: str) -> FileResponse:
    """The picture behind a signed link, with the exact type and length that carriers insist on (Plivo needs both)."""
    try:
        attachment_id = _signer().unsign(token, max_age=LINK_SECONDS)
        attachment = Attachment.objects.get(pk=attachment_id, state=Attachment.State.STORED)
        return file_response(attachment)
    except (BadSignature, Attachment.DoesNotExist, FileNotFoundError):
        raise Http404("This link is not valid, or no longer.") from None


def file_response(attachment: Attachment) -> FileResponse:
    """A stored picture as a response. Raises FileNotFoundError when the storage has lost it."""
    response = FileResponse(attachment.file.open("rb"), content_type=attachment.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    return response


def store(attachment: Attachment, picture: pictures.Picture) -> None:
    """Put a judged picture into our storage and say so on its row (saved when it has one)."""
    ending = picture.content_type.rpartition("/")[2].replace("jpeg", "jpg")
    attachment.content_type, attachment.size = picture.content_type, len(picture.data)
    attachment.width, attachment.height = picture.width, picture.height
    attachment.state, attachment.why = Attachment.State.STORED, ""
    attachment.file.save(f"picture.{ending}", ContentFile(picture.data), save=False)
    attachment.save()


def due(limit: int = 100) -> list[int]:
    """Inbound pictures that wait to be copied."""
    rows = Attachment.objects.filter(state=Attachment.State.PENDING, due_at__lte=timezone.now())
    return list(rows.order_by("due_at").values_list("pk", flat=True)[:limit])


def copy(attachment_id: int) -> None:
    """Fetch one inbound picture from the carrier and keep it. Refused or given up with a sentence for the thread."""
    step = timedelta(seconds=RETRY_SECONDS[0])
    taken = Attachment.objects.filter(pk=attachment_id, state=Attachment.State.PENDING, due_at__lte=timezone.now())
    if not taken.update(tries=F("tries") + 1, due_at=timezone.now() + step * 12):
        return  # another worker has it, or it is done
    attachment = Attachment.objects.select_related("message__account", "message").get(pk=attachment_id)
    if attachment.tries > MAX_TRIES:  # each earlier try ended in a fault of ours; the log has it
        _give_up(attachment, "The carrier's picture could not be taken in here.")
        return
    try:
        answer = _fetch(attachment)
    except (NotSent, Unanswered) as error:
        _later(attachment, f"The carrier's picture could not be fetched: {error}.")
        return
    if answer.status != 200:
        _later(attachment, f"The carrier's picture could not be fetched: it answered {answer.status}.")
        return
    try:
        store(attachment, pictures.prepare(answer.body, max_bytes=MAX_INBOUND_BYTES))
    except pictures.BadPicture as error:
        _refuse(attachment, str(error))
    except OSError:
        _later(attachment, "The picture could not be stored here; the disk may be full.")
    news.changed([attachment.message.conversation_id])


def _fetch(attachment: Attachment) -> HttpAnswer:
    account = attachment.message.account
    assert account is not None, "an inbound message has the account it came by"
    values = accounts.as_carrier_account(account)
    headers = carriers.get(account.kind).media_headers(values, attachment.source_url)
    return web.fetch(attachment.source_url, headers=headers, max_bytes=MAX_INBOUND_BYTES)


def _later(attachment: Attachment, why: str) -> None:
    if attachment.tries >= MAX_TRIES:
        _give_up(attachment, why)
        return
    due_at = timezone.now() + timedelta(seconds=RETRY_SECONDS[attachment.tries - 1])
    Attachment.objects.filter(pk=attachment.pk).update(due_at=due_at, why=why[:300])


def _give_up(attachment: Attachment, why: str) -> None:
    _refuse(attachment, why)
    news.changed([attachment.message.conversation_id])


def _refuse(attachment: Attachment, why: str) -> None:
    Attachment.objects.filter(pk=attachment.pk).update(state=Attachment.State.REFUSED, why=why[:300])


def expect(message_id: int, organization_id: int, media: Collection[MediaLink]) -> list[Attachment]:
    """Rows for an inbound message's pictures, to be copied by a task."""
    return Attachment.objects.bulk_create(
        Attachment(
            organization_id=organization_id,
            message_id=message_id,
            position=position,
            state=Attachment.State.PENDING,
            source_url=one.url[:2_000],
            content_type=one.content_type[:100],
        )
        for position, one in enumerate(media)
    )
