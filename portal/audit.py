"""The audit trail: written in the transaction of the change it tells of, so that neither stands without the other."""

from collections.abc import Iterable
from typing import Any

from portal.models import AuditEvent, Organization, User


def record(
    action: str, *, organization: Organization | None, by: User | None, subject: object = "", **data: Any
) -> AuditEvent:
    """`action` is dotted and past (trunks.did.assigned); `data` holds ids and values, no secret and no message body."""
    return AuditEvent.objects.create(
        organization=organization, by=by, action=action, subject=str(subject)[:120], data=data
    )


def record_all(
    action: str,
    subjects: Iterable[tuple[object, dict[str, Any]]],
    *,
    organization: Organization | None,
    by: User | None,
) -> None:
    """The same act on many things, an event each: (subject, data) pairs, written at once."""
    AuditEvent.objects.bulk_create(
        (
            AuditEvent(organization=organization, by=by, action=action, subject=str(subject)[:120], data=data)
            for subject, data in subjects
        ),
        batch_size=1_000,
    )
