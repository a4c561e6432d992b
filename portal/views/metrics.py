"""`/metrics` for Prometheus: counted from rows at each scrape, so that every process of every machine tells the same.

Off without PORTAL_METRICS_TOKEN. Labels are of bounded kinds: lanes, closed lists of words; never a number, a name of
a person, or a text.
"""

import hmac
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from messaging import health
from messaging.health import Road
from portal import metrics as own
from portal.clock import database_now

KEPT_SECONDS = 3.0  # impatient scrapers share one count
RECENT = timedelta(minutes=5)
DAY = timedelta(days=1)
NEVER = float("inf")
Sample = tuple[Sequence[str], float]  # the labels' values, and what was counted
LANE_LABELS = ("organization", "carrier", "lane")

_lock = threading.Lock()
_counted: tuple[float, list[Metric]] = (float("-inf"), [])


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not settings.PORTAL_METRICS_TOKEN:
        raise Http404("Metrics are off.")
    wanted = f"Bearer {settings.PORTAL_METRICS_TOKEN}"
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted.encode()):
        return HttpResponse("The token is wrong or missing.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry()
    registry.register(_Rows())
    registry.register(own.of_processes())
    headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
    return HttpResponse(generate_latest(registry), headers=headers)


class _Rows:
    def collect(self) -> list[Metric]:
        """Counted anew, or what was counted just now."""
        global _counted
        with _lock:
            at, found = _counted
            if time.monotonic() - at > KEPT_SECONDS:
                found = list(count(database_now()))
                _counted = time.monotonic(), found
        return found


def forget() -> None:
    """Count anew at the next scrape."""
    global _counted
    _counted = (float("-inf"), [])


def count(now: datetime) -> Iterator[Metric]:
    """Every metric that rows can tell, in a constant number of bounded queries."""
    yield from _lanes(now)
    yield from _outcomes(now)
    yield from _webhooks(now)
    yield from _heartbeats(now)


def _gauge(name: str, help: str, samples: Iterable[Sample], labels: tuple[str, ...] = ()) -> Metric:
    family = GaugeMetricFamily(name, help, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _lanes(now: datetime) -> Iterator[Metric]:
    roads = [(_labels(road), road) for road in health.roads(now)]
    depth: list[Sample] = [(labels, road.waiting) for labels, road in roads]
    oldest: list[Sample] = [(labels, _age(road.since, now)) for labels, road in roads]
    closed: list[Sample] = [(labels, road.is_closed(now)) for labels, road in roads]
    yield _gauge("portal_lane_queue_depth", "Due texts that wait in a lane.", depth, LANE_LABELS)
    yield _gauge("portal_lane_oldest_due_seconds", "How long the oldest of them waits.", oldest, LANE_LABELS)
    yield _gauge("portal_lane_paused", "1 while the lane is closed.", closed, LANE_LABELS)


def _labels(road: Road) -> Sequence[str]:
    account = road.lane.account
    return account.organization.slug, account.kind, str(road.lane.pk)


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0


def _outcomes(now: datetime) -> Iterator[Metric]:
    """Of the last five minutes, and therefore gauges: counted from rows, a total of all time would cost ever more."""
    since = now - RECENT
    sent: list[Sample] = [((), health.handed_over(since))]
    failed: list[Sample] = [((reason or "none",), count) for reason, count in health.failed(since).items()]
    doubtful = health.unconfirmed().values()
    given_up = sum(one.for_a_person for one in doubtful)
    waits: list[Sample] = [(("carrier",), sum(one.count for one in doubtful) - given_up), (("person",), given_up)]
    yield _gauge("portal_texts_sent_recently", "Texts handed to carriers in the last 5 minutes.", sent)
    help = "Texts that ended badly in the last 5 minutes, by reason."
    yield _gauge("portal_texts_failed_recently", help, failed, ("reason",))
    yield _gauge("portal_texts_unconfirmed", "Texts a carrier may have, by who is to settle it.", waits, ("by",))


def _webhooks(now: datetime) -> Iterator[Metric]:
    backlogs = health.unprocessed(now).values()
    waiting: list[Sample] = [((), sum(one.count for one in backlogs))]
    oldest: list[Sample] = [((), max((_age(one.since, now) for one in backlogs), default=0.0))]
    yield _gauge("portal_webhooks_unprocessed", "Stored webhooks that no worker has worked off.", waiting)
    yield _gauge("portal_webhooks_oldest_seconds", "How long the oldest of them waits.", oldest)
    troubles = health.troubles(since=now - DAY).values()
    kinds: list[Sample] = [
        (("not_understood",), sum(one.not_understood for one in troubles)),
        (("unknown_words",), sum(one.unknown_words for one in troubles)),
    ]
    help = "Webhooks of the last day that need somebody, by why."
    yield _gauge("portal_webhooks_troubled", help, kinds, ("why",))


def _heartbeats(now: datetime) -> Iterator[Metric]:
    silences = health.silences(now)
    ages: list[Sample] = [
        ((task.rpartition(".")[2],), silences[task].total_seconds() if task in silences else NEVER)
        for task in (health.TICK, health.UPKEEP)
    ]
    help = "How long ago a recurring task last ran: the proof that beat, broker and a worker live."
    yield _gauge("portal_heartbeat_age_seconds", help, ages, ("task",))
