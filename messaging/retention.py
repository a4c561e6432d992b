"""Runs the retention rule: in small batches, resumable, several workers at once harmless, files after their rows.

A run is a row that says how far it has come. Each batch is a transaction of its own: it takes the organization's policy
(the lock between deleting and holding), lets at most a few hundred rows go and writes down the place, so that a
worker that dies loses nothing but time and the inbox never waits for more than one batch.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Q

from compliance import holds, retention
from compliance.models import RetentionPolicy
from messaging import retention_rules
from messaging.models import Attachment, Delivery, DiscardedFile, Message, Receipt, RetentionRun
from messaging.retention_rules import Kind, Place, Rows, Step
from portal import audit
from portal.clock import database_now
from portal.models import Organization

log = structlog.get_logger(__name__)
SLICE_SECONDS = 10.0  # then the task makes room for others on its queue
LEASE = timedelta(minutes=5)
EVERY = timedelta(days=1)
LATE = timedelta(days=3)
AT_ONCE = 2  # organizations worked at, so that the queue's other tasks keep most of the threads
FILES = 200  # removed in one go
COUNT_LIMIT = 10_000  # a page says "more than" rather than count millions


# --- A run ---


def due(now: datetime) -> list[int]:
    """Organizations whose run waits for a worker, or whose last one began a day ago; few at once."""
    at_work = RetentionRun.objects.filter(finished_at=None, worked_until__gt=now).count()
    waiting = RetentionRun.objects.filter(_is_free(now), finished_at=None).order_by("started_at")
    lately = RetentionRun.objects.filter(organization=OuterRef("pk"), started_at__gt=now - EVERY)
    is_open = RetentionRun.objects.filter(organization=OuterRef("pk"), finished_at=None)
    fresh = Organization.objects.filter(~Exists(lately), ~Exists(is_open)).order_by("pk")
    room = max(AT_ONCE - at_work, 0)
    found = list(waiting.values_list("organization", flat=True)[:room])
    return found + list(fresh.values_list("pk", flat=True)[: room - len(found)])


def _is_free(now: datetime) -> Q:
    return Q(worked_until=None) | Q(worked_until__lte=now)


def work(organization_id: int, *, seconds: float = SLICE_SECONDS) -> bool:
    """Go on with the organization's run, or begin one: a batch at least, and more for about `seconds`.

    True when more is left. False also when another worker is at it.
    """
    run = _take(organization_id)
    if run is None:
        return False
    end = time.monotonic() + seconds
    try:
        while (is_left := _batch_and_files(run)) and time.monotonic() < end:
            pass
    finally:
        RetentionRun.objects.filter(pk=run.pk).update(worked_until=None)
    return is_left


def _batch_and_files(run: RetentionRun) -> bool:
    began = time.monotonic()
    is_left = batch(run.pk)
    remove_files(run.organization_id)
    if is_left:
        _make_room(time.monotonic() - began)
    return is_left


def _make_room(seconds: float) -> None:
    """Half of the time belongs to others: SQLite has one writer and no queue, and disks have other work as well."""
    time.sleep(seconds)


def _take(organization_id: int) -> RetentionRun | None:
    now = database_now()
    run, _ = RetentionRun.objects.get_or_create(
        organization_id=organization_id, finished_at=None, defaults={"started_at": now}
    )
    mine = RetentionRun.objects.filter(_is_free(now), pk=run.pk, finished_at=None)
    return run if mine.update(worked_until=now + LEASE) else None


@transaction.atomic
def batch(run_id: int) -> bool:
    """Let the next few rows of a run go. False when it has come to its end.

    The policy's row is taken first: batches follow one another even when two workers are at one run, and who places a
    hold waits for the batch that is going on.
    """
    organization_id = RetentionRun.objects.values_list("organization", flat=True).get(pk=run_id)
    policy = retention.lock(organization_id)
    run = RetentionRun.objects.get(pk=run_id)
    if run.finished_at is not None:
        return False
    if holds.holds_everything(organization_id):
        _finish(run)
        return False
    return _next(run, policy)


def _next(run: RetentionRun, policy: RetentionPolicy) -> bool:
    steps = retention_rules.steps(run.organization_id)
    index, after = _resume(run, steps)
    step = steps[index]
    page = step.page(policy, run.started_at, after)
    if page.ids:
        count = step.rule.clear(run.organization_id, page.ids)
        run.deleted[step.rule.kind] = run.deleted.get(step.rule.kind, 0) + count
    if page.next is not None:
        at, pk = page.next
        run.place = [step.name, at.isoformat(), pk]
    elif index + 1 < len(steps):
        run.place = [steps[index + 1].name, None, None]
    else:
        _finish(run)
        return False
    run.save(update_fields=["deleted", "place"])
    return True


def _resume(run: RetentionRun, steps: Sequence[Step]) -> tuple[int, Place | None]:
    """Which step is next, behind which row. A place whose account is gone begins anew: what went before is gone."""
    names = [step.name for step in steps]
    name, at, pk = run.place or (names[0], None, None)
    if name not in names:
        return 0, None
    return names.index(name), (datetime.fromisoformat(at), pk) if at and pk else None


def _finish(run: RetentionRun) -> None:
    run.finished_at = database_now()
    run.save(update_fields=["deleted", "place", "finished_at"])
    if any(run.deleted.values()):
        audit.record(
            "retention.run.finished",
            organization=run.organization,
            by=None,
            subject=run.organization.name,
            run=run.pk,
            **run.deleted,
        )


# --- Files ---


def remove_files(organization_id: int) -> int:
    """Remove stored files whose rows have let them go, also those that an earlier run had to leave. How many went.

    Names are never given twice: a file's folder is the day it came, and no rule lets go of what came today.
    """
    rows = list(DiscardedFile.objects.filter(organization=organization_id).order_by("pk")[:FILES])
    gone = [row.pk for row in rows if _removed(row)]
    return DiscardedFile.objects.filter(pk__among=gone).delete()[0]


def _removed(row: DiscardedFile) -> bool:
    try:
        default_storage.delete(row.name)
    except Exception as error:  # each storage raises errors of its own; the row stays, and `doctor` shows it
        log.warning("retention.file_not_removed", file=row.pk, error=type(error).__name__)
        return False
    return True


# --- What there is, and what the next run would delete ---


@dataclass(frozen=True, slots=True)
class Amount:
    """`is_exact`: counted; else an estimate, or more than that."""

    count: int
    is_exact: bool = True


def stock(organization_id: int) -> dict[Kind, Amount]:
    """How much there is of each, cheaply: counted while it is little, then the database's own estimate."""
    account = Q(account__organization=organization_id)
    here = Q(organization=organization_id)
    return {
        Kind.WEBHOOKS: _about(Delivery.objects.filter(account)),
        Kind.RECEIPTS: _about(Receipt.objects.filter(account)),
        Kind.PICTURES: _about(Attachment.objects.filter(here, state=Attachment.State.STORED)),
        Kind.TEXTS: _about(Message.objects.filter(here, redacted_at=None)),
        Kind.RECORDS: _about(Message.objects.filter(here)),
    }


