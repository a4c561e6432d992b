"""Processing a webhook once more: each event counts once, the trail says who asked, and no wish is lost."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from compliance import optout
from compliance.models import OptOut, Suppression
from messaging import deliveries, health, ledger, replays, webhooks
from messaging.ledger import Show
from messaging.models import Delivery, Message, ParkedText, Receipt
from portal.models import AuditEvent, LiveEvent, User
from tests.messaging.threads import make_account, make_did
from tests.messaging.webhooks import CUSTOMER, DID, inbound, status, stored
from tests.people import House
from trunks import carriers
from trunks.carriers.base import UnreadableBody
from trunks.models import CarrierAccount


@pytest.fixture
def account(house: House) -> CarrierAccount:
    make_did(house.organization, DID, house.sales)
    return make_account(house.organization)


def process() -> None:
    while deliveries.process():
        pass


def test_each_event_counts_once_and_the_trail_names_who_asked(house: House, account: CarrierAccount) -> None:
    delivery = stored(account, inbound("Is it ready?"), status("delivered"))
    process()
    for _ in range(2):
        delivery.refresh_from_db()
        assert replays.replay(delivery, by=house.owner.user) is True
        process()
    assert (Message.objects.count(), Receipt.objects.count()) == (1, 1)
    assert list(AuditEvent.objects.values_list("action", "by", "subject")) == [
        ("messaging.delivery.replayed", house.owner.user_id, delivery.key)
    ] * 2  # fmt: skip
    assert AuditEvent.objects.filter(data={"account": str(account.pk), "delivery": delivery.pk}).count() == 2
    assert LiveEvent.objects.filter(kind="health", organization=house.organization).count() == 2


def test_what_still_waits_is_left_alone(house: House, account: CarrierAccount) -> None:
    delivery = stored(account, inbound("Hello"), tries=2)
    assert replays.replay(delivery, by=house.owner.user) is False
    assert (Delivery.objects.get().tries, AuditEvent.objects.count()) == (2, 0)


def test_all_of_a_filter_and_of_this_account_alone(house: House, other_house: House, account: CarrierAccount) -> None:
    done = timezone.now()
    ours = [stored(account, inbound(f"{n}", carrier_id=f"in-{n}"), processed_at=done, error="no list") for n in "ab"]
    kept = [
        stored(account, status("teleported"), processed_at=done, error=f"{health.UNKNOWN_WORDS}teleported"),
        stored(account, status("sent"), processed_at=done),
        stored(make_account(other_house.organization), processed_at=done, error="no list"),
    ]
    assert replays.replay_all(account, Show.TROUBLED, by=house.owner.user) == 2
    assert set(Delivery.objects.filter(processed_at=None)) == set(ours)
    assert Delivery.objects.filter(pk__in=[one.pk for one in kept], processed_at=done).count() == 3
    event = AuditEvent.objects.get()
    assert (event.action, event.subject) == ("messaging.deliveries.replayed", "2 webhooks of Sandbox")
    assert replays.replay_all(account, Show.TROUBLED, by=house.owner.user) == 0
    assert AuditEvent.objects.count() == 1
    process()
    assert Message.objects.count() == 2


def test_more_than_one_press_takes_is_taken_by_the_next(
    house: House, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "MOST", 2)
    rows = [stored(account, processed_at=timezone.now(), error="no list") for _ in range(3)]
    assert replays.replay_all(account, Show.TROUBLED, by=None) == 2
    assert set(Delivery.objects.filter(processed_at=None)) == set(rows[:2])
    assert replays.replay_all(account, Show.TROUBLED, by=None) == 1


class Deaf:
    """A portal that cannot read the carrier's webhooks yet: `learn` is the update that mends it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, account: CarrierAccount) -> None:
        self.account = account
        self.carrier: Any = carriers.get("sandbox")
        self.monkeypatch = monkeypatch
        monkeypatch.setattr(self.carrier, "parse", self._refuse)

    @staticmethod
    def _refuse(webhook: object) -> None:
        raise UnreadableBody("no list of events")

    def take(self, *events: dict[str, Any]) -> Delivery:
        """Through the door, as the carrier posts it."""
        made = stored(self.account, *events)
        webhook = webhooks.Webhook(url=made.url, headers=made.headers, body=made.body)
        made.delete()
        webhooks.take(self.account, self.carrier, webhook)
        return Delivery.objects.latest("pk")

    def learn(self) -> None:
        self.monkeypatch.undo()


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch, account: CarrierAccount) -> Deaf:
    return Deaf(monkeypatch, account)


def test_a_stop_that_could_not_be_read_is_heard_when_it_can(house: House, deaf: Deaf) -> None:
    delivery = deaf.take(inbound("STOP"))
    assert (delivery.error, Suppression.objects.count()) == ("no list of events", 0)
    deaf.learn()
    assert replays.replay(delivery, by=house.owner.user) is True
    assert Suppression.objects.get().number == CUSTOMER
    line = OptOut.objects.get()
    assert (line.kind, line.source, line.evidence) == ("opted_out", "text", "STOP")
    process()
    replays.replay(Delivery.objects.get(), by=house.owner.user)
    process()
    assert OptOut.objects.count() == 1
    assert Message.objects.filter(direction="in").count() == 1


