"""Carriers health: the doctor's findings for the people of an organization, each with where it is mended."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance.models import Brand, Campaign
from messaging import health, lookups
from messaging.models import Attempt, Delivery, Lane, ParkedText, RefusedDelivery, State
from portal.doctor import general, ground
from portal.models import Role
from tests.messaging.threads import make_thread, say
from tests.messaging.webhooks import stored
from tests.people import House, sign_in
from tests.trunks.makers import make_account, make_did
from trunks.models import CarrierAccount, Did, TextState

PAGE = "/north/carriers/health/"


def before(**span: float) -> Any:
    return timezone.now() - timedelta(**span)


@pytest.fixture(autouse=True)
def at_rest(db: None, settings: Any, tmp_path: Any) -> None:
    """Nothing is wrong with the server."""
    general.forget()
    settings.DATA_DIR, settings.REDIS_URL, settings.EMBEDDED = tmp_path, "", True
    settings.PORTAL_PUBLIC_URL = "https://secret-host.example.com"
    for task in (health.TICK, health.UPKEEP):
        health.beat(task, timezone.now())


def healthy(house: House, name: str = "Main") -> CarrierAccount:
    now = timezone.now()
    return make_account(house.organization, name, checked_at=now, last_sent_at=now, last_heard_at=now)


def page(house: House, role: Role = Role.DIALER_ADMIN, **headers: str) -> str:
    answer = sign_in(house.member(role)).get(PAGE, headers=headers)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_all_is_well_and_says_so(house: House) -> None:
    Lane.objects.create(account=healthy(house))
    text = page(house)
    for words in ("All is well.", "Good</span>", "All worked off", "Open</span>", "Without a campaign"):
        assert words in text
    assert "Wrong</span>" not in text
    assert "key-of-the-test-account" not in text


def test_no_account_yet(house: House) -> None:
    text = page(house)
    assert "No carrier yet" in text
    assert "All is well." not in text


def trouble(house: House) -> CarrierAccount:
    """Everything at once, at one account."""
    account = make_account(
        house.organization, "Main", checked_at=before(hours=1), check_error="The key is wrong.",
        last_sent_at=before(minutes=30), refused_webhooks=4,
    )  # fmt: skip
    RefusedDelivery.objects.create(account=account, why="It is not signed.", header_names="", body_bytes=1)
    lane = Lane.objects.create(
        account=account, paused_until=timezone.now() + timedelta(minutes=1), paused_why="It answers 503.", failures=3
    )
    did = make_did(house.organization, account=account, team=house.sales, text_state=TextState.ENABLED)
    thread = make_thread(did)
    say(thread, "One", state=State.QUEUED, lane=lane, at=before(minutes=5))
    doubtful = say(thread, "Two", state=State.UNCONFIRMED, lane=lane)
    Attempt.objects.create(
        message=doubtful, number=1, account=account, state=State.UNCONFIRMED, look_ups=lookups.MAX_LOOK_UPS
    )
    stored(account, received_at=before(minutes=10))
    stored(account, processed_at=timezone.now(), error="no list of events")
    stored(account, processed_at=timezone.now(), error=f"{health.UNKNOWN_WORDS}teleported")
    ParkedText.objects.create(
        account=account, carrier_id="p", to_number="+13125550177", from_number="+12125550142", body="Private words"
    )
    Did.objects.create(
        organization=house.organization, number="+13125550101", account=account, text_state=TextState.PENDING,
        text_changed_at=before(hours=1),
    )  # fmt: skip
    return account


def test_every_trouble_says_what_to_do_and_where(house: House) -> None:
    account = trouble(house)
    text = page(house)
    webhooks = f"/north/carriers/{account.pk}/webhooks/"
    for words, link in {
        "The key is wrong. <span class=\"muted\">Mend and check them": f"/north/carriers/{account.pk}/",
        "4 webhooks without proof of who sent it, the last": f"{webhooks}?show=refused",
        "1 webhook waiting to be worked off, the oldest for 10 min.": f"{webhooks}?show=waiting",
        "1 webhook not understood, the last": f"{webhooks}?show=troubled",
        "1 webhook with words unknown here, the last": f"{webhooks}?show=unknown",
        "1 text to (312) 555-0177, which is no DID here.": "/north/dids/unknown/",
        "1 DID waiting for the carrier, the oldest for 60 min.": "/north/dids/?state=pending",
    }.items():  # fmt: skip
        notice = text.partition(words)[2].partition("</li>")[0]
        assert f'href="{link}"' in notice, words
    for words in (
        "Something is wrong</span>", "after 3 failures in a row: It answers 503.",
        "1 due text waiting, the oldest for 5 min",
        "Closed</span> until", "1 waiting</a>", "1 not understood</a>", "1 with unknown words</a>", "4 refused</a>",
        "1 text not confirmed, and the carrier was asked in vain.",
    ):  # fmt: skip
        assert words in text, words
    assert "All is well." not in text
    assert "Private words" not in text
    assert "555-0142" not in text
    assert "Look at `workers`" not in text


def test_a_link_leads_nobody_to_a_closed_door(house: House) -> None:
    trouble(house)
    assert 'href="/north/inbox/">Open the inbox' not in page(house)
    assert 'href="/north/inbox/">Open the inbox' in page(house, Role.OWNER)


def test_a_lane_shows_its_rate_and_campaign(house: House) -> None:
    account = healthy(house)
    brand = Brand.objects.create(organization=house.organization, name="North", daily_cap=2_000)
    campaign = Campaign.objects.create(
        organization=house.organization, brand=brand, account=account, name="Care", texts_a_second=4.5
    )
    lane = Lane.objects.create(account=account, campaign=campaign)
    did = make_did(house.organization, account=account, team=house.sales, text_state=TextState.ENABLED)
    for _ in range(2):
        say(make_thread(did), "One", state=State.QUEUED, lane=lane, at=before(minutes=5))
    Lane.objects.update(next_slot_at=timezone.now())
    text = page(house)
    row = text.partition('<td class="name">Care')[2].partition("</tr>")[0]
    assert "<span>4.5</span>" in row
    assert "<span>2</span>" in row
    assert "5 minutes ago" in row.replace("\xa0", " ")
    assert "Open, texts wait</span>" in row
    assert "Waiting</span>" in text
    assert "All is well." in text  # it moves by itself


def test_another_organizations_troubles_are_not_told(house: House, other_house: House) -> None:
    healthy(house)
    trouble(other_house)
    text = page(house)
    assert "All is well." in text
    for words in (
        "The key is wrong",
        "It answers 503",
        "not understood",
        "555-0177",
        "without proof",
        "not confirmed,",
    ):
        assert words not in text


def test_the_servers_troubles_are_told_in_general(
    house: House, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    account = healthy(house)
    CarrierAccount.objects.filter(pk=account.pk).update(base_url="https://api.example.com")
    settings.REDIS_URL = "redis://:hidden@secret-host.invalid:1/0"
    settings.PORTAL_PUBLIC_URL = "http://127.0.0.1:8000"
    monkeypatch.setattr(ground, "_unapplied", lambda: 2)
    monkeypatch.setattr(ground, "FULL_BYTES", 10**18)
    monkeypatch.setattr(ground, "SCARCE_BYTES", 10**18)
    health.beat(health.TICK, before(minutes=5))
    text = page(house)
    for subject in ("database", "redis", "disk", "tick", "public address"):
        assert general.SENTENCES[subject].replace("'", "&#x27;") in text
    assert text.count("Tell whoever runs the portal; its command `doctor` says more.") == 5
    for secret in (":hidden@", "secret-host", "127.0.0.1:8000", "MB left", str(tmp_path), "migrat", "Redis"):
        assert secret not in text
    assert "All is well." not in text


def test_what_is_the_operators_alone_is_not_told(house: House, settings: Any, tmp_path: Any) -> None:
    healthy(house)
    keys = tmp_path / "secrets.env"
    keys.write_text("KEY=1")
    keys.chmod(0o644)
    settings.DEBUG = True
    assert "All is well." in page(house)


def test_an_account_that_is_switched_off_is_no_trouble(house: House) -> None:
    account = healthy(house)
    CarrierAccount.objects.update(is_active=False, last_heard_at=None, last_sent_at=before(hours=5))
    text = page(house)
    assert "Switched off</span>" in text
    assert "All is well." in text
    assert account.name in text


def test_an_account_of_a_carrier_that_is_gone_or_of_a_lost_key_hides_no_other(house: House, settings: Any) -> None:
    healthy(house, "Well")
    lost, gone = healthy(house, "Lost key"), healthy(house, "Gone")
    CarrierAccount.objects.filter(pk=gone.pk).update(kind="pigeon")
    Lane.objects.create(account=gone)
    with connection.cursor() as cursor:
        key = CarrierAccount._meta.pk.get_db_prep_value(lost.pk, connection)
        cursor.execute('UPDATE trunks_carrieraccount SET "values" = %s WHERE id = %s', ["gAAAA-nonsense", key])
    text = page(house)
    assert text.count("Good</span>") == 1
    assert "The credentials were stored with a key that PORTAL_CREDENTIAL_KEYS lacks." in text
    assert "Enter the credentials anew." in text
    assert "This version of the portal cannot use the account" in text


def test_news_fetch_the_findings_alone(house: House) -> None:
    healthy(house)
    part = page(house, HX_Request="true", HX_Target="health")
    assert "<html" not in part
    assert "All is well." in part


def test_the_page_costs_the_same_however_much_there_is(house: House) -> None:
    client = sign_in(house.dialer_admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get(PAGE)
        return len(seen)

    trouble(house)
    client.get(PAGE)
    few = queries()
    for n in range(4):
        account = healthy(house, f"Carrier {n}")
        Lane.objects.create(account=account)
        stored(account, received_at=before(minutes=10))
        stored(account, processed_at=timezone.now(), error=f"error {n}")
    assert queries() == few
    assert few <= 17


def test_looking_at_the_server_is_kept_for_a_minute(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy(house)
    looks: list[int] = []
    monkeypatch.setattr(ground, "storage", lambda: looks.append(1) or iter(()))
    page(house)
    page(house)
    assert looks == [1]


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, Role.COMPLIANCE_ADMIN])
def test_other_roles_may_not_look(house: House, role: Role) -> None:
    assert sign_in(house.member(role)).get(PAGE).status_code == 403
    assert Delivery.objects.count() == 0