def _about(rows: Rows) -> Amount:
    count = rows.order_by().values("pk")[: COUNT_LIMIT + 1].count()
    if count <= COUNT_LIMIT:
        return Amount(count)
    if connection.vendor != "postgresql":
        return Amount(rows.count())
    (plan,) = json.loads(rows.order_by().values("pk").explain(format="json"))
    return Amount(max(int(plan["Plan"]["Plan Rows"]), count), is_exact=False)


def plan(organization_id: int, policy: RetentionPolicy, limit: int | None = COUNT_LIMIT) -> dict[Kind, Amount]:
    """How many of each a run under this policy would delete now; nothing while everything is held.

    Raw webhooks that only by their words speak of a held number are counted, and kept when it comes to it.
    """
    counts = dict.fromkeys(Kind, 0)
    now = database_now()
    if not holds.holds_everything(organization_id):
        for step in retention_rules.steps(organization_id):
            counts[step.rule.kind] += step.count(policy, now, limit)
    return {kind: Amount(count, limit is None or count <= limit) for kind, count in counts.items()}


def newest(organization_id: int, count: int = 10) -> list[RetentionRun]:
    return list(RetentionRun.objects.filter(organization=organization_id).order_by("-started_at")[:count])


# --- For `doctor` ---


def overdue(now: datetime) -> list[tuple[Organization, datetime | None]]:
    """Organizations that are old enough and whose rule has not been run to its end for days, and when it last was."""
    ended = Max("retention_runs__finished_at")
    found = Organization.objects.filter(created_at__lt=now - LATE).annotate(ended=ended).order_by("pk")
    return [(one, one.ended) for one in found.filter(Q(ended=None) | Q(ended__lt=now - LATE))]


def files_left(now: datetime) -> int:
    """Files that could not be removed for a day."""
    return DiscardedFile.objects.filter(at__lt=now - EVERY).count()
