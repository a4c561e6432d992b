"""Legal holds: what may not be deleted while a lawsuit or an authority may ask for it."""

import re

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from compliance import retention
from compliance.models import LegalHold, LiftedHold
from portal import audit, live
from portal.models import Organization, User

_DIGITS = re.compile(rb"\d{7,15}")


class NotHeld(Exception):
    """The hold was lifted already. The text is a sentence for a person."""


@transaction.atomic
def place(*, organization: Organization, reason: str, by: User, number: str = "", our_number: str = "") -> LegalHold:
    """From now on nothing of this is deleted; see LegalHold for what `number` and `our_number` (E.164) mean.

    Waits for the batch that a retention run is deleting: once this returns, no later one touches what is held.
    """
    retention.lock(organization.pk)
    hold: LegalHold = LegalHold.objects.create(
        organization=organization, number=number, our_number=our_number, reason=reason, by=by
    )
    audit.record(
        "retention.hold.placed",
        organization=organization,
        by=by,
        subject=hold,
        hold=hold.pk,
        number=number,
        our_number=our_number,
        why=reason,
    )
    live.publish(organization.pk, "org", "holds")
    return hold


@transaction.atomic
def lift(*, hold: LegalHold, why: str, by: User) -> None:
    """The hold ends. Raises NotHeld when somebody was quicker."""
    try:
        with transaction.atomic():
            LiftedHold.objects.create(hold=hold, why=why, by=by)
    except IntegrityError:
        raise NotHeld("This hold was lifted already.") from None
    audit.record(
        "retention.hold.lifted", organization=hold.organization, by=by, subject=hold, hold=hold.pk, why=why
    )  # fmt: skip
    live.publish(hold.organization_id, "org", "holds")


def active(organization_id: int) -> QuerySet[LegalHold]:
    """Holds that nobody has lifted, the newest first."""
    return LegalHold.objects.filter(organization=organization_id, lifted=None).order_by("-pk")


def holds_everything(organization_id: int) -> bool:
    return active(organization_id).filter(number="", our_number="").exists()


def covering(*, organization: str, number: str, our_number: str) -> QuerySet[LegalHold]:
    """The holds on a row of an outer query, whose organization, customer and DID stand at these paths."""
    return LegalHold.objects.filter(
        Q(number="") | Q(number=OuterRef(number)),
        Q(our_number="") | Q(our_number=OuterRef(our_number)),
        organization=OuterRef(organization),
        lifted=None,
    )


def held(*, organization: str, number: str, our_number: str) -> Exists:
    """Whether a row of an outer query is held; see `covering`."""
    return Exists(covering(organization=organization, number=number, our_number=our_number))


def digits(organization_id: int) -> frozenset[bytes]:
    """The held numbers as they may stand in a raw webhook: their digits, with and without the country code 1."""
    numbers = active(organization_id).values_list("number", "our_number")
    whole = {number.removeprefix("+") for pair in numbers for number in pair if number}
    return frozenset(form.encode() for one in whole for form in (one, one.removeprefix("1")))


def names_any(raw: bytes, held_digits: frozenset[bytes]) -> bool:
    """Whether a raw webhook speaks of a held number. Rather one kept too many than one too few."""
    return not held_digits.isdisjoint(_DIGITS.findall(raw))
