"""The contract every carrier keeps. A carrier is a folder whose package offers the names of `Carrier`.

Carriers are pure: plain values in, plain values out, no Django, no database, no network. `portal.web` makes the calls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from portal.http import HttpAnswer, HttpCall, NotSent, Steps, Unanswered
from trunks.carriers.events import Event, MediaLink, Reason, Status, StatusUpdate

__all__ = [
    "Accepted", "AcceptedPart", "Account", "BadSignature", "Carrier", "CarrierError", "CarrierNumber", "Field",
    "HttpAnswer", "HttpCall", "Limits", "LookUp", "NotSent", "NumberResult", "OutboundText", "Reason", "Steps",
    "Status", "StatusUpdate", "MediaLink", "Unanswered", "UnreadableBody", "Webhook",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing an admin copies from the carrier's own pages when connecting an account."""

    name: str
    label: str
    help: str = ""
    secret: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A carrier account as a carrier may see it: address, credentials and settings, nothing of the database."""

    base_url: str
    values: Mapping[str, str] = field(default_factory=dict, repr=False)  # Field.name -> value, secrets included
    webhook_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundText:
    from_number: str  # E.164
    to_number: str  # E.164
    body: str
    reference: str  # ours, signed; comes back in StatusUpdate.reference whenever the carrier has a way to carry it
    media_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedPart:
    carrier_id: str
    segments: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The carrier took the text: one part for each id it gave (nearly always one)."""

    parts: tuple[AcceptedPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierNumber:
    number: str  # E.164
    carrier_ref: str = ""
    sms: bool = False
    mms: bool = False
    campaign_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberResult:
    """What became of one number we asked to text-enable. `sentence` says why not."""

    number: str
    enabled: bool
    mms: bool = False
    carrier_ref: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """What the carrier knows of a text. `surely_absent` only when the carrier's answer proves it never took it."""

    updates: tuple[StatusUpdate, ...] = ()
    surely_absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    segments: int  # longest text the carrier takes
    media_count: int
    media_bytes: int  # all media of one text together
    media_types: tuple[str, ...] = ("image/jpeg", "image/png", "image/gif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A request a carrier made to us. Header names are lower-case; `url` is the one the carrier called."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class CarrierError(Exception):
    """The carrier said no, or said nothing sensible.

    retryable: the same request may succeed later. not_accepted: the text surely was not taken, so that trying again
    cannot send it twice. Only an error that is both is ever retried. sentence: what happened and what to do, for the
    person who sent it. retry_after_seconds: when the carrier named a time.
    """

    def __init__(
        self,
        sentence: str,
        *,
        reason: Reason = Reason.UNKNOWN,
        retryable: bool = False,
        not_accepted: bool = True,
        code: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.reason = reason
        self.retryable = retryable
        self.not_accepted = not_accepted
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class BadSignature(Exception):
    """The request does not prove that the carrier made it. `missing`: it carries no signature at all."""

    def __init__(self, why: str, *, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


class UnreadableBody(Exception):
    """A verified request whose body is not what the carrier documents."""


class Carrier(Protocol):
    """What `trunks/carriers/<kind>/__init__.py` offers. Functions are positional; accounts first."""

    KIND: str
    NAME: str  # for people
    FIELDS: tuple[Field, ...]
    BASE_URL: str  # default; credentials go to its host or to an address the operator allowed
    LIMITS: Limits
    ANSWERS_STOP: bool  # the carrier sends its own confirmation on STOP
    TEXTS_A_SECOND: float  # account-wide rate where no campaign sets one

    # Sending. `read_send` raises CarrierError.
    def send_call(self, account: Account, text: OutboundText, /) -> HttpCall: ...
    def read_send(self, answer: HttpAnswer, /) -> Accepted: ...

    # Webhooks. `verify` raises BadSignature; `parse` raises UnreadableBody; `event_key` is "" when events carry no id.
    def verify(self, account: Account, webhook: Webhook, now: datetime, /) -> None: ...
    def event_key(self, webhook: Webhook, /) -> str: ...
    def parse(self, webhook: Webhook, /) -> list[Event]: ...

    # Numbers and questions. All raise CarrierError.
    def check_credentials(self, account: Account, /) -> Steps[None]: ...
    def list_numbers(self, account: Account, /) -> Steps[list[CarrierNumber]]: ...
    def enable_numbers(self, account: Account, numbers: Sequence[str], /) -> Steps[list[NumberResult]]: ...
    def look_up(self, account: Account, carrier_ids: Sequence[str], reference: str, /) -> Steps[LookUp]: ...

    def media_headers(self, account: Account, url: str, /) -> Mapping[str, str]:
        """Headers that fetching inbound media at `url` needs; empty when the link is open or the host is not theirs."""
        ...

    def error_help(self, code: str, /) -> str:
        """One sentence on what a carrier's error code means and what to do next; "" when the code is unknown."""
        ...
