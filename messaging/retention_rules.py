"""What a retention rule lets go, and how: words before records, never what is held or has not ended.

At the end of its time a text loses its words and pictures and stays as a record (numbers, times, who, cost, its end).
That keeps the proof, still refuses a carrier's late repeat, and leaves threads and counts whole. The record itself goes
only when the organization says so. Opt-outs, consent and the audit trail are never touched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from compliance import holds, retention
from compliance.models import LAW_DAYS, RetentionPolicy
from messaging.models import (
    UNSETTLED,
    Attachment,
    Conversation,
    Delivery,
    DiscardedFile,
    Message,
    OptOutDoubt,
    ParkedText,
    Receipt,
    ThreadNote,
)
from portal.models import Organization
from trunks.models import CarrierAccount

BATCH = 500  # rows of one transaction
FEW = 100  # where each row brings others along: a record its attempts and receipts, a picture its file


class Kind(StrEnum):
    WEBHOOKS = "webhooks"
    RECEIPTS = "receipts"
    PICTURES = "pictures"
    TEXTS = "texts"
    RECORDS = "records"


Rows = QuerySet[Any]
Place = tuple[datetime, int]  # age and id of the last row looked at


@dataclass(frozen=True, slots=True)
class Page:
    """Ids of rows that go, and behind which row the next page begins; None: there is none."""

    ids: Sequence[int] = ()
    next: Place | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` stands in a run's place; `days`: the policy's field; `age`: the rows' own time.

    `rows` are those of the kind that may go once they are old enough, `clear` takes their ids and says how many went.
    by_account: rows of one carrier account at a time, in the order of their ids, in which they also came.
    last_text_counts: by the law's years, which begin with the last text.
    """

    name: str
    kind: Kind
    days: str
    age: str
    rows: Callable[[int], Rows]
    clear: Callable[[int, Sequence[int]], int]
    size: int = BATCH
    by_account: bool = False
    last_text_counts: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A rule for one organization, or for one of its carrier accounts."""

    rule: Rule
    account: str = ""

    @property
    def name(self) -> str:
        return f"{self.rule.name}/{self.account}"

    def page(self, policy: RetentionPolicy, now: datetime, after: Place | None) -> Page:
        """The next rows that go, the oldest first."""
        limit = self._limit(policy, now)
        if limit is None:
            return Page()
        rows, age = self._rows(policy, now), self.rule.age
        if self.rule.by_account:
            rows = (rows.filter(pk__gt=after[1]) if after else rows).order_by("pk")
        else:
            rows = rows.filter((f"{age}__lt", limit)).order_by(age, "pk")
            rows = rows.filter((f"{age}__gte", after[0])).exclude((age, after[0]), pk__lte=after[1]) if after else rows
        found: list[Place] = [(at, pk) for pk, at in rows.values_list("pk", age)[: self.rule.size]]
        ids = [pk for at, pk in found if at < limit]
        return Page(ids, found[-1] if ids and len(found) == self.rule.size else None)

    def count(self, policy: RetentionPolicy, now: datetime, most: int | None) -> int:
        """How many rows go now; `most` + 1 when there are more than `most`."""
        limit = self._limit(policy, now)
        if limit is None:
            return 0
        rows = self._rows(policy, now)
        old = rows.filter((f"{self.rule.age}__lt", limit)).values("pk")
        if most is None:
            return old.count()
        if self.rule.by_account:  # the first ones in their order: those behind them are younger
            return old.filter(pk__in=rows.order_by("pk").values("pk")[: most + 1]).count()
        return old[: most + 1].count()

    def _limit(self, policy: RetentionPolicy, now: datetime) -> datetime | None:
        """What is older goes; None: nothing."""
        days = retention.kept(policy, self.rule.days)
        return None if days is None else now - timedelta(days=days)

    def _rows(self, policy: RetentionPolicy, now: datetime) -> Rows:
        rows = self.rule.rows(policy.organization_id)
        if self.account:
            rows = rows.filter(account=self.account)
        if self.rule.last_text_counts and (retention.kept(policy, self.rule.days) or 0) >= LAW_DAYS:
            rows = rows.filter(_silent_since(now - timedelta(days=LAW_DAYS), rows.model))
        return rows


# --- What may go ---


def _webhooks(organization_id: int) -> Rows:
    rows = Delivery.objects.filter(account__organization=organization_id, processed_at__isnull=False)
    if not holds.active(organization_id).exists():
        return rows
    told = Receipt.objects.filter(_receipt_is_held(), delivery=OuterRef("pk"))
    return rows.exclude(Exists(told))


def _placed(organization_id: int) -> Rows:
    """Copies of texts that have become messages."""
    return _parked(organization_id).filter(placed_at__isnull=False)


def _unplaced(organization_id: int) -> Rows:
    """Texts to numbers that never became DIDs: nothing but words."""
    return _parked(organization_id).filter(placed_at=None)


def _parked(organization_id: int) -> Rows:
    is_held = holds.held(organization="account__organization", number="from_number", our_number="to_number")
    return ParkedText.objects.filter(~is_held, account__organization=organization_id)


def _receipts(organization_id: int) -> Rows:
    is_ended = Q(part=None) | ~Q(part__attempt__message__state__in=UNSETTLED)
    return Receipt.objects.filter(is_ended, ~_receipt_is_held(), account__organization=organization_id)


def _receipt_is_held() -> Exists:
    message = "part__attempt__message__"
    return holds.held(
        organization="account__organization",
        number=f"{message}number",
        our_number=f"{message}conversation__did__number",
    )


def _messages(organization_id: int) -> Rows:
    """Texts that nobody holds, about which nobody has still to decide, and whose pictures are not on their way."""
    pending = Attachment.objects.filter(message=OuterRef("pk"), state=Attachment.State.PENDING)
    return Message.objects.filter(~_is_held(""), ~Exists(pending), ~_is_in_doubt("pk"), organization=organization_id)


def _is_in_doubt(message: str) -> Exists:
    """Whether a text may be a wish to get no more, and a person has still to say whether it is."""
    return Exists(OptOutDoubt.objects.filter(message=OuterRef(message), state=OptOutDoubt.State.PENDING))


def _is_held(message: str) -> Exists:
    return holds.held(
        organization="organization", number=f"{message}number", our_number=f"{message}conversation__did__number"
    )


def _texts(organization_id: int) -> Rows:
    return _messages(organization_id).filter(_is_ended(), redacted_at=None)


def _records(organization_id: int) -> Rows:
    """Only what has lost its words: a record is never kept shorter than they are."""
    return _messages(organization_id).filter(redacted_at__isnull=False)


def _is_ended() -> Q:
    return ~Q(state__in=UNSETTLED)


def _pictures(organization_id: int) -> Rows:
    return Attachment.objects.filter(
        ~_is_held("message__"),
        ~_is_in_doubt("message"),
        ~Q(message__state__in=UNSETTLED),
        organization=organization_id,
        state=Attachment.State.STORED,
    )


def _silent_since(at: datetime, model: type[Any]) -> Q:
    """The law's years run from the last text with a person, whichever DID it went by."""
    number = "number" if model is Message else "message__number"
    later = Conversation.objects.filter(
        organization=OuterRef("organization"), number=OuterRef(number), last_at__gte=at, last_message__isnull=False
    )
    return Q(~Exists(later))


