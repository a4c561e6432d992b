"""Celery tasks: thin, with ids. Each may be lost (the tick finds its work) or run twice (the rows refuse)."""

from datetime import timedelta
from typing import Any

from messaging import (
    deliveries,
    dispatch,
    doorbell,
    health,
    inbound,
    lanes,
    lookups,
    media,
    outcomes,
    receipts,
    retention,
)
from messaging.models import Delivery
from portal import live
from portal.celery import app
from portal.clock import database_now
from trunks import texting

PARKED_DAYS = 1


@app.task(name="messaging.dispatch_lane")
def dispatch_lane(*, lane_id: int, **_: Any) -> None:
    dispatch.dispatch(lane_id)


@app.task(name="messaging.process_deliveries")
def process_deliveries(**_: Any) -> None:
    deliveries.work_off()


@app.task(name="messaging.fetch_media")
def fetch_media(*, attachment_id: int, **_: Any) -> None:
    media.copy(attachment_id)


@app.task(name="messaging.look_up")
def look_up(*, attempt_id: int, **_: Any) -> None:
    lookups.look_up(attempt_id)


@app.task(name="messaging.tick")
def tick(**_: Any) -> None:
    """Each second: what lost rings and dead workers left behind. Those that piled up at the broker are one."""
    now = database_now()
    if not health.beat(health.TICK, now):
        return
    outcomes.sweep(now)
    for lane_id in lanes.with_due_work(now):
        doorbell.ring("messaging.dispatch_lane", lane_id=lane_id)
    if Delivery.objects.filter(processed_at=None).exists():
        doorbell.ring("messaging.process_deliveries")
    for attempt_id in lookups.due(now):
        doorbell.ring("messaging.look_up", attempt_id=attempt_id)
    for attachment_id in media.due():
        doorbell.ring("messaging.fetch_media", attachment_id=attachment_id)
    receipts.settle_parked(now - timedelta(days=PARKED_DAYS))


@app.task(name="messaging.upkeep")
def upkeep(**_: Any) -> None:
    """Twice a minute: what may wait a little."""
    health.beat(health.UPKEEP, database_now())
    inbound.place_parked()
    lanes.forget_old_trouble(database_now())
    texting.sweep_pending()
    live.trim()
    for organization_id in retention.due(database_now()):
        doorbell.ring("messaging.retention", organization_id=organization_id)


@app.task(name="messaging.retention")
def retain(*, organization_id: int, **_: Any) -> None:
    """Some seconds of an organization's retention run, and a ring for the next ones."""
    if retention.work(organization_id):
        doorbell.ring("messaging.retention", organization_id=organization_id)
