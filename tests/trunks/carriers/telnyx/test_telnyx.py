"""Telnyx passes the shared cases, reads the vector made by Telnyx's own SDK, and works against a peer on loopback."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from portal import web
from portal.http import HttpAnswer
from tests.portal.sandbox.process import listener, until
from tests.trunks.carriers import cases
from tests.trunks.carriers.telnyx.peer import PROFILE, Peer, telnyx
from trunks.carriers import telnyx as carrier
from trunks.carriers.base import Account, BadSignature, CarrierError, OutboundText, Webhook
from trunks.carriers.events import InboundMessage, OptOutNotice, Reason, Status, StatusUpdate, Unrecognized
from trunks.carriers.telnyx.errors import CODES

SIGNER = Peer()
ACCOUNT = Account(
    base_url="https://api.telnyx.com", values=SIGNER.values, webhook_url="https://portal.example.com/hooks/telnyx/1/"
)


def refusal(status: int, code: str, title: str = "No", detail: str = "No.") -> HttpAnswer:
    return HttpAnswer(
        status=status, body=json.dumps({"errors": [{"code": code, "title": title, "detail": detail}]}).encode()
    )


def failed(answer: HttpAnswer) -> CarrierError:
    with pytest.raises(CarrierError) as caught:
        carrier.read_send(answer)
    return caught.value


class TestSend(cases.SendCases):
    carrier = carrier
    account = ACCOUNT
    accepted = HttpAnswer(
        status=200,
        body=b'{"data":{"id":"40385f64","to":[{"phone_number":"+12015550123","status":"queued"}],"parts":3,'
        b'"cost":{"amount":"0.0120","currency":"USD"}}}',
    )
    accepted_id = "40385f64"
    accepted_segments = 3
    opted_out = refusal(400, "40300", "Blocked due to STOP message")
    throttled = refusal(429, "10011", "Too many requests")
    unknown_refusal = refusal(422, "49999", "New rule", "A rule of next year.")

    def test_the_request(self) -> None:
        call = carrier.send_call(ACCOUNT, self.text)
        content = json.loads(call.body)
        door = urlsplit(content.pop("webhook_url"))
        assert call.url == "https://api.telnyx.com/v2/messages"
        assert content == {
            "from": "+13125550100",
            "to": "+12015550123",
            "text": "Hi ☎",
            "media_urls": ["https://portal.example.com/m/1"],
            "use_profile_webhooks": False,
        }
        assert door.path == "/hooks/telnyx/1/"
        assert parse_qs(door.query) == {"ref": [cases.REFERENCE]}

    def test_the_idempotency_key_belongs_to_the_reference(self) -> None:
        def key(reference: str) -> str:
            return carrier.send_call(ACCOUNT, replace(self.text, reference=reference)).headers["idempotency-key"]

        assert key("a") == key("a") != key("b")
        assert key("ä/ =").isalnum()

    def test_the_price(self) -> None:
        assert carrier.read_send(self.accepted).parts[0].cost == Decimal("0.0120")

    def test_throttled_until_the_reset(self) -> None:
        answer = replace(self.throttled, headers={"x-ratelimit-reset": "12"})
        assert failed(answer).retry_after_seconds == 12.0

    def test_a_quarrel_over_the_idempotency_key_may_hide_a_taken_text(self) -> None:
        assert failed(refusal(409, "10027")).not_accepted is False
        assert failed(refusal(422, "10027", "Idempotency key reused")).not_accepted is False

    def test_40300_is_an_opt_out_only_when_it_says_so(self) -> None:
        error = failed(refusal(403, "40300", "Blocked", "Blocked by an internal rule."))
        assert (error.reason, error.retryable) == (Reason.BLOCKED, False)

    @pytest.mark.parametrize("code", sorted(CODES))
    def test_every_code_has_its_row(self, code: str) -> None:
        error = failed(refusal(400, code, "Blocked due to STOP message"))
        assert (error.reason, error.retryable, error.sentence) == (
            CODES[code].reason, CODES[code].retryable, CODES[code].sentence,
        )  # fmt: skip
        assert error.not_accepted is True
        assert carrier.error_help(code) == error.sentence
        assert error.reason is not Reason.UNKNOWN or code == "40304"

    def test_a_code_that_is_a_number(self) -> None:
        answer = HttpAnswer(status=400, body=b'{"errors":[{"code":40012}]}')
        assert (failed(answer).code, failed(answer).reason) == ("40012", Reason.INVALID_NUMBER)

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_bare_refusal_to_the_key(self, status: int) -> None:
        assert failed(HttpAnswer(status=status)).reason is Reason.MISCONFIGURED


def event(kind: str, payload: Any) -> bytes:
    data = {"event_type": kind, "id": "evt-1", "occurred_at": "2026-11-20T14:59:58.000+00:00", "payload": payload}
    return json.dumps({"data": {**data, "record_type": "event"}, "meta": {"attempt": 1}}).encode()


INBOUND = {
    "id": "text-2",
    "direction": "inbound",
    "from": {"phone_number": "+12015550123", "carrier": "x", "line_type": "Wireless"},
    "to": [{"phone_number": "+13125550100", "status": "webhook_delivered"}],
    "text": "Hello\x00 there",
    "media": [{"url": "https://media.telnyx.com/a", "content_type": "image/png", "size": 70, "sha256": None}],
    "autoresponse_type": None,
}


class TestWebhooks(cases.WebhookCases):
    carrier = carrier
    account = ACCOUNT
    inbound = event("message.received", INBOUND)
    words = {
        "scheduled": Status.QUEUED,
        "queued": Status.QUEUED,
        "sending": Status.SENDING,
        "sent": Status.SENT,
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "delivery_failed": Status.UNDELIVERED,
        "delivery_unconfirmed": Status.SENT,
        "sending_failed": Status.FAILED,
        "expired": Status.FAILED,
    }
    not_an_event = (b"{}", b'{"data":[]}', event("message.sent", {}), event("message.received", {"id": "x"}))

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        return SIGNER.sign(body, int(at.timestamp()))

    def receipt(self, word: str, **more: Any) -> bytes:
        recipient = {"phone_number": "+12015550123", "status": word}
        payload = {"id": "text-1", "from": {"phone_number": "+13125550100"}, "to": [recipient], "parts": 2, **more}
        return event("message.finalized", payload)

    def opt_out_receipt(self) -> bytes:
        return self.receipt("delivery_failed", errors=[{"code": "40300", "title": "Blocked due to STOP message"}])

    def unknown_event(self) -> bytes:
        return event("something.new", {})

    def test_a_receipt_in_full(self) -> None:
        body = self.receipt(
            "delivery_failed", cost={"amount": "0.0040", "currency": "USD"}, errors=[{"code": "40017", "title": "Spam"}]
        )
        (update,) = carrier.parse(self.webhook(body))
        assert isinstance(update, StatusUpdate)
        assert (update.reason, update.code, update.final) == (Reason.BLOCKED, "40017", True)
        assert (update.segments, update.cost) == (2, Decimal("0.0040"))
        assert update.at == datetime(2026, 11, 20, 14, 59, 58, tzinfo=UTC)

    def test_a_price_in_another_currency_is_no_price_in_dollars(self) -> None:
        (update,) = carrier.parse(self.webhook(self.receipt("sent", cost={"amount": "1", "currency": "EUR"})))
        assert isinstance(update, StatusUpdate)
        assert update.cost is None

    def test_last_words(self) -> None:
        final = {}
        for word in self.words:
            (update,) = carrier.parse(self.webhook(self.receipt(word)))
            assert isinstance(update, StatusUpdate)
            final[word] = update.final
        assert [word for word, last in final.items() if not last] == ["scheduled", "queued", "sending", "sent"]

    def test_a_40300_that_says_nothing_of_a_stop_is_no_opt_out(self) -> None:
        body = self.receipt("delivery_failed", errors=[{"code": "40300", "title": "Blocked"}])
        (update,) = carrier.parse(self.webhook(body))
        assert isinstance(update, StatusUpdate)
        assert update.reason is Reason.BLOCKED

    @pytest.mark.parametrize("word", ["STOP", "START", "HELP"])
    def test_telnyx_has_answered_a_keyword(self, word: str) -> None:
        body = event("message.received", {**INBOUND, "text": word, "autoresponse_type": word})
        (inbound,) = carrier.parse(self.webhook(body))
        assert isinstance(inbound, InboundMessage)
        assert inbound.answered_by_carrier is True
        assert not isinstance(inbound, OptOutNotice)

    def test_a_picture_without_words(self) -> None:
        (inbound,) = carrier.parse(self.webhook(event("message.received", {**INBOUND, "text": None})))
        assert isinstance(inbound, InboundMessage)
        assert (inbound.body, len(inbound.media)) == ("", 1)

    def test_a_text_from_a_short_code_is_not_lost(self) -> None:
        body = event("message.received", {**INBOUND, "from": {"phone_number": "72345"}})
        (odd,) = carrier.parse(self.webhook(body))
        assert isinstance(odd, Unrecognized)
        assert odd.raw["text"] == "Hello\ufffd there"


class TestVector:
    """X1: signed by Telnyx's Python SDK 4.189."""

    body = (
        b'{"data":{"event_type":"message.finalized","id":"00000000-0000-4000-8000-000000000001",'
        b'"occurred_at":"2025-10-09T08:53:20.000+00:00","payload":{"id":"00000000-0000-4000-8000-0000000000aa",'
        b'"to":[{"phone_number":"+15550100001","status":"delivered"}]},"record_type":"event"},'
        b'"meta":{"attempt":1,"delivered_to":"https://portal.example.com/hooks/telnyx"}}'
    )
    account = Account(base_url="", values={"public_key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="})
    signed = datetime.fromtimestamp(1_760_000_000, UTC)

    def webhook(self) -> Webhook:
        signature = "3h1v8l1qElBypDg7qQxTgJcdICcmhUktOHi/md78ge7plcyQtY1cti7jpjlr6XB1ey+Zzzyru16kiyLOE1fBDQ=="
        headers = {"telnyx-timestamp": "1760000000", "telnyx-signature-ed25519": signature}
        return Webhook(url="https://portal.example.com/hooks/telnyx", headers=headers, body=self.body)

    def test_it_verifies(self) -> None:
        assert len(self.body) == 349
        carrier.verify(self.account, self.webhook(), self.signed + timedelta(seconds=300))

    def test_it_does_not_a_second_later(self) -> None:
        with pytest.raises(BadSignature):
            carrier.verify(self.account, self.webhook(), self.signed + timedelta(seconds=301))

    def test_it_is_read(self) -> None:
        (update,) = carrier.parse(self.webhook())
        assert isinstance(update, StatusUpdate)
        assert (update.carrier_id, update.status) == ("00000000-0000-4000-8000-0000000000aa", Status.DELIVERED)
        assert carrier.event_key(self.webhook()) == "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def peer() -> Iterator[Peer]:
    with telnyx() as running:
        yield running


