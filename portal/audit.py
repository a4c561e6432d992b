"""The audit trail: written in the transaction of the change it tells of, so that neither stands without the other."""

from typing import Any

from portal.models import AuditEvent, Organization, User


def record(
    action: str, *, organization: Organization | None, by: User | None, subject: object = "", **data: Any
) -> AuditEvent:
    """`action` is dotted and past (trunks.did.assigned); `data` holds ids and values, no secret and no message body."""
    return AuditEvent.objects.create(
        organization=organization, by=by, action=action, subject=str(subject)[:120], data=data
    )
