"""A person's wish not to be texted: the log line, the suppression and the news of it, in one transaction."""

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Coalesce, Least

from compliance import consent
from compliance.models import OptOut, Suppression
from compliance.signals import lifted, suppressed
from portal import audit, live
from portal.models import Organization, User


class CannotLift(Exception):
    """An opt-out that may not be lifted this way. The text says what is needed."""


@transaction.atomic
def record_opt_out(
    *,
    organization: Organization,
    number: str,
    source: str,
    kind: str = OptOut.Kind.OPTED_OUT,
    keyword: str = "",
    evidence: str = "",
    our_number: str = "",
    carrier_at: datetime | None = None,
    by: User | None = None,
    why: str = "",
) -> Suppression:
    """From now on nobody of the organization texts `number` (E.164). Hearing it again adds to the log alone.

    `kind`: OPTED_OUT, or WRONG_NUMBER, which suppresses as well but is no revocation.
    It counts however late it comes, also after a newer START: in doubt nobody is texted.
    """
    line = OptOut.objects.create(
        organization=organization,
        number=number,
        kind=kind,
        source=source,
        keyword=keyword,
        evidence=evidence,
        our_number=our_number,
        carrier_at=carrier_at,
        by=by,
        why=why,
    )
    # Held, or a START that has just lifted it and not yet committed would take this STOP along.
    suppression, _ = Suppression.objects.select_for_update().get_or_create(
        organization=organization, number=number, scope=line.scope, defaults={"opt_out": line}
    )
    if kind == OptOut.Kind.WRONG_NUMBER:
        consent.void(organization=organization, number=number, why="somebody else answered from this number", by=by)
    else:
        consent.withdraw(organization=organization, number=number, opt_out=line, by=by)
    if by is not None:
        audit.record("compliance.opt_out.recorded", organization=organization, by=by, subject=number, why=why)
    live.publish(organization.pk, "org", "opt-outs")
    suppressed.send(sender=None, organization_id=organization.pk, number=number, opt_out=line)
    return suppression


@transaction.atomic
def lift(
    *,
    organization: Organization,
    number: str,
    source: str,
    keyword: str = "",
    evidence: str = "",
    our_number: str = "",
    carrier_at: datetime | None = None,
    by: User | None = None,
    why: str = "",
) -> bool:
    """The person may be texted again. False when nothing was in the way, or when an opt-out is newer than this wish.

    `carrier_at`: when the person said it; carriers repeat and overtake. Staff lift only with `why`: the documented
    fresh opt-in. An import never lifts. Raises CannotLift.
    """
    if source == OptOut.Source.IMPORT:
        raise CannotLift("An import never lifts an opt-out.")
    if source == OptOut.Source.STAFF and not why.strip():
        raise CannotLift("Write down how and when the person agreed to be texted again.")
    if not Suppression.objects.select_for_update().filter(organization=organization, number=number).exists():
        return False
    if carrier_at is not None and carrier_at < _newest_opt_out(organization, number):
        return False
    line = OptOut.objects.create(
        organization=organization,
        number=number,
        kind=OptOut.Kind.OPTED_IN,
        source=source,
        keyword=keyword,
        evidence=evidence,
        our_number=our_number,
        carrier_at=carrier_at,
        by=by,
        why=why,
    )
    Suppression.objects.filter(organization=organization, number=number).delete()
    if source == OptOut.Source.TEXT:
        consent.give_again(organization=organization, number=number, opted_in=line)
    if by is not None:
        audit.record("compliance.opt_out.lifted", organization=organization, by=by, subject=number, why=why)
    live.publish(organization.pk, "org", "opt-outs")
    lifted.send(sender=None, organization_id=organization.pk, number=number, opt_out=line)
    return True


def _newest_opt_out(organization: Organization, number: str) -> datetime:
    """When the number was last suppressed: by the carrier's clock where it has one, never later than we heard it."""
    said_at = Coalesce(Least("carrier_at", "at"), "at")  # Least is null on SQLite when either is
    heard = OptOut.objects.filter(organization=organization, number=number).exclude(kind=OptOut.Kind.OPTED_IN)
    newest: datetime = heard.annotate(said_at=said_at).latest("said_at").said_at
    return newest


def suppression_for(organization_id: int, number: str) -> Suppression | None:
    return Suppression.objects.select_related("opt_out").filter(organization_id=organization_id, number=number).first()