# --- How it goes: each takes ids of one batch inside its transaction ---


def _clear_webhooks(organization_id: int, ids: Sequence[int]) -> int:
    rows = Delivery.objects.filter(pk__among=ids)
    if digits := holds.digits(organization_id):
        raws = rows.only("pk", "url", "body")
        spoken_of = [one.pk for one in raws if holds.names_any(one.url.encode() + b" " + bytes(one.body), digits)]
        rows = rows.exclude(pk__in=spoken_of)
    return rows.delete()[0]


def _clear_receipts(organization_id: int, ids: Sequence[int]) -> int:
    return Receipt.objects.filter(pk__among=ids).delete()[0]


def _clear_parked(organization_id: int, ids: Sequence[int]) -> int:
    return ParkedText.objects.filter(pk__among=ids).delete()[0]


def _clear_pictures(organization_id: int, ids: Sequence[int]) -> int:
    return _discard(organization_id, Attachment.objects.filter(pk__among=ids))


def _discard(organization_id: int, attachments: QuerySet[Attachment]) -> int:
    """Let the files go; they are removed once this is committed."""
    stored = attachments.filter(state=Attachment.State.STORED).select_for_update().order_by("pk")
    files = dict(stored.values_list("pk", "file"))
    DiscardedFile.objects.bulk_create(
        DiscardedFile(organization_id=organization_id, name=name) for name in files.values() if name
    )
    Attachment.objects.filter(pk__among=list(files)).update(
        state=Attachment.State.DELETED, file="", source_url="", why=_deleted("This picture was", organization_id)
    )
    return len(files)


