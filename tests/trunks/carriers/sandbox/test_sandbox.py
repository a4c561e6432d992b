"""The sandbox carrier passes the shared cases, also against the running program."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from portal import web
from portal.http import HttpAnswer, Unanswered
from portal.sandbox import callbacks
from tests.portal.sandbox.process import Listener, listener, sandbox, until
from tests.trunks.carriers import cases
from trunks.carriers import sandbox as carrier
from trunks.carriers.base import Account, CarrierError, OutboundText
from trunks.carriers.events import InboundMessage, Reason, Status, StatusUpdate

ACCOUNT = Account(base_url="http://127.0.0.1:8010", values={"api_key": "key-1", "signing_secret": "secret-1"})


def error(status: int, code: str) -> HttpAnswer:
    return HttpAnswer(status=status, body=json.dumps({"error": {"code": code, "message": "No."}}).encode())


class TestSend(cases.SendCases):
    carrier = carrier
    account = ACCOUNT
    accepted = HttpAnswer(status=202, body=b'{"data":{"id":"txt_1","status":"queued","segments":2}}')
    accepted_id = "txt_1"
    accepted_segments = 2
    opted_out = error(400, "opted_out")
    throttled = error(429, "too_fast")
    unknown_refusal = error(400, "moon_phase")

    def test_the_reference_is_in_the_body(self) -> None:
        call = carrier.send_call(replace(ACCOUNT, webhook_url="https://portal.example.com/h"), self.text)
        assert json.loads(call.body) == {
            "from": "+13125550100",
            "to": "+12015550123",
            "text": "Hi ☎",
            "client_reference": cases.REFERENCE,
            "media_urls": ["https://portal.example.com/m/1"],
            "webhook_url": "https://portal.example.com/h",
        }


def envelope(kind: str, data: dict[str, Any]) -> bytes:
    return callbacks.envelope("evt-1", kind, 1_795_000_000_123_456, data)


class TestWebhooks(cases.WebhookCases):
    carrier = carrier
    account = ACCOUNT
    inbound = envelope(
        "message.received",
        {
            "id": "text-2", "from": "+12015550123", "to": "+13125550100", "text": "Hello\x00 there", "answered": "",
            "media": [{"url": "http://127.0.0.1:8010/media/med_1", "content_type": "image/png", "size": 70}],
        },
    )  # fmt: skip
    words = {
        "queued": Status.QUEUED,
        "sending": Status.SENDING,
        "sent": Status.SENT,
        "delivered": Status.DELIVERED,
        "undelivered": Status.UNDELIVERED,
        "failed": Status.FAILED,
    }
    not_an_event = (b"{}", b'{"events":{}}', envelope("message.status", {}), envelope("message.received", {"id": "x"}))

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        return callbacks.signature("secret-1", body, int(at.timestamp()))

    def receipt(self, word: str, **more: Any) -> bytes:
        data = {"id": "text-1", "client_reference": cases.REFERENCE, "to": "+12015550123", "from": "+13125550100"}
        return envelope("message.status", {**data, "status": word, "cost": "0.0080", "segments": 2, **more})

    def opt_out_receipt(self) -> bytes:
        return self.receipt("undelivered", code="opted_out")

    def unknown_event(self) -> bytes:
        return envelope("something.new", {})

    def test_a_receipt_in_full(self) -> None:
        body = self.receipt("undelivered", code="no_answer_from_handset", provisional=True)
        (update,) = carrier.parse(self.webhook(body))
        assert isinstance(update, StatusUpdate)
        assert (update.reason, update.provisional, update.final) == (Reason.UNREACHABLE, True, False)
        assert (update.segments, update.cost) == (2, Decimal("0.0080"))
        assert update.at == datetime(2026, 11, 18, 11, 6, 40, 123456, tzinfo=UTC)

    def test_a_batch(self) -> None:
        content = json.loads(self.receipt("sent"))
        content["events"] += json.loads(self.inbound)["events"] + json.loads(self.unknown_event())["events"]
        kinds = [type(event).__name__ for event in carrier.parse(self.webhook(json.dumps(content).encode()))]
        assert kinds == ["StatusUpdate", "InboundMessage", "Unrecognized"]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Listener]]:
    with ExitStack() as stack:
        running = stack.enter_context(sandbox(tmp_path_factory.mktemp("sandbox")))
        yield running, stack.enter_context(listener())


class TestLive(cases.LiveCases):
    carrier = carrier
    refused = "+13125550166"

    @pytest.fixture
    def live(self, peer: tuple[Any, Listener]) -> Account:
        running, heard = peer
        heard.webhooks.clear()
        numbers = [
            {"number": self.enabled, "enabled": True, "campaign": "C1"},
            {"number": self.waiting, "enabled": False},
            {"number": self.refused, "enabled": False},
        ]
        door = f"{heard.url}/hooks"
        made = running.account(id="live", numbers=numbers, webhook_url=door)
        values = {"api_key": made["api_key"], "signing_secret": made["signing_secret"]}
        return Account(base_url=running.url, values=values, webhook_url=door)

    def send(self, live: Account, to: str, reference: str, body: str = "Hello", **more: Any) -> HttpAnswer:
        text = OutboundText(from_number=self.enabled, to_number=to, body=body, reference=reference, **more)
        return web.call(carrier.send_call(live, text), hosts=())

    def test_absence_is_proven_by_reference(self, live: Account, reach: Callable[[Any], Any]) -> None:
        assert reach(carrier.look_up(live, [], "never-sent")).surely_absent is True

    def test_a_text_whose_answer_was_lost_is_found_by_reference(
        self, live: Account, reach: Callable[[Any], Any]
    ) -> None:
        with pytest.raises(Unanswered):
            self.send(live, "+12015550007", "lost-1")
        found = reach(carrier.look_up(live, [], "lost-1"))
        assert found.surely_absent is False
        assert [update.reference for update in found.updates] == ["lost-1"]

    def test_signed_receipts_come_and_can_be_read(self, live: Account, reach: Any, peer: Any) -> None:
        (part,) = carrier.read_send(self.send(live, "+12015550124", "told-1")).parts
        listening: Listener = peer[1]

        def told() -> set[Status]:
            seen = set()
            for webhook in list(listening.webhooks):
                carrier.verify(live, webhook, datetime.now(UTC))
                for event in carrier.parse(webhook):
                    assert isinstance(event, StatusUpdate)
                    if event.reference == "told-1":
                        assert event.carrier_id == part.carrier_id
                        seen.add(event.status)
            return seen

        until(lambda: told() == {Status.QUEUED, Status.SENT, Status.DELIVERED})

    def test_a_customers_text_comes_and_can_be_read(self, live: Account, peer: Any) -> None:
        running, listening = peer
        sent = running.text_from_customer(self.enabled, "+12015550125", "Où êtes-vous ? 📞")
        webhook = until(lambda: next((each for each in listening.webhooks if sent["id"].encode() in each.body), None))
        carrier.verify(live, webhook, datetime.now(UTC))
        (event,) = carrier.parse(webhook)
        assert isinstance(event, InboundMessage)
        assert (event.from_number, event.to_number, event.body) == ("+12015550125", self.enabled, "Où êtes-vous ? 📞")

    @pytest.mark.parametrize(
        ("to", "body", "reason", "retryable", "not_accepted"),
        [
            ("+12015550001", "Hi", Reason.INVALID_NUMBER, False, True),
            ("+12015550002", "Hi", Reason.INVALID_NUMBER, False, True),
            ("+12015550005", "Hi", Reason.RATE_LIMITED, True, True),
            ("+12015550006", "Hi", Reason.CARRIER_DOWN, True, False),
            ("+12015550008", "Hi", Reason.OPTED_OUT, False, True),
            ("+12015550010", "Hi", Reason.CARRIER_DOWN, True, False),
            ("+12015550123", "please reject-this-text", Reason.CONTENT_REJECTED, False, True),
            ("+12015550123", "x" * 1531, Reason.TOO_LARGE, False, True),
        ],
    )
    def test_documented_refusals(
        self, live: Account, reach: Any, to: str, body: str, reason: Reason, retryable: bool, not_accepted: bool
    ) -> None:
        answer = self.send(live, to, f"magic-{to}-{len(body)}", body)
        with pytest.raises(CarrierError) as caught:
            carrier.read_send(answer)
        error = caught.value
        assert (error.reason, error.retryable, error.not_accepted) == (reason, retryable, not_accepted)
        assert error.retry_after_seconds == (1.0 if reason is Reason.RATE_LIMITED else None)

    def test_every_word_of_the_program_has_a_sentence(self) -> None:
        """The words stand in the sources as Refusal(status, "word", …) and Step(seconds, "status", "word", …)."""
        folder = Path(callbacks.__file__).parent
        source = "".join((folder / name).read_text() for name in ("rules.py", "api.py"))
        words = set(re.findall(r'(?:Refusal\(\d+, |Step\([^,]+, "\w+", |_not_enabled\(number, )"(\w+)"', source))
        assert {"invalid_number", "busy", "carrier_blocked", "no_answer_from_handset", "port_pending"} <= words
        assert {word for word in words if not carrier.error_help(word)} == {"internal", "invalid_query", "not_found"}


def test_the_key_goes_to_the_sandboxs_pictures_only() -> None:
    def headers(url: str) -> dict[str, str]:
        return dict(carrier.media_headers(ACCOUNT, url))

    assert headers("http://127.0.0.1:8010/media/med_1") == {"authorization": "Bearer key-1"}
    for url in (
        "http://127.0.0.1:8011/media/med_1",
        "https://127.0.0.1:8010/media/med_1",
        "http://127.0.0.1:8010@evil.example/media/med_1",
        "http://evil.example/media/med_1",
        "http://127.0.0.1:99999/media/x",
        "http://[/media/x",
        "",
    ):
        assert headers(url) == {}
    assert urlsplit(ACCOUNT.base_url).port == 8010
