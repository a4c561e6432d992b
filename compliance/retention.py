"""How long an organization keeps what: the rule, its bounds, and who changed it. `messaging.retention` deletes."""

from collections.abc import Mapping

from django.db import transaction

from compliance.models import LAW_DAYS, RetentionPolicy
from portal import audit
from portal.models import Organization, User

FIELDS = ("webhook_days", "receipt_days", "picture_days", "text_days", "record_days")
# A part goes no later than the whole, a copy no later than what it is a copy of.
PART_OF = {
    "webhook_days": "text_days",
    "picture_days": "text_days",
    "text_days": "record_days",
    "receipt_days": "record_days",
}
# What the law wants kept: shorter only for a reason that somebody has given.
BY_LAW = ("picture_days", "text_days")


def policy_of(organization: Organization) -> RetentionPolicy:
    """The policy, perhaps one of defaults that is not stored."""
    return RetentionPolicy.objects.filter(pk=organization.pk).first() or RetentionPolicy(organization=organization)


def lock(organization_id: int) -> RetentionPolicy:
    """The policy, held until the transaction ends: nobody else deletes, holds or changes the rule."""
    RetentionPolicy.objects.get_or_create(organization_id=organization_id)
    return RetentionPolicy.objects.select_for_update().get(pk=organization_id)


def shortened(before: RetentionPolicy, after: RetentionPolicy) -> list[str]:
    """Names of the fields by which more is deleted than before."""
    return [name for name in FIELDS if _length(after, name) < _length(before, name)]


def is_below_law(policy: RetentionPolicy) -> bool:
    return any(_length(policy, name) < LAW_DAYS for name in BY_LAW)


def kept(policy: RetentionPolicy, name: str) -> int | None:
    """How many days this is truly kept: its own, or those of what it belongs to. None: for ever."""
    own: int | None = getattr(policy, name)
    whole = kept(policy, PART_OF[name]) if name in PART_OF else None
    return min((days for days in (own, whole) if days is not None), default=None)


def _length(policy: RetentionPolicy, name: str) -> float:
    days = kept(policy, name)
    return float("inf") if days is None else days


@transaction.atomic
def change(*, organization: Organization, days: Mapping[str, int | None], below_law_why: str, by: User) -> None:
    """Another rule from the next batch on. Values outside the bounds raise IntegrityError (the form words them)."""
    policy = lock(organization.pk)
    before = _facts(policy)
    was_why = policy.below_law_why
    for name in FIELDS:
        setattr(policy, name, days[name])
    policy.below_law_why = below_law_why if is_below_law(policy) else ""
    after = _facts(policy)
    if (before, was_why) == (after, policy.below_law_why):
        return
    policy.save()
    audit.record(
        "retention.rule.changed",
        organization=organization,
        by=by,
        subject=organization.name,
        before=before,
        after=after,
        why=policy.below_law_why,
    )


def _facts(policy: RetentionPolicy) -> dict[str, object]:
    """As the audit trail tells it."""
    return {name: "for ever" if (days := getattr(policy, name)) is None else days for name in FIELDS}


def span(days: int | None) -> str:
    """`30 days`, `5 years`, `for ever`."""
    if days is None:
        return "for ever"
    years = round(days / 365.25)
    if years and abs(days - years * 365.25) < 2:
        return "1 year" if years == 1 else f"{years} years"
    return "1 day" if days == 1 else f"{days} days"
