"""The database's clock: leases, slots and validity are judged by it, so that a worker's wrong clock harms nobody."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """PostgreSQL's wall clock at this moment; with SQLite the database is this machine."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
