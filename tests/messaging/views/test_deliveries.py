"""Webhooks on the screen: the list, one with its body covered, and processing it once more."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging import deliveries, health
from messaging.models import Delivery, Message, RefusedDelivery
from portal.models import AuditEvent, Role
from tests.messaging.threads import make_account, make_did
from tests.messaging.webhooks import CUSTOMER, DID, inbound, status, stored
from tests.people import House, sign_in
from trunks.models import CarrierAccount

WORDS = "My gate code is 4711"


@pytest.fixture
def account(house: House) -> CarrierAccount:
    make_did(house.organization, DID, house.sales)
    return make_account(house.organization)


def base(account: CarrierAccount) -> str:
    return f"/{account.organization.slug}/carriers/{account.pk}/webhooks/"


def text(client: Client, address: str, **headers: str) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def process() -> None:
    while deliveries.process():
        pass


# --- The list ---


def test_the_list_says_what_came_and_what_became_of_it(house: House, account: CarrierAccount) -> None:
    stored(account, inbound(WORDS), seen=3)
    stored(account, status("delivered"), processed_at=timezone.now())
    stored(account, status("teleported"), processed_at=timezone.now(), error=f"{health.UNKNOWN_WORDS}teleported")
    stored(account, body=b"{", processed_at=timezone.now(), error="not JSON: JSONDecodeError")
    page = text(sign_in(house.dialer_admin), base(account))
    for words in (
        "Text from a customer to (312) 555-0100", "3 times", "Receipt: delivered", "Unknown words</span>",
        "teleported</span>",
        "not JSON: JSONDecodeError", "Nothing that can be read", "Waiting</span>", "Processed</span>",
    ):  # fmt: skip
        assert words in page
    assert WORDS not in page
    assert "555-0142" not in page


def test_each_filter_shows_its_own_and_an_empty_one_says_so(house: House, account: CarrierAccount) -> None:
    client = sign_in(house.dialer_admin)
    for show, words in {
        "waiting": "Nothing waits", "troubled": "All were understood", "unknown": "No unknown words",
        "refused": "None was refused", "all": "Nothing heard yet",
    }.items():  # fmt: skip
        assert words in text(client, f"{base(account)}?show={show}")
    stored(account, status("delivered"), processed_at=timezone.now(), error="no list of events")
    RefusedDelivery.objects.create(account=account, why="It is not signed.", header_names="x-a, x-b", body_bytes=12)
    assert "no list of events" in text(client, f"{base(account)}?show=troubled")
    assert "no list of events" not in text(client, f"{base(account)}?show=unknown")
    refused = text(client, f"{base(account)}?show=refused")
    assert "It is not signed." in refused
    assert "x-a, x-b" in refused


def test_the_list_costs_the_same_however_long(house: House, account: CarrierAccount) -> None:
    client = sign_in(house.dialer_admin)
    address = base(account)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get(address)
        return len(seen)

    stored(account, inbound(WORDS))
    few = queries()
    for n in range(60):
        stored(account, inbound(WORDS, carrier_id=f"in-{n}"))
    assert (queries(), few) == (few, 7)


def test_older_pages_are_below_an_id(house: House, account: CarrierAccount) -> None:
    rows = [stored(account, inbound(WORDS)) for _ in range(51)]
    client = sign_in(house.dialer_admin)
    assert f"?before={rows[1].pk}" in text(client, base(account))
    older = text(client, f"{base(account)}?before={rows[1].pk}")
    assert older.count("Text from a customer") == 1
    assert "hx-trigger" not in older.partition('id="list"')[2].partition(">")[0]


def test_news_fetch_the_list_alone(house: House, account: CarrierAccount) -> None:
    stored(account, inbound(WORDS))
    part = text(sign_in(house.dialer_admin), base(account), HX_Request="true", HX_Target="list")
    assert "<html" not in part
    assert "Text from a customer to (312) 555-0100" in part


# --- One ---


def test_the_dialer_admin_sees_structure_and_no_words(house: House, account: CarrierAccount) -> None:
    delivery = stored(account, inbound(WORDS))
    for address in (f"{base(account)}{delivery.pk}/", f"{base(account)}{delivery.pk}/?whole=1"):
        page = text(sign_in(house.dialer_admin), address)
        assert WORDS not in page
        assert CUSTOMER not in page
        assert "secretproof" not in page
        assert "&quot;type&quot;: &quot;message.received&quot;" in page
        assert "&quot;text&quot;: &quot;•••• (20 characters)&quot;" in page
        assert "&quot;from&quot;: &quot;••••42&quot;" in page
        assert f"&quot;to&quot;: &quot;{DID}&quot;" in page
        assert "Only roles that read every conversation may see them." in page
        assert "Show it whole" not in page
    assert AuditEvent.objects.count() == 0


def test_the_owner_may_see_it_whole_and_the_trail_says_so(house: House, account: CarrierAccount) -> None:
    delivery = stored(account, inbound(WORDS))
    client = sign_in(house.owner)
    covered = text(client, f"{base(account)}{delivery.pk}/")
    assert (WORDS in covered, "Show it whole" in covered, AuditEvent.objects.count()) == (False, True, 0)
    whole = text(client, f"{base(account)}{delivery.pk}/?whole=1")
    assert WORDS in whole
    assert CUSTOMER in whole
    event = AuditEvent.objects.get()
    assert (event.action, event.by, event.subject, event.data["delivery"]) == (
        "messaging.delivery.read", house.owner.user, delivery.key, delivery.pk,
    )  # fmt: skip


def test_what_came_of_it_links_the_conversation_for_those_who_may_open_it(
    house: House, account: CarrierAccount
) -> None:
    delivery = stored(account, inbound(WORDS))
    address = f"{base(account)}{delivery.pk}/"
    waiting = text(sign_in(house.owner), address)
    assert "It waits to be processed." in waiting
    assert 'hx-trigger="every 2s' in waiting
    process()
    thread = Message.objects.get().conversation_id
    done = text(sign_in(house.owner), address)
    assert "It is in its conversation." in done
    assert f'href="/north/inbox/{thread}/" aria-label="Open the conversation with (212) 555-0142">' in done
    assert 'hx-trigger="every 2s' not in done
    theirs = text(sign_in(house.dialer_admin), address)
    assert "It is in its conversation." in theirs
    assert "/north/inbox/" not in theirs
    part = text(sign_in(house.owner), f"{address}?whole=1", HX_Request="true", HX_Target="result")
    assert "<html" not in part
    assert WORDS not in part


def test_a_page_costs_the_same_however_many_events(house: House, account: CarrierAccount) -> None:
    client, address = sign_in(house.dialer_admin), base(account)

    def queries(delivery: Delivery) -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get(f"{address}{delivery.pk}/")
        return len(seen)

    few = stored(account, inbound("a", carrier_id="in-a"), status("sent", carrier_id="out-a"))
    many = stored(
        account, *(inbound("x", carrier_id=f"in-{n}") for n in range(5)),
        *(status("sent", carrier_id=f"out-{n}") for n in range(5)),
    )  # fmt: skip
    process()
    assert (queries(few), queries(many)) == (7, 7)


# --- Once more ---


def test_processing_it_once_more(house: House, account: CarrierAccount) -> None:
    delivery = stored(account, inbound(WORDS))
    process()
    client = sign_in(house.dialer_admin)
    for words in ("It is processed once more. Each of its events counts once.", "It already waits to be processed."):
        answer = client.post(f"{base(account)}{delivery.pk}/again/", follow=True)
        assert answer.redirect_chain == [(f"{base(account)}{delivery.pk}/", 302)]
        assert words in answer.content.decode()
    process()
    assert Message.objects.count() == 1
    assert AuditEvent.objects.get().action == "messaging.delivery.replayed"


def test_processing_all_of_a_filter_once_more(house: House, account: CarrierAccount) -> None:
    for n in range(2):
        stored(account, inbound(WORDS, carrier_id=f"in-{n}"), processed_at=timezone.now(), error="no list of events")
    client = sign_in(house.dialer_admin)
    page = text(client, f"{base(account)}?show=troubled")
    assert "Process all 2 once more" in page
    answer = client.post(f"{base(account)}again/", {"show": "troubled"}, follow=True)
    assert answer.redirect_chain == [(f"{base(account)}?show=troubled", 302)]
    assert "2 webhooks are processed once more. Each event counts once." in answer.content.decode()
    process()
    assert Message.objects.count() == 2
    for show in ("troubled", "all", "refused", "nonsense", ""):
        answer = client.post(f"{base(account)}again/", {"show": show}, follow=True)
        assert "None of them waited for that." in answer.content.decode()


# --- Doors ---


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, Role.COMPLIANCE_ADMIN])
def test_other_roles_neither_look_nor_replay(house: House, account: CarrierAccount, role: Role) -> None:
    delivery = stored(account, inbound(WORDS), processed_at=timezone.now(), error="no list of events")
    client = sign_in(house.member(role))
    for address in (base(account), f"{base(account)}{delivery.pk}/", f"{base(account)}{delivery.pk}/?whole=1"):
        assert client.get(address).status_code == 403
    for address in (f"{base(account)}again/", f"{base(account)}{delivery.pk}/again/"):
        assert client.post(address, {"show": "troubled"}).status_code == 403
    delivery.refresh_from_db()
    assert delivery.processed_at is not None
    assert AuditEvent.objects.count() == 0


def test_a_delivery_is_found_under_its_own_account_of_its_own_house_alone(
    house: House, other_house: House, account: CarrierAccount
) -> None:
    foreign = stored(make_account(other_house.organization), inbound(WORDS), processed_at=timezone.now())
    second = CarrierAccount.objects.create(
        organization=house.organization, name="Second", kind="sandbox", base_url="http://127.0.0.1:1"
    )
    mine = stored(account, inbound(WORDS), processed_at=timezone.now())
    client = sign_in(house.owner)
    for address in (
        f"{base(account)}{foreign.pk}/",
        f"/north/carriers/{foreign.account_id}/webhooks/{foreign.pk}/",
        f"{base(second)}{mine.pk}/",
        f"/north/carriers/{foreign.account_id}/webhooks/",
    ):
        assert client.get(f"{address}?whole=1").status_code == 404
        assert client.post(f"{address}again/", {"show": "troubled"}).status_code == 404
    assert Delivery.objects.filter(processed_at=None).count() == 0
    assert AuditEvent.objects.count() == 0


def test_a_replay_needs_a_form_of_ours(house: House, account: CarrierAccount) -> None:
    delivery = stored(account, inbound(WORDS), processed_at=timezone.now())
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(house.owner.user, backend="portal.accounts.Backend")
    assert strict.post(f"{base(account)}{delivery.pk}/again/").status_code == 403
    assert strict.get(f"{base(account)}{delivery.pk}/again/").status_code == 405
    assert Delivery.objects.filter(processed_at=None).count() == 0
