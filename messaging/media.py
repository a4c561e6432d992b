"""Pictures on their way out: signed, expiring links that carriers fetch. And in: copied from the carrier's links."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.files.base import ContentFile
from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import FileResponse, Http404, HttpRequest
from django.urls import reverse
from django.views.decorators.http import require_safe

from messaging import news, pictures
from messaging.hands import Hands
from messaging.models import Attachment
from portal import web
from portal.clock import database_now
from portal.http import Barred, HttpAnswer, NotSent, TooLong, Unanswered
from trunks import accounts, carriers
from trunks.carriers.base import MediaLink

# Twilio fetches up to 10 h after the text was queued; the other carriers sooner.
LINK_SECONDS = 24 * 3_600
MAX_INBOUND_BYTES = 5_000_000
MAX_TRIES = 5
RETRY_SECONDS = (5, 30, 120, 600, 3_600)
PATIENT_TRIES = 50  # two days: as long as the hastiest carrier keeps a picture (Bandwidth)
TAKEN_SECONDS = 60  # when a worker that began a try and said no more is taken for dead
_hands = Hands(4)  # of a worker's eight threads


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
    """Put a judged picture into our storage and say so on its row (saved when it has one).

    Raises OSError when there is no room. Whatever is raised, no file stays behind.
    """
    ending = picture.content_type.rpartition("/")[2].replace("jpeg", "jpg")
    attachment.content_type, attachment.size = picture.content_type, len(picture.data)
    attachment.width, attachment.height = picture.width, picture.height
    attachment.state, attachment.why = Attachment.State.STORED, ""
    # A name that nothing else has, so that what is half written under it is ours to delete.
    name = attachment.file.field.generate_filename(attachment, f"{uuid.uuid4().hex}.{ending}")
    try:
        attachment.file = attachment.file.storage.save(name, ContentFile(picture.data))
        attachment.save()
    except BaseException:
        attachment.file.storage.delete(name)
        raise


def discard(attachments: Iterable[Attachment]) -> None:
    """Delete the files of pictures whose rows will not be kept."""
    for attachment in attachments:
        attachment.file.delete(save=False)


# --- Inbound: copied from the carrier's links ---


def due(limit: int = 50) -> list[int]:
    """Inbound pictures that wait to be copied."""
    rows = Attachment.objects.filter(state=Attachment.State.PENDING, due_at__lte=database_now())
    return list(rows.order_by("due_at").values_list("pk", flat=True)[:limit])


def copy(attachment_id: int) -> None:
    """Fetch one inbound picture from the carrier and keep it; put off or refused with a sentence for the thread."""
    with _hands.on() as is_free:
        attachment = _taken(attachment_id) if is_free else None
        if attachment is not None:
            _copy(attachment)
            news.changed([attachment.message.conversation_id])


def _taken(attachment_id: int) -> Attachment | None:
    """The attachment with one more try begun, or None: another worker has it, or it is done."""
    attachment = Attachment.objects.select_related("message__account").get(pk=attachment_id)
    now = database_now()
    rows = Attachment.objects.filter(
        pk=attachment_id, state=Attachment.State.PENDING, tries=attachment.tries, due_at__lte=now
    )
    if not rows.update(tries=F("tries") + 1, why="", due_at=now + timedelta(seconds=TAKEN_SECONDS)):
        return None
    attachment.tries += 1
    return attachment


def _copy(attachment: Attachment) -> None:
    if attachment.tries > MAX_TRIES and not attachment.why:
        # The try before this one ended without a word: a fault of ours, or the end of its worker. The log has it.
        _refuse(attachment, "The picture could not be taken in here. Ask the customer to send it again.")
        return
    try:
        answer = _fetch(attachment)
    except Barred:
        _refuse(attachment, "The picture's link leads nowhere, or to a private address. Ask the customer for it again.")
    except TooLong:
        most = f"{MAX_INBOUND_BYTES // 1_000_000} MB"
        _refuse(attachment, f"The picture is larger than {most}. Ask the customer for a smaller one.")
    except (NotSent, Unanswered) as error:
        _later(attachment, f"The picture could not be fetched: {error}.")
    else:
        _keep(attachment, answer)


def _fetch(attachment: Attachment) -> HttpAnswer:
    account = attachment.message.account
    assert account is not None, "an inbound message has the account it came by"
    values = accounts.as_carrier_account(account)
    return web.fetch(
        attachment.source_url,
        headers=carriers.get(account.kind).media_headers(values, attachment.source_url),
        max_bytes=MAX_INBOUND_BYTES,
        timeout=settings.MESSAGING_MEDIA_TIMEOUT_SECONDS,
        home=account.base_url,
    )


def _keep(attachment: Attachment, answer: HttpAnswer) -> None:
    if answer.status != 200:
        # What the carrier does not have will hardly come back; its other troubles pass.
        tries = MAX_TRIES if 400 <= answer.status < 500 else PATIENT_TRIES
        _later(attachment, f"The picture could not be fetched: the carrier answered {answer.status}.", tries=tries)
        return
    try:
        picture = pictures.prepare(answer.body, max_bytes=MAX_INBOUND_BYTES)
        with transaction.atomic():
            if _pending(attachment).select_for_update().first() is not None:
                store(attachment, picture)
    except pictures.BadPicture as error:
        _refuse(attachment, f"{error.what}. Ask the customer to send it as a photo.")
    except OSError:
        _later(attachment, "The picture could not be stored: the portal's disk may be full. Tell whoever runs it.")


def _later(attachment: Attachment, why: str, *, tries: int = PATIENT_TRIES) -> None:
    if attachment.tries >= tries:
        _refuse(attachment, f"{why} Ask the customer to send it again.")
        return
    wait = RETRY_SECONDS[min(attachment.tries, len(RETRY_SECONDS)) - 1]
    _pending(attachment).update(
        due_at=database_now() + timedelta(seconds=wait), why=f"{why} We try again by ourselves."[:300]
    )


def _refuse(attachment: Attachment, why: str) -> None:
    _pending(attachment).update(state=Attachment.State.REFUSED, why=why[:300])


def _pending(attachment: Attachment) -> QuerySet[Attachment]:
    """Its row, unless a later try has it by now."""
    return Attachment.objects.filter(pk=attachment.pk, state=Attachment.State.PENDING, tries=attachment.tries)


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
