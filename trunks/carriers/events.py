"""What a carrier can tell us, in our words. Every value keeps the carrier's own fragment in `raw`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Where a carrier says a text is. UNKNOWN: a word that is in no documentation we have read."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"  # a downstream carrier had it and it did not reach the handset
    FAILED = "failed"  # never taken by a downstream carrier
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a text was not delivered: a closed list that people, reports and retry rules share."""

    INVALID_NUMBER = "invalid_number"
    OPTED_OUT = "opted_out"
    NO_CONSENT = "no_consent"  # ours alone: the gate refused it
    BLOCKED = "blocked"  # filtered as spam, or the sender is barred
    UNREACHABLE = "unreachable"  # handset off, carrier down
    RATE_LIMITED = "rate_limited"
    DAILY_LIMIT = "daily_limit"
    MISCONFIGURED = "misconfigured"  # credentials, profile, number not text-enabled
    NOT_REGISTERED = "not_registered"  # 10DLC campaign or toll-free verification missing
    CONTENT_REJECTED = "content_rejected"
    TOO_LARGE = "too_large"
    EXPIRED = "expired"
    CARRIER_DOWN = "carrier_down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLink:
    """A file behind a link, as the carrier names it; nothing in it is trusted."""

    url: str
    content_type: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    carrier_id: str
    from_number: str  # E.164
    to_number: str  # E.164, one of our DIDs
    body: str
    media: tuple[MediaLink, ...] = ()
    at: datetime | None = None  # the carrier's clock
    answered_by_carrier: bool = False  # the carrier has already sent its own STOP/START/HELP reply
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    carrier_id: str
    status: Status
    word: str  # the carrier's own word
    reference: str = ""  # what we gave the carrier to say back (see OutboundText.reference)
    at: datetime | None = None  # the carrier's clock
    reason: Reason | None = None
    code: str = ""
    provisional: bool = False  # an undelivered that a later delivered may correct
    final: bool = False  # the carrier will say nothing more
    segments: int | None = None
    cost: Decimal | None = None  # USD
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutNotice:
    """The carrier itself blocks (or blocks no longer) texts to a person."""

    number: str  # the person, E.164
    our_number: str = ""  # E.164, when the carrier names the sender
    opted_out: bool = True
    at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecognized:
    """A kind of event that is in no documentation we have read: counted, shown by `doctor`, never an error."""

    kind: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


Event = InboundMessage | StatusUpdate | OptOutNotice | Unrecognized
