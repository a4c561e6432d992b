"""Carrier accounts on the screen."""

from datetime import timedelta

from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.people import House, sign_in
from tests.portal.sandbox.process import Running
from tests.trunks.makers import make_account, make_did
from trunks.models import CarrierAccount, TextState

CONNECT = "/north/carriers/connect/sandbox/"


def test_connecting_tries_the_credentials_first(house: House, account: CarrierAccount, allowed: Running) -> None:
    client = sign_in(house.dialer_admin)
    fields = {"name": "Second", "base_url": allowed.url, "set_signing_secret": "s"}
    wrong = client.post(CONNECT, {**fields, "set_api_key": "a-wrong-key"})
    text = wrong.content.decode()
    assert "The sandbox does not know this API key." in text
    assert "a-wrong-key" not in text
    assert 'value="Second"' in text
    assert CarrierAccount.objects.count() == 1
    right = client.post(CONNECT, {**fields, "set_api_key": account.values["api_key"]})
    made = CarrierAccount.objects.get(name="Second")
    assert right["Location"] == f"/north/carriers/{made.pk}/"
    page = client.get(right["Location"]).content.decode()
    assert f"/hooks/sandbox/{made.pk}/" in page
    assert account.values["api_key"] not in page


def test_an_address_that_is_not_the_carriers_is_refused(house: House) -> None:
    fields = {"name": "X", "base_url": "http://169.254.169.254", "set_api_key": "k", "set_signing_secret": "s"}
    page = sign_in(house.dialer_admin).post(CONNECT, fields)
    assert "The operator can allow another address" in page.content.decode()
    assert CarrierAccount.objects.count() == 0


def test_an_account_is_renamed_without_typing_its_secrets(house: House, account: CarrierAccount) -> None:
    fields = {"name": "Renamed", "base_url": account.base_url, "set_api_key": "", "set_signing_secret": ""}
    sign_in(house.dialer_admin).post(f"/north/carriers/{account.pk}/", fields)
    stored = CarrierAccount.objects.get()
    assert (stored.name, stored.values) == ("Renamed", account.values)


def test_an_account_that_sends_and_hears_is_connected_though_nobody_tried_its_key(house: House) -> None:
    now = timezone.now()
    make_account(house.organization, "New")
    make_account(house.organization, "Old", last_sent_at=now, last_heard_at=now)
    text = sign_in(house.dialer_admin).get("/north/carriers/").content.decode()
    assert (text.count("Never tried</span>"), text.count("Connected</span>")) == (1, 1)


def test_the_list_tells_how_accounts_are(house: House) -> None:
    now = timezone.now()
    make_account(house.organization, "Mute", checked_at=now, last_sent_at=now - timedelta(hours=2), refused_webhooks=3)
    make_account(house.organization, "Broken", checked_at=now, check_error="The key is wrong.")
    well = make_account(house.organization, "Well", checked_at=now, last_sent_at=now, last_heard_at=now)
    make_did(house.organization, account=well, text_state=TextState.ENABLED)
    text = sign_in(house.dialer_admin).get("/north/carriers/").content.decode()
    for words in ("Sends, but nothing comes back", "none proved to be the carrier", "The key is wrong.", "Connected"):
        assert words in text
    assert "key-of-the-test-account" not in text


def test_the_number_of_queries_does_not_grow(house: House) -> None:
    client = sign_in(house.dialer_admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get("/north/carriers/")
        return len(seen)

    make_account(house.organization, "One")
    few = queries()
    for name in ("Two", "Three", "Four"):
        make_account(house.organization, name)
    assert queries() == few


def test_trying_an_account_says_what_came_of_it(house: House, account: CarrierAccount) -> None:
    client = sign_in(house.dialer_admin)
    answer = client.post(f"/north/carriers/{account.pk}/check/")
    assert [str(one) for one in get_messages(answer.wsgi_request)] == [
        "Carrier answers, and the credentials are right."
    ]
    CarrierAccount.objects.update(base_url="http://127.0.0.1:1")
    client.post(f"/north/carriers/{account.pk}/check/")
    assert CarrierAccount.objects.get().check_error.startswith("Sandbox could not be reached at 127.0.0.1: ")


def test_the_carriers_numbers_are_looked_at_like_a_file(house: House, account: CarrierAccount) -> None:
    make_did(house.organization, "+13125550100", account=account)
    client = sign_in(house.dialer_admin)
    answer = client.post(f"/north/carriers/{account.pk}/numbers/")
    plan = client.get(answer["Location"]).context["plan"]
    assert (len(plan.new), plan.account) == (99, account)


def test_a_list_that_cannot_be_had_is_said(house: House) -> None:
    account = make_account(house.organization)
    answer = sign_in(house.dialer_admin).post(f"/north/carriers/{account.pk}/numbers/")
    (message,) = get_messages(answer.wsgi_request)
    assert str(message).startswith("Sandbox could not be reached at 127.0.0.1: ")
    assert answer["Location"] == "/north/carriers/"


def test_the_end_of_a_secret_is_shown_as_text(house: House) -> None:
    account = make_account(house.organization)
    account.values = account.values | {"api_key": "0123456789<!--"}
    account.save()
    page = sign_in(house.dialer_admin).get(f"/north/carriers/{account.pk}/").content.decode()
    assert "Stored: ••••&lt;!--. Leave empty to keep it." in page
