"""What people agreed to: the ledger's line and the standing consent, in one transaction."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from compliance.models import Consent, OptOut, StandingConsent
from compliance.purposes import ConsentCategory
from portal import audit, live
from portal.models import Organization, User


class ConsentRefused(Exception):
    """Consent that cannot be recorded. The text is a sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The proof of one agreement (16 CFR 310.5(a)(8), CTIA Messaging Principles 5.1.2).

    act: what the person did. disclosure: the exact words they agreed to. source: page, form, file and row.
    """

    channel: str
    act: str
    disclosure: str = ""
    disclosure_version: str = ""
    name: str = ""
    seller: str = ""
    call_ref: str = ""
    recording_ref: str = ""
    our_number: str = ""
    source: str = ""
    ip: str | None = None
    user_agent: str = ""
    at: datetime = field(default_factory=timezone.now)


@transaction.atomic
def give(
    *,
    organization: Organization,
    number: str,
    categories: Collection[str],
    evidence: Evidence,
    by: User | None = None,
) -> list[Consent]:
    """The person agreed. One line a category; an agreement that stood is superseded by the new one, and both are kept.

    Raises ConsentRefused. It never lifts an opt-out by itself: see `optout.lift`.
    """
    _check(categories, evidence)
    before = _standing(organization, number)
    lines = [_line(organization, number, category, evidence, by, before.get(category)) for category in categories]
    StandingConsent.objects.filter(organization=organization, number=number, category__in=categories).delete()
    StandingConsent.objects.bulk_create(
        StandingConsent(organization=organization, number=number, category=line.category, consent=line)
        for line in lines
    )
    if by is not None:
        words = ", ".join(categories)
        audit.record("compliance.consent.given", organization=organization, by=by, subject=number, categories=words)
    live.publish(organization.pk, "org", "consent")
    return lines


def _check(categories: Collection[str], evidence: Evidence) -> None:
    if not categories or set(categories) - set(ConsentCategory.values):
        raise ConsentRefused("Say what the person agreed to: texts about their own matters, offers, or both.")
    if not evidence.act.strip():
        raise ConsentRefused("Say what the person did: said yes, ticked the box, replied YES.")
    if evidence.at > timezone.now():
        raise ConsentRefused("The moment of consent lies in the future.")
    if ConsentCategory.PROMOTIONAL in categories and not evidence.disclosure.strip():
        raise ConsentRefused(
            "Offers need the exact words the person agreed to: who texts, that texts are automated, and that agreeing "
            "is no condition of a purchase."
        )


def _line(
    organization: Organization, number: str, category: str, evidence: Evidence, by: User | None, before: int | None
) -> Consent:
    line: Consent = Consent.objects.create(
        organization=organization,
        number=number,
        kind=Consent.Kind.GIVEN,
        category=category,
        by=by,
        replaces_id=before,
        **asdict(evidence),
    )
    return line


def _standing(organization: Organization, number: str) -> dict[str, int]:
    """{category: id of the ledger's line}, held until the transaction ends."""
    rows = StandingConsent.objects.select_for_update().filter(organization=organization, number=number)
    return dict(rows.order_by("category").values_list("category", "consent_id"))


def withdraw(*, organization: Organization, number: str, opt_out: OptOut, by: User | None = None) -> int:
    """The person opted out: all that stood is taken back. How many categories. The caller holds the transaction."""
    return _end(organization, number, Consent.Kind.WITHDRAWN, opt_out, by, act="opted out of texts")


def void(*, organization: Organization, number: str, why: str, by: User | None = None) -> int:
    """Another person has this number: what stood was never theirs. The caller holds the transaction."""
    return _end(organization, number, Consent.Kind.VOID, None, by, act=why[:200])


def _end(organization: Organization, number: str, kind: str, opt_out: OptOut | None, by: User | None, act: str) -> int:
    before = _standing(organization, number)
    now = timezone.now()
    for category, line in before.items():
        Consent.objects.create(
            organization=organization,
            number=number,
            kind=kind,
            category=category,
            channel=Consent.Channel.SMS if opt_out and opt_out.source == OptOut.Source.TEXT else Consent.Channel.CALL,
            at=now,
            act=act,
            by=by,
            replaces_id=line,
            opt_out=opt_out,
        )
    StandingConsent.objects.filter(organization=organization, number=number).delete()
    return len(before)


def give_again(*, organization: Organization, number: str, opted_in: OptOut) -> list[Consent]:
    """START: what an opt-out took away stands again, by the person's own act. The caller holds the transaction."""
    lost = (
        Consent.objects.filter(organization=organization, number=number)
        .order_by("category", "-pk")
        .values_list("category", "kind")
    )
    newest: dict[str, str] = {}
    for category, kind in lost:
        newest.setdefault(category, kind)
    again = [category for category, kind in newest.items() if kind == Consent.Kind.WITHDRAWN]
    if not again:
        return []
    act = f"texted {opted_in.keyword}" if opted_in.keyword else "agreed to texts again"
    words = _words_agreed_to(organization, number)
    evidence = Evidence(channel=Consent.Channel.SMS, act=act, our_number=opted_in.our_number, disclosure=words)
    return give(organization=organization, number=number, categories=again, evidence=evidence, by=opted_in.by)


def _words_agreed_to(organization: Organization, number: str) -> str:
    rows = Consent.objects.filter(organization=organization, number=number, kind=Consent.Kind.GIVEN)
    return rows.exclude(disclosure="").order_by("-pk").values_list("disclosure", flat=True).first() or "START"


def standing(organization_id: int, numbers: Iterable[str]) -> dict[str, frozenset[str]]:
    """{number: categories it agrees to} for a batch, in one query."""
    found: dict[str, set[str]] = {}
    rows = StandingConsent.objects.filter(organization_id=organization_id, number__in=list(numbers))
    for number, category in rows.values_list("number", "category"):
        found.setdefault(number, set()).add(category)
    return {number: frozenset(categories) for number, categories in found.items()}