def _clear_texts(organization_id: int, ids: Sequence[int]) -> int:
    """Words and pictures go, the record stays, and the inbox says so."""
    # In the order in which everybody locks messages, and judged again by their own columns once they are held.
    rows = Message.objects.filter(_is_ended(), pk__among=ids, redacted_at=None).select_for_update().order_by("pk")
    held = list(rows.values_list("pk", flat=True))
    Message.objects.filter(pk__among=held).update(body="", redacted_at=timezone.now())
    pictures = Attachment.objects.filter(message__among=held)
    _discard(organization_id, pictures)
    pictures.update(source_url="")
    OptOutDoubt.objects.filter(message__among=held).update(words="")
    words = _deleted("This text was", organization_id)
    Conversation.objects.filter(last_message__among=held).update(last_preview=words)
    return len(held)


def _clear_records(organization_id: int, ids: Sequence[int]) -> int:
    """Messages with all that hangs on them. Where none is left, the thread says what became of them."""
    _discard(organization_id, Attachment.objects.filter(message__among=ids))
    emptied = Conversation.objects.filter(last_message__among=ids)
    threads = list(emptied.values_list("pk", flat=True))
    newest = Message.objects.filter(pk__among=ids).aggregate(Max("created_at"))["created_at__max"]
    words = _deleted("All texts up to here were", organization_id)
    emptied.update(last_message=None, last_preview=words, last_direction="", last_state="")
    ThreadNote.objects.filter(conversation__among=threads, at__lte=newest).delete()
    ThreadNote.objects.bulk_create(ThreadNote(conversation_id=pk, kind="retention", text=words) for pk in threads)
    return Message.objects.filter(pk__among=ids).delete()[1].get("messaging.Message", 0)


def _deleted(what: str, organization_id: int) -> str:
    zone = Organization.objects.values_list("time_zone", flat=True).get(pk=organization_id)
    today = timezone.localdate(timezone=ZoneInfo(zone))
    return f"{what} deleted on {date_format(today, 'M j, Y')} by the retention rule."


RULES = (
    Rule("webhooks", Kind.WEBHOOKS, "webhook_days", "received_at", _webhooks, _clear_webhooks, by_account=True),
    Rule("placed", Kind.WEBHOOKS, "webhook_days", "received_at", _placed, _clear_parked),
    Rule("receipts", Kind.RECEIPTS, "receipt_days", "received_at", _receipts, _clear_receipts, by_account=True),
    Rule(
        "pictures",
        Kind.PICTURES,
        "picture_days",
        "created_at",
        _pictures,
        _clear_pictures,
        size=FEW,
        last_text_counts=True,
    ),
    Rule("texts", Kind.TEXTS, "text_days", "created_at", _texts, _clear_texts, last_text_counts=True),
    Rule("unplaced", Kind.TEXTS, "text_days", "received_at", _unplaced, _clear_parked),
    Rule(
        "records",
        Kind.RECORDS,
        "record_days",
        "created_at",
        _records,
        _clear_records,
        size=FEW,
        last_text_counts=True,
    ),
)


def steps(organization_id: int) -> list[Step]:
    accounts = CarrierAccount.objects.filter(organization=organization_id).order_by("pk").values_list("pk", flat=True)
    names = sorted(map(str, accounts))
    return [Step(rule, name) for rule in RULES for name in (names if rule.by_account else ("",))]
