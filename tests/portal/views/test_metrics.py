"""`/metrics`: who may read it, and that each figure is the one that rows and doors give."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from messaging import health, lookups
from messaging.models import Attempt, Lane, Message, State
from portal import metrics as own
from portal.configuration import BadSetting, Configuration
from portal.views import metrics
from tests.messaging.threads import make_thread, say
from tests.messaging.webhooks import CUSTOMER, inbound, stored
from tests.people import House
from tests.trunks.makers import make_account, make_did
from trunks.models import CarrierAccount

TOKEN = "a-token-of-the-test-0123456789"
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def switched_on(db: None, settings: Any) -> Iterator[None]:
    settings.PORTAL_METRICS_TOKEN = TOKEN
    metrics.forget()
    yield
    metrics.forget()


def scrape() -> str:
    metrics.forget()
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert answer["Cache-Control"] == "no-store"
    return answer.content.decode()


def samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(scrape())
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    return samples()[name, tuple(sorted(labels.items()))]


def before(**span: float) -> Any:
    return timezone.now() - timedelta(**span)


# --- Who may read ---


@pytest.mark.parametrize(
    "header",
    ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", "Bearer é", f"bearer {TOKEN}"],
)
def test_a_forged_token_opens_nothing(header: str) -> None:
    answer = Client().get("/metrics", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"portal_" not in answer.content


def test_without_a_token_there_is_nothing(settings: Any, house: House, admin_client: Client) -> None:
    settings.PORTAL_METRICS_TOKEN = ""
    for header in ("", "Bearer ", f"Bearer {TOKEN}"):
        assert Client().get("/metrics", headers={"Authorization": header}).status_code == 404
    assert admin_client.get("/metrics").status_code == 404


def test_it_is_read_only() -> None:
    assert Client().post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


@pytest.mark.parametrize("word", ["short", "spaces are no good here\n\x01", "ééééééééééééééééé"])
def test_a_token_that_can_be_guessed_stops_the_start(
    word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PORTAL_METRICS_TOKEN", word)
    with pytest.raises(BadSetting, match=r"^PORTAL_METRICS_TOKEN can be guessed"):
        Configuration(tmp_path).token("PORTAL_METRICS_TOKEN")


# --- What it tells ---


def road(house: House) -> tuple[CarrierAccount, Lane]:
    account = make_account(house.organization, "Anna's line +13125550100")
    return account, Lane.objects.create(account=account)


def texts(house: House, lane: Lane, *states: str, **fields: Any) -> list[Message]:
    did = make_did(house.organization, account=lane.account)
    return [say(make_thread(did), "Private words", state=state, lane=lane, **fields) for state in states]


def test_lanes(house: House) -> None:
    _, lane = road(house)
    labels = {"organization": "north", "carrier": "sandbox", "lane": str(lane.pk)}
    assert (value("portal_lane_queue_depth", **labels), value("portal_lane_paused", **labels)) == (0, 0)
    assert value("portal_lane_oldest_due_seconds", **labels) == 0
    texts(house, lane, State.QUEUED, State.QUEUED, at=before(minutes=5))
    Lane.objects.update(paused_until=timezone.now() + timedelta(minutes=1))
    assert (value("portal_lane_queue_depth", **labels), value("portal_lane_paused", **labels)) == (2, 1)
    assert value("portal_lane_oldest_due_seconds", **labels) == pytest.approx(300, abs=5)


def test_sends_and_failures_of_the_last_five_minutes(house: House) -> None:
    account, lane = road(house)
    rows = texts(
        house, lane, State.FAILED, State.UNDELIVERED, State.EXPIRED, State.FAILED, State.DELIVERED, State.FAILED
    )
    ends = {0: "blocked", 1: "blocked", 2: "expired", 3: "", 4: ""}
    for at, reason in ends.items():
        Message.objects.filter(pk=rows[at].pk).update(reason=reason, settled_at=before(minutes=1))
    Message.objects.filter(pk=rows[5].pk).update(reason="blocked", settled_at=before(minutes=6))
    for at, minutes in enumerate((7, 6, 4, 1)):
        Attempt.objects.create(message=rows[at], number=1, account=account, started_at=before(minutes=minutes))
    found = samples()
    assert {key[1]: count for key, count in found.items() if key[0] == "portal_texts_failed_recently"} == {
        (("reason", "blocked"),): 2, (("reason", "expired"),): 1, (("reason", "none"),): 1,
    }  # fmt: skip
    assert found["portal_texts_sent_recently", ()] == 2
    Attempt.objects.all().delete()
    assert value("portal_texts_sent_recently") == 0


def test_unconfirmed_texts_by_who_is_to_settle_them(house: House) -> None:
    account, lane = road(house)
    for at, row in enumerate(texts(house, lane, *[State.UNCONFIRMED] * 3)):
        tries = lookups.MAX_LOOK_UPS if at == 0 else 0
        Attempt.objects.create(message=row, number=1, account=account, state=State.UNCONFIRMED, look_ups=tries)
    assert value("portal_texts_unconfirmed", by="carrier") == 2
    assert value("portal_texts_unconfirmed", by="person") == 1


def test_webhooks_that_wait_and_that_need_somebody(house: House) -> None:
    account, _ = road(house)
    stored(account, received_at=before(minutes=2))
    stored(account, received_at=before(minutes=1))
    for error in ("no list", "no list", f"{health.UNKNOWN_WORDS}x"):
        stored(account, processed_at=timezone.now(), error=error)
    stored(account, processed_at=timezone.now(), received_at=before(days=2), error="old")
    assert value("portal_webhooks_unprocessed") == 2
    assert value("portal_webhooks_oldest_seconds") == pytest.approx(120, abs=5)
    assert value("portal_webhooks_troubled", why="not_understood") == 2
    assert value("portal_webhooks_troubled", why="unknown_words") == 1


def test_heartbeats(house: House) -> None:
    assert value("portal_heartbeat_age_seconds", task="tick") == float("inf")
    health.beat(health.TICK, before(seconds=42))
    health.beat(health.UPKEEP, before(seconds=10))
    assert value("portal_heartbeat_age_seconds", task="tick") == pytest.approx(42, abs=3)
    assert value("portal_heartbeat_age_seconds", task="upkeep") == pytest.approx(10, abs=3)


NOBODY = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


@pytest.mark.parametrize(
    ("method", "account", "outcome"),
    [("get", NOBODY, "not_posted"), ("post", NOBODY, "unknown"), ("post", "", "refused")],
)
def test_the_webhook_door_by_outcome(house: House, method: str, account: str, outcome: str) -> None:
    address = f"/hooks/sandbox/{account or road(house)[0].pk}/"
    labels = (("outcome", outcome),)
    first = samples().get(("portal_webhook_seconds_count", labels), 0.0)
    getattr(Client(), method)(address)
    found = samples()
    assert found["portal_webhook_seconds_count", labels] == first + 1
    assert found["portal_webhook_seconds_bucket", (("le", "+Inf"), ("outcome", outcome))] == first + 1
    assert found["portal_webhook_seconds_sum", labels] > 0


def test_a_door_that_fails_is_measured_too() -> None:
    def broken(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    first = samples().get(("portal_webhook_seconds_count", (("outcome", "error"),)), 0.0)
    with pytest.raises(ZeroDivisionError):
        own.timed(broken)(HttpRequest())
    assert value("portal_webhook_seconds_count", outcome="error") == first + 1


def test_it_names_no_number_person_or_text(house: House) -> None:
    account, lane = road(house)
    texts(house, lane, State.QUEUED, at=before(minutes=5))
    stored(account, inbound("Private words"), processed_at=timezone.now(), error=f"{health.UNKNOWN_WORDS}{CUSTOMER}")
    text = scrape()
    for words in ("Private", "Anna", "+1312", CUSTOMER, str(account.pk), house.owner.user.email):
        assert words not in text


def test_a_scrape_costs_the_same_however_much_there_is(house: House) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            scrape()
        return len(seen)

    _, lane = road(house)
    few = queries()
    for n in range(4):
        made = make_account(house.organization, f"Carrier {n}")
        Lane.objects.create(account=made)
        stored(made)
    texts(house, lane, State.QUEUED, State.QUEUED, at=before(minutes=5))
    assert queries() == few
    assert few <= 10


def test_impatient_scrapers_share_one_count(house: House) -> None:
    scrape()
    with CaptureQueriesContext(connection) as seen:
        Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert len(seen) == 0


# --- Alerts ---

RULES = [
    rule for group in yaml.safe_load((ROOT / "portal" / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
SELECTOR = re.compile(r"(portal_\w+)(?:\{([^}]*)\})?")


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_speaks_of_metrics_and_labels_that_exist(rule: dict[str, Any], house: House) -> None:
    account, lane = road(house)
    (row,) = texts(house, lane, State.FAILED)
    Message.objects.filter(pk=row.pk).update(settled_at=timezone.now())
    Client().get(f"/hooks/sandbox/{NOBODY}/")
    known: dict[str, dict[str, set[str]]] = {}
    for (name, labels), _ in samples().items():
        for label, word in labels:
            known.setdefault(name, {}).setdefault(label, set()).add(word)
        known.setdefault(name, {})
    found = SELECTOR.findall(rule["expr"])
    assert found, rule["expr"]
    for name, matchers in found:
        assert name in known, name
        for label, word in re.findall(r'(\w+)="([^"]*)"', matchers):
            assert label in known[name]
            assert word in known[name][label] | set(own.OUTCOMES.values())
    for grouped in re.findall(r"by \(([^)]*)\)", rule["expr"]):
        assert {label.strip() for label in grouped.split(",")} <= set().union(*(known[name] for name, _ in found))


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "do"}
    assert all(words.endswith(".") for words in rule["annotations"].values())
    assert rule["expr"].count("(") == rule["expr"].count(")")