class TestLive(cases.LiveCases):
    carrier = carrier
    refused = "+13125550166"

    @pytest.fixture
    def live(self, peer: Peer) -> Account:
        peer.add(self.enabled)
        peer.add(self.waiting, enabled=False)
        peer.add(self.refused, enabled=False, able=False)
        return Account(base_url=peer.url, values=peer.values, webhook_url=f"{peer.url}/nowhere")

    def test_a_second_try_with_the_same_reference_is_one_text(self, live: Account, reach: Any, peer: Peer) -> None:
        text = OutboundText(from_number=self.enabled, to_number="+12015550123", body="Once", reference="r1")
        answers = [web.call(carrier.send_call(live, text), hosts=()) for _ in range(2)]
        first, second = (carrier.read_send(answer).parts for answer in answers)
        assert first[0].carrier_id == second[0].carrier_id
        assert len(peer.messages) == 1

    def test_many_numbers_come_in_pages(self, live: Account, reach: Any, peer: Peer) -> None:
        for last in range(1000, 1600):
            peer.add(f"+1312556{last}")
        assert len(reach(carrier.list_numbers(live))) == 603

    def test_a_throttle_ends_the_run_so_that_it_can_be_tried_again(self, live: Account, reach: Any, peer: Peer) -> None:
        peer.fail_next.append((429, "10011", "Too many requests"))
        with pytest.raises(CarrierError) as caught:
            reach(carrier.enable_numbers(live, [self.waiting]))
        assert (caught.value.retryable, caught.value.not_accepted) == (True, True)
        assert peer.numbers[self.waiting]["messaging_profile_id"] is None

    def test_receipts_carry_the_reference_back(self, live: Account, reach: Any, peer: Peer) -> None:
        with listener() as heard:
            here = replace(live, webhook_url=f"{heard.url}/hooks/telnyx/1/")
            text = OutboundText(from_number=self.enabled, to_number="+12015550008", body="Hi", reference="r:8-_")
            carrier.read_send(web.call(carrier.send_call(here, text), hosts=()))
            until(lambda: len(heard.webhooks) == 2)
        events = []
        for webhook in heard.webhooks:
            carrier.verify(here, webhook, datetime.now(UTC))
            events += carrier.parse(webhook)
        sent, ended, notice = events
        assert isinstance(sent, StatusUpdate)
        assert isinstance(ended, StatusUpdate)
        assert isinstance(notice, OptOutNotice)
        assert [sent.status, ended.status] == [Status.SENT, Status.UNDELIVERED]
        assert {sent.reference, ended.reference} == {"r:8-_"}
        assert (ended.reason, notice.number) == (Reason.OPTED_OUT, "+12015550008")

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("public_key", "no key", "public key"),
            ("messaging_profile_id", "", "profile ID is missing"),
            ("messaging_profile_id", "another", "not this messaging profile"),
        ],
    )
    def test_what_is_wrong_with_the_account_is_said(
        self, live: Account, reach: Callable[[Any], Any], field: str, value: str, words: str
    ) -> None:
        with pytest.raises(CarrierError, match=words):
            reach(carrier.check_credentials(replace(live, values={**live.values, field: value})))

    @pytest.mark.parametrize(
        ("profile", "words"),
        [
            ({}, "not as Telnyx does"),
            ({"id": PROFILE, "enabled": False}, "switched off"),
            ({"id": PROFILE, "whitelisted_destinations": ["CA"]}, "United States"),
            ({"id": PROFILE, "webhook_api_version": "1"}, "API v2"),
        ],
    )
    def test_what_is_wrong_with_the_profile_is_said(self, profile: dict[str, Any], words: str) -> None:
        steps = carrier.check_credentials(ACCOUNT)
        assert next(steps).url == f"https://api.telnyx.com/v2/messaging_profiles/{PROFILE}"
        with pytest.raises(CarrierError, match=words):
            steps.send(HttpAnswer(status=200, body=json.dumps({"data": profile, "meta": {}}).encode()))


@pytest.mark.parametrize(
    ("url", "goes"),
    [
        ("https://media.telnyx.com/a", True),
        ("https://telnyx.com/a", True),
        ("https://telnyx.com:443/a", True),
        ("http://media.telnyx.com/a", False),
        ("https://telnyx.com:8443/a", False),
        ("https://eviltelnyx.com/a", False),
        ("https://telnyx.com.evil.example/a", False),
        ("https://telnyx.com@evil.example/a", False),
        ("https://evil.example\\@telnyx.com/a", False),
        ("https://evil.example/telnyx.com", False),
        ("https://telnyx.com:x/a", False),
        ("", False),
    ],
)
def test_the_key_goes_to_telnyx_alone(url: str, goes: bool) -> None:
    assert bool(carrier.media_headers(ACCOUNT, url)) is goes
