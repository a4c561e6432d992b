"""Logs that prove something are written once: Python refuses to change them, and so does the database."""

import pytest
from django.db import DatabaseError, connection, transaction

from compliance import consent, holds, optout
from compliance.models import Consent, LegalHold, LiftedHold, OptOut
from portal import audit
from portal.models import AuditEvent
from tests.people import House

TABLES = [
    "portal_auditevent",
    "compliance_optout",
    "compliance_consent",
    "compliance_legalhold",
    "compliance_liftedhold",
]


@pytest.mark.parametrize("table", TABLES)
def test_the_database_refuses_to_change_a_row(house: House, table: str) -> None:
    audit.record("portal.test.happened", organization=house.organization, by=house.owner.user)
    evidence = consent.Evidence(channel="call", act="said yes")
    consent.give(
        organization=house.organization, number="+12125552000", categories=["informational"], evidence=evidence
    )
    optout.record_opt_out(organization=house.organization, number="+12125552000", source=OptOut.Source.TEXT)
    hold = holds.place(organization=house.organization, reason="Letter", by=house.owner.user)
    holds.lift(hold=hold, why="Settled", by=house.owner.user)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET at = NULL")


def test_python_refuses_too(house: House) -> None:
    for rows in (
        AuditEvent.objects.all(),
        OptOut.objects.all(),
        Consent.objects.all(),
        LegalHold.objects.all(),
        LiftedHold.objects.all(),
    ):
        with pytest.raises(TypeError, match="append-only"):
            rows.update(at=None)
        with pytest.raises(TypeError, match="append-only"):
            rows.delete()
