"""The ledger of webhooks for those who run things: which came, what they said in words, and what became of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from messaging import health
from messaging.models import Delivery, Message, ParkedText, Receipt, RefusedDelivery
from messaging.webhooks import events_of
from portal import phone
from portal.models import Organization
from trunks.carriers.base import UnreadableBody
from trunks.carriers.events import Event, InboundMessage, OptOutNotice, Status, StatusUpdate, Unrecognized
from trunks.models import CarrierAccount

PAGE = 50
UNKNOWN = Q(error__startswith=health.UNKNOWN_WORDS)
STATUS_WORDS = {
    Status.QUEUED: "the carrier has queued it",
    Status.SENDING: "on its way",
    Status.SENT: "sent",
    Status.DELIVERED: "delivered",
    Status.UNDELIVERED: "not delivered",
    Status.FAILED: "failed",
}


class Show(StrEnum):
    ALL = "all"
    WAITING = "waiting"
    TROUBLED = "troubled"
    UNKNOWN_WORDS = "unknown"
    REFUSED = "refused"


# --- The list ---


def of_account(account: CarrierAccount, show: Show = Show.ALL) -> QuerySet[Delivery]:
    """Verified webhooks, the newest first. `refused` ones were never stored: see `refusals`."""
    rows = Delivery.objects.filter(account=account).order_by("-pk")
    match show:
        case Show.WAITING:
            return rows.filter(processed_at=None)
        case Show.TROUBLED:
            return rows.exclude(error="").exclude(UNKNOWN)
        case Show.UNKNOWN_WORDS:
            return rows.exclude(error="").filter(UNKNOWN)
        case Show.REFUSED:
            return rows.none()
    return rows


def page(account: CarrierAccount, show: Show, before: int | None) -> tuple[list[Delivery], int | None]:
    """Up to 50 deliveries below the id `before`, and the id below which the next page starts."""
    rows = of_account(account, show).select_related("account")
    found = list((rows if before is None else rows.filter(pk__lt=before))[: PAGE + 1])
    return found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None


def refusals(account: CarrierAccount) -> list[RefusedDelivery]:
    """The kept sample of requests that proved nothing."""
    return list(RefusedDelivery.objects.filter(account=account).order_by("-pk"))


def counts(account: CarrierAccount) -> dict[Show, int]:
    """How many need a look, by filter. Each is bounded by an index of its own."""
    troubled = of_account(account).exclude(error="").aggregate(all=Count("pk"), unknown=Count("pk", filter=UNKNOWN))
    return {
        Show.WAITING: of_account(account, Show.WAITING).count(),
        Show.TROUBLED: troubled["all"] - troubled["unknown"],
        Show.UNKNOWN_WORDS: troubled["unknown"],
        Show.REFUSED: RefusedDelivery.objects.filter(account=account).count(),
    }


def find(organization: Organization, account_id: UUID, delivery_id: int) -> Delivery:
    """Raises Delivery.DoesNotExist."""
    rows = Delivery.objects.select_related("account__organization")
    return rows.get(pk=delivery_id, account=account_id, account__organization=organization)


# --- What they said ---


def is_unknown(delivery: Delivery) -> bool:
    """Whether it was used, but for words that the carrier has added."""
    return delivery.error.startswith(health.UNKNOWN_WORDS)


def trouble(delivery: Delivery) -> str:
    """What was wrong with it, or the unknown words."""
    return delivery.error.removeprefix(health.UNKNOWN_WORDS)


def events(delivery: Delivery) -> list[Event]:
    """What the delivery says, as the portal reads it today; nothing when it cannot."""
    try:
        return events_of(delivery)
    except UnreadableBody:
        return []


def in_words(delivery: Delivery) -> str:
    """In a line: `Text from a customer to (312) 555-0100`. Never a person's words or number."""
    said = list(dict.fromkeys(map(event_in_words, events(delivery))))
    return "; ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "") or "Nothing that can be read"


def event_in_words(event: Event) -> str:
    match event:
        case InboundMessage():
            what = "Picture message" if event.media and not event.body else "Text"
            return f"{what} from a customer to {phone.pretty(event.to_number)}"
        case StatusUpdate(status=Status.UNKNOWN):
            return f"Receipt with the unknown word “{event.word[:60]}”"
        case StatusUpdate():
            return f"Receipt: {STATUS_WORDS[event.status]}"
        case OptOutNotice():
            return "A customer opted out" if event.opted_out else "A customer opted in again"
        case Unrecognized():
            return f"Event of the unknown kind “{event.kind[:60]}”"


# --- What became of them ---


@dataclass(frozen=True, slots=True)
class Result:
    """What one event led to. `conversation_id`: the thread it is in; `meaning`: how that is."""

    said: str
    meaning: str
    sentence: str
    conversation_id: int | None = None
    number: str = ""  # the customer's, for those who may see it


def results(delivery: Delivery) -> list[Result]:
    """One for each event, in a constant number of queries."""
    said = events(delivery)
    texts = {one.carrier_id for one in said if isinstance(one, InboundMessage)}
    receipts = {one.carrier_id for one in said if isinstance(one, StatusUpdate)}
    found = _Found(delivery, texts, receipts)
    return [found.result(event) for event in said]


class _Found:
    """What stands in the database under the ids that a delivery names."""

    def __init__(self, delivery: Delivery, texts: Collection[str], receipts: Collection[str]) -> None:
        mine = {"account": delivery.account_id}
        self.is_waiting = delivery.processed_at is None
        messages = Message.objects.filter(**mine, carrier_id__among=texts) if texts else ()
        self.messages = {row.carrier_id: row for row in messages}
        parked = ParkedText.objects.filter(**mine, carrier_id__among=texts) if texts else ()
        self.parked = {row.carrier_id: row for row in parked}
        heard = Receipt.objects.filter(**mine, carrier_id__among=receipts).order_by("pk")
        rows = heard.select_related("part__attempt__message") if receipts else ()
        self.receipts = {(row.carrier_id, row.status, row.word): row for row in rows}

    def result(self, event: Event) -> Result:
        said = event_in_words(event)
        match event:
            case InboundMessage():
                return self._text(said, event)
            case StatusUpdate():
                return self._receipt(said, event)
            case OptOutNotice():
                return Result(said, "good", "Heard at once, before the carrier was answered.")
        return Result(said, "warning", "The portal does not know it. It is kept.")

    def _text(self, said: str, event: InboundMessage) -> Result:
        if message := self.messages.get(event.carrier_id):
            return Result(said, "good", "It is in its conversation.", message.conversation_id, message.number)
        if parked := self.parked.get(event.carrier_id):
            if parked.placed_at is None:
                return Result(said, "warning", "Parked: the number it came to is no DID here.")
            return Result(said, "good", "It was parked, and placed when its DID was imported.")
        return self._nothing(said)

    def _receipt(self, said: str, event: StatusUpdate) -> Result:
        receipt = self.receipts.get((event.carrier_id, event.status, event.word[:60]))
        if receipt is None:
            return self._nothing(said)
        if receipt.part is None:
            return Result(said, "warning", "Kept as a receipt of a text that the portal does not know.")
        message = receipt.part.attempt.message
        state = message.get_state_display().lower()
        return Result(said, "good", f"Its text is now: {state}.", message.conversation_id, message.number)

    def _nothing(self, said: str) -> Result:
        if self.is_waiting:
            return Result(said, "waiting", "It waits to be processed.")
        return Result(said, "wrong", "Nothing came of it.")


def heard_texts(said: Sequence[Event]) -> list[str]:
    """What people wrote in these events."""
    return [event.body for event in said if isinstance(event, InboundMessage) and event.body]
