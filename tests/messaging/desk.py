"""A call center's desk with a real carrier behind it: the sandbox as a process, its webhooks carried by hand."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from messaging import deliveries, dispatch, inbound, outbound
from messaging.models import Conversation, Lane, Message
from portal.models import Membership
from tests.people import House
from tests.portal.sandbox.process import Listener, Running, listener, sandbox, until
from trunks.carriers.base import Webhook
from trunks.models import CarrierAccount, Did, TextState

_keys = count(1)
_customers = count(2_000)


@pytest.fixture(scope="session")
def carrier_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Listener]]:
    with ExitStack() as stack:
        running = stack.enter_context(sandbox(tmp_path_factory.mktemp("carrier")))
        yield running, stack.enter_context(listener())


@dataclass
class Desk:
    """One DID of team sales at a sandbox account, and the hands that carry texts and webhooks."""

    house: House
    account: CarrierAccount
    did: Did
    carrier: Running
    heard: Listener
    client: Client = field(default_factory=Client)

    def thread(self, number: str = "") -> Conversation:
        return inbound.thread_for(self.did, number or self.customer())

    @staticmethod
    def customer() -> str:
        """A number with no rule of the sandbox behind it."""
        return f"+1212555{next(_customers):04d}"

    def queue(self, thread: Conversation, body: str = "Your order is ready.", **more: Any) -> Message:
        by: Membership | None = more.pop("by", self.house.agent)
        return outbound.queue_message(
            conversation=thread, body=body, by=by, key=more.pop("key", f"key-{next(_keys)}"), **more
        )

    def dispatch(self) -> None:
        """Every lane once."""
        for lane in Lane.objects.filter(account=self.account):
            dispatch.dispatch(lane.pk)

    def accepted(self) -> list[dict[str, Any]]:
        """What truly reached the carrier from this account, in its order."""
        key = self.account.values["api_key"]
        _, answer, _ = self.carrier.ask("GET", "/v1/accepted?size=1000", key=key)
        return list(answer["data"])

    def post(self, webhook: Webhook, *, account: CarrierAccount | None = None, **headers: str) -> int:
        """Carry one webhook to the portal's door; the status it was answered with."""
        account = account or self.account
        sent = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in webhook.headers.items()}
        sent |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        path = f"/hooks/{account.kind}/{account.pk}/"
        answer = self.client.post(path, webhook.body, content_type="application/json", **sent)
        return int(answer.status_code)

    def webhooks(self, *, kind: str, number: str, least: int = 1) -> list[Webhook]:
        """The carrier's webhooks of one kind about one customer, once there are `least` of them."""

        def found() -> list[Webhook]:
            mark = kind.encode()
            rows = [one for one in list(self.heard.webhooks) if mark in one.body and number.encode() in one.body]
            return rows if len(rows) >= least else []

        return list(until(found))

    def carry(self, webhooks: list[Webhook]) -> None:
        for webhook in webhooks:
            assert self.post(webhook) == 200
        while deliveries.process():
            pass

    def customer_texts(self, number: str, text: str) -> None:
        """The customer writes; the portal hears it and works it off."""
        before = {one.body for one in list(self.heard.webhooks)}
        self.carrier.text_from_customer(self.did.number, number, text)

        def news() -> list[Webhook]:
            received = self.webhooks(kind="message.received", number=number)
            return [one for one in received if one.body not in before][:1]

        self.carry(list(until(news)))


@pytest.fixture
def desk(db: None, house: House, carrier_process: tuple[Running, Listener], settings: Any) -> Iterator[Desk]:
    running, heard = carrier_process
    heard.webhooks.clear()
    settings.PORTAL_PRIVATE_HOSTS = frozenset({urlsplit(running.url).netloc, urlsplit(heard.url).netloc})
    settings.PORTAL_PUBLIC_URL = heard.url
    number = f"+1305555{next(_customers):04d}"
    facts = running.account(numbers=[{"number": number, "enabled": True}], webhook_url=heard.url + "/")
    account = CarrierAccount.objects.create(
        organization=house.organization, kind="sandbox", name="Sandbox", base_url=running.url, values=facts
    )
    did = Did.objects.create(
        organization=house.organization,
        number=number,
        account=account,
        text_state=TextState.ENABLED,
        mms=True,
        team=house.sales,
    )
    return Desk(house=house, account=account, did=did, carrier=running, heard=heard)
