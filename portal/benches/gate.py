"""Judgements a second, in batches of a thousand, facts loaded from the database included."""

import time
from collections.abc import Iterator

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance import gate
from compliance.models import OptOut, Suppression
from compliance.purposes import Purpose
from messaging import recipients
from messaging.models import Conversation
from portal.benches import processes, seed
from portal.benches.result import Result, at_least
from trunks.models import Did

JUDGEMENTS, BATCH = 50_000, 1_000
RATE, MAX_QUERIES = 10_000, 8


def run(size: int | None) -> Iterator[Result]:
    house = seed.house("http://127.0.0.1:1")
    seed.lane(house, "Campaign", dids=200)
    threads = seed.threads(house, list(Did.objects.order_by("pk")), 10_000)
    _opt_out(house, threads[::20])
    seed.analyze()
    total, refused = size or JUDGEMENTS, 0
    with CaptureQueriesContext(connection) as queries:
        _judge(house, threads[:BATCH])
    started = time.perf_counter()
    for batch in range(max(total // BATCH, 1)):
        first = batch * BATCH % len(threads)
        refused += _judge(house, threads[first : first + BATCH])
    seconds = time.perf_counter() - started
    judged = max(total // BATCH, 1) * BATCH
    yield at_least(
        RATE,
        name="gate",
        value=judged / seconds,
        unit="judgements/s",
        detail={
            "database": processes.database_name(),
            "judged": judged,
            "refused": refused,
            "queries_a_batch": len(queries),
            "queries_met": len(queries) <= MAX_QUERIES,
        },
    )


def _opt_out(house: seed.House, threads: list[Conversation]) -> None:
    said = seed.in_bulk(
        OptOut(
            organization=house.organization,
            number=thread.number,
            kind=OptOut.Kind.OPTED_OUT,
            source=OptOut.Source.IMPORT,
        )
        for thread in threads
    )
    seed.in_bulk(Suppression(organization=house.organization, number=one.number, opt_out=one) for one in said)


def _judge(house: seed.House, threads: list[Conversation]) -> int:
    """How many of these may not be texted."""
    now, purpose = timezone.now(), Purpose.FOLLOW_UP
    snapshot = gate.load(
        house.organization.pk,
        purposes=[purpose],
        did_ids={thread.did_id for thread in threads},
        numbers={thread.number for thread in threads},
    )
    known = recipients.load(house.organization.pk, [thread.number for thread in threads], [purpose], now)
    facts = (
        snapshot.facts(
            did_id=thread.did_id,
            number=thread.number,
            purpose=purpose,
            person=known.person(thread.number, team_id=thread.team_id),
        )
        for thread in threads
    )
    return sum(not gate.may_send(fact, now).allowed for fact in facts)