def test_what_the_person_said_since_stands(house: House, deaf: Deaf) -> None:
    """An old START must not undo a newer STOP."""
    optout.record_opt_out(organization=house.organization, number=CUSTOMER, source="text", keyword="STOP")
    delivery = deaf.take(inbound("START"))
    optout.record_opt_out(organization=house.organization, number=CUSTOMER, source="text", keyword="STOP")
    deaf.learn()
    replays.replay(delivery, by=house.owner.user)
    assert Suppression.objects.filter(number=CUSTOMER).exists()
    assert OptOut.objects.filter(kind="opted_in").count() == 0


def test_a_start_that_is_the_persons_last_word_is_heard(house: House, deaf: Deaf) -> None:
    long_ago = timezone.now() - timedelta(days=900)  # before the START, by the carrier's clock
    optout.record_opt_out(
        organization=house.organization, number=CUSTOMER, source="text", keyword="STOP", carrier_at=long_ago
    )
    delivery = deaf.take(inbound("START"))
    Delivery.objects.update(received_at=timezone.now() + timedelta(milliseconds=1))
    delivery.refresh_from_db()
    deaf.learn()
    replays.replay(delivery, by=house.owner.user)
    assert not Suppression.objects.exists()


def test_a_stop_that_was_heard_at_the_door_is_not_heard_again(house: House, account: CarrierAccount) -> None:
    carrier = carriers.get("sandbox")
    made = stored(account, inbound("STOP"))
    webhook = webhooks.Webhook(url=made.url, headers=made.headers, body=made.body)
    made.delete()
    webhooks.take(account, carrier, webhook)
    optout.lift(organization=house.organization, number=CUSTOMER, source="text", keyword="START")
    process()
    Delivery.objects.update(error="It could not be processed: DatabaseError.")
    replays.replay(Delivery.objects.get(), by=house.owner.user)
    assert not Suppression.objects.exists()
    assert list(OptOut.objects.order_by("pk").values_list("kind", flat=True)) == ["opted_out", "opted_in"]


# --- What the ledger says ---


def said(delivery: Delivery) -> list[tuple[str, str, str]]:
    return [(one.said, one.meaning, one.sentence) for one in ledger.results(Delivery.objects.get(pk=delivery.pk))]


def test_what_became_of_each_event(house: House, account: CarrierAccount) -> None:
    odd = {"id": "e", "type": "message.pinned", "data": {}}
    delivery = stored(
        account, inbound("Hi"), inbound("Hm", carrier_id="in-2", to="+13125550177"), status("sent"),
        status("teleported"), status("undelivered", code="opted_out"), odd,
    )  # fmt: skip
    assert ledger.in_words(delivery) == (
        "Text from a customer to (312) 555-0100; Text from a customer to (312) 555-0177; Receipt: sent and 4 more"
    )
    assert [meaning for _, meaning, _ in said(delivery)] == ["waiting"] * 5 + ["good", "warning"]
    process()
    unknown = "Kept as a receipt of a text that the portal does not know."
    assert said(delivery) == [
        ("Text from a customer to (312) 555-0100", "good", "It is in its conversation."),
        ("Text from a customer to (312) 555-0177", "warning", "Parked: the number it came to is no DID here."),
        ("Receipt: sent", "warning", unknown),
        ("Receipt with the unknown word “teleported”", "warning", unknown),
        ("Receipt: not delivered", "warning", unknown),
        ("A customer opted out", "good", "Heard at once, before the carrier was answered."),
        ("Event of the unknown kind “message.pinned”", "warning", "The portal does not know it. It is kept."),
    ]  # fmt: skip
    ParkedText.objects.update(placed_at=timezone.now())
    assert said(delivery)[1][2] == "It was parked, and placed when its DID was imported."


def test_a_body_that_nobody_can_read(account: CarrierAccount) -> None:
    delivery = stored(account, body=b"{", processed_at=timezone.now(), error="not JSON")
    assert (ledger.in_words(delivery), said(delivery)) == ("Nothing that can be read", [])


def test_each_filter_shows_its_own(account: CarrierAccount) -> None:
    done = timezone.now()
    waits, bad = stored(account), stored(account, processed_at=done, error="no list")
    odd = stored(account, processed_at=done, error=f"{health.UNKNOWN_WORDS}x")
    fine = stored(account, processed_at=done)
    assert {show: list(ledger.of_account(account, show)) for show in Show} == {
        Show.ALL: [fine, odd, bad, waits],
        Show.WAITING: [waits],
        Show.TROUBLED: [bad],
        Show.UNKNOWN_WORDS: [odd],
        Show.REFUSED: [],
    }
    assert ledger.counts(account) == {
        Show.WAITING: 1, Show.TROUBLED: 1, Show.UNKNOWN_WORDS: 1, Show.REFUSED: 0,
    }  # fmt: skip


def test_pages_follow_one_another_without_a_gap(account: CarrierAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "PAGE", 2)
    rows = [stored(account) for _ in range(5)]
    seen, before = [], None
    for _ in range(3):
        page, before = ledger.page(account, Show.ALL, before)
        seen.append([row.pk for row in page])
    ids = [row.pk for row in reversed(rows)]
    assert (seen, before) == ([ids[:2], ids[2:4], ids[4:]], None)


def test_the_operators_admin_replays_by_the_same_road(client: Client, account: CarrierAccount) -> None:
    operator = User.objects.create_superuser("operator@portal.example")
    client.force_login(operator, backend="portal.accounts.Backend")
    delivery = stored(account, inbound("Hello"), processed_at=timezone.now(), error="no list")
    fields = {"action": "replay", "_selected_action": [delivery.pk]}
    assert client.post("/admin/messaging/delivery/", fields).status_code == 302
    assert Delivery.objects.get().processed_at is None
    assert AuditEvent.objects.get().by == operator
