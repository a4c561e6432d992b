"""Things that are old: texts with all that hangs on them, receipts, raw webhooks, pictures in the storage."""

from datetime import datetime, timedelta
from itertools import count

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from compliance import retention
from compliance.models import RetentionPolicy
from messaging.models import Attachment, Attempt, AttemptPart, Conversation, Delivery, Message, Receipt
from portal.models import Membership
from tests.messaging.threads import hear, make_account, say

_ids = count(1)
LONG_AGO = 6 * 366  # days: more than the law wants


def ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def old_text(thread: Conversation, days: float = LONG_AGO, body: str = "Old words", **fields: object) -> Message:
    """One we sent, with its attempt, part, two receipts and no picture."""
    message = say(thread, body, ago(days), **fields)
    account = make_account(thread.organization)
    attempt = Attempt.objects.create(message=message, number=1, account=account, state="delivered")
    name = f"part-{next(_ids)}"
    part = AttemptPart.objects.create(attempt=attempt, account=account, carrier_id=name, state="delivered")
    for word in ("sent", "delivered"):
        old_receipt(thread, days, part=part, carrier_id=name, word=word)
    return message


def old_receipt(thread: Conversation, days: float, **fields: object) -> Receipt:
    values = {"carrier_id": f"parked-{next(_ids)}", "status": "sent", "word": "sent"} | fields
    at = ago(days)
    return Receipt.objects.create(account=make_account(thread.organization), carrier_at=at, received_at=at, **values)


def old_webhook(thread: Conversation, days: float, body: bytes = b"{}", **fields: object) -> Delivery:
    values = {"processed_at": ago(days)} | fields
    return Delivery.objects.create(
        account=make_account(thread.organization),
        key=f"event-{next(_ids)}",
        url="https://portal.example/hooks/",
        body=body,
        received_at=ago(days),
        **values,
    )


def old_picture(message: Message, days: float, **fields: object) -> Attachment:
    """A stored file; `file.name` is where it lies."""
    values = {"state": Attachment.State.STORED, "created_at": ago(days), "source_url": "https://a.test/1"} | fields
    row = Attachment(organization_id=message.organization_id, message=message, position=next(_ids) % 30_000, **values)
    if row.state == Attachment.State.STORED:
        row.file.save("picture.png", ContentFile(b"a picture"), save=False)
    row.save()
    Message.objects.filter(pk=message.pk).update(has_media=True)
    return row


def is_stored(name: str) -> bool:
    return bool(default_storage.exists(name))


def heard_long_ago(thread: Conversation, body: str = "Old question", days: float = LONG_AGO) -> Message:
    return hear(thread, body, ago(days))


def keep(owner: Membership, **days: int | None) -> RetentionPolicy:
    """The owner's rule: the defaults but for these; shorter than the law with a reason."""
    policy = retention.policy_of(owner.organization)
    values = {name: getattr(policy, name) for name in retention.FIELDS} | days
    retention.change(organization=owner.organization, days=values, below_law_why="Privacy", by=owner.user)
    return retention.policy_of(owner.organization)
