"""What every carrier must do. A carrier's test file brings payloads and expectations; the cases are these."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as fuzzing
from hypothesis import strategies as st

from portal import web
from portal.http import HttpAnswer
from trunks.carriers.base import Account, BadSignature, Carrier, CarrierError, OutboundText, UnreadableBody, Webhook
from trunks.carriers.events import InboundMessage, OptOutNotice, Reason, Status, StatusUpdate, Unrecognized

# Every carrier's class runs the same case, so what is found for one must not be replayed for another.
shared = fuzzing(suppress_health_check=[HealthCheck.differing_executors], database=None)
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
REFERENCE = "a1b2:Zm9v_-x"

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None))
json_values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


class SendCases:
    carrier: Carrier
    account: Account
    accepted: HttpAnswer
    accepted_id: str
    accepted_segments: int
    opted_out: HttpAnswer
    throttled: HttpAnswer  # 429 without a time
    unknown_refusal: HttpAnswer

    text = OutboundText(
        from_number="+13125550100",
        to_number="+12015550123",
        body="Hi ☎",
        reference=REFERENCE,
        media_urls=("https://portal.example.com/m/1",),
    )

    def refusal(self, answer: HttpAnswer) -> CarrierError:
        with pytest.raises(CarrierError) as caught:
            self.carrier.read_send(answer)
        return caught.value

    def test_the_request_goes_to_the_account_with_its_key(self) -> None:
        call = self.carrier.send_call(self.account, self.text)
        assert call.method == "POST"
        assert call.url.startswith(self.account.base_url + "/")
        assert self.account.values["api_key"] in call.headers["authorization"]
        assert self.account.values["api_key"] not in repr(call)
        assert self.text.body not in repr(call)

    def test_the_same_text_makes_the_same_bytes(self) -> None:
        assert self.carrier.send_call(self.account, self.text) == self.carrier.send_call(self.account, self.text)

    def test_accepted(self) -> None:
        (part,) = self.carrier.read_send(self.accepted).parts
        assert (part.carrier_id, part.segments) == (self.accepted_id, self.accepted_segments)

    def test_throttled_without_a_time(self) -> None:
        error = self.refusal(self.throttled)
        assert (error.reason, error.retryable, error.not_accepted) == (Reason.RATE_LIMITED, True, True)
        assert error.retry_after_seconds is None

    def test_throttled_with_a_time(self) -> None:
        headers = {**self.throttled.headers, "retry-after": "7"}
        assert self.refusal(replace(self.throttled, headers=headers)).retry_after_seconds == 7.0

    @pytest.mark.parametrize("senseless", ["soon", "-1", "nan", "1e400", "٣", ""])
    def test_throttled_with_a_senseless_time(self, senseless: str) -> None:
        error = self.refusal(replace(self.throttled, headers={"retry-after": senseless}))
        assert (error.retryable, error.retry_after_seconds) == (True, None)

    def test_throttled_with_an_endless_time_waits_an_hour_at_most(self) -> None:
        assert self.refusal(replace(self.throttled, headers={"retry-after": "99999999"})).retry_after_seconds == 3600

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 301, 599])
    def test_a_breakdown_may_have_taken_the_text(self, status: int) -> None:
        error = self.refusal(HttpAnswer(status=status, body=b"upstream error"))
        assert (error.not_accepted, error.reason) == (False, Reason.CARRIER_DOWN)

    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"[]", b"{}", b'{"data":{}}', b'{"data":{"id":7}}', b"\xff", b"[" * 9999, b"9" * 9999]
    )
    def test_a_success_that_cannot_be_read_may_have_taken_the_text(self, body: bytes) -> None:
        assert self.refusal(HttpAnswer(status=200, body=body)).not_accepted is False

    def test_opted_out(self) -> None:
        error = self.refusal(self.opted_out)
        assert (error.reason, error.retryable, error.not_accepted) == (Reason.OPTED_OUT, False, True)
        assert self.carrier.error_help(error.code) == error.sentence

    def test_an_unknown_refusal_is_permanent(self) -> None:
        error = self.refusal(self.unknown_refusal)
        assert (error.reason, error.retryable, error.not_accepted) == (Reason.UNKNOWN, False, True)
        assert error.code
        assert self.carrier.error_help(error.code) == ""

    @shared
    @given(status=st.integers(100, 599), body=st.binary() | json_values.map(json.dumps).map(str.encode))
    def test_no_answer_breaks_the_reader(self, status: int, body: bytes) -> None:
        answer = HttpAnswer(status=status, body=body)
        if 200 <= status < 300:
            assert self.refusal(answer).not_accepted is False
        else:
            assert self.refusal(answer).sentence


class WebhookCases:
    carrier: Carrier
    account: Account
    inbound: bytes  # from +12015550123 to +13125550100, "Hello\x00 there", one picture
    words: dict[str, Status]  # every documented status word
    not_an_event: tuple[bytes, ...]  # verified, but not what the carrier documents

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        raise NotImplementedError

    def receipt(self, word: str) -> bytes:
        """A receipt for id `text-1` to +12015550123 with that status word."""
        raise NotImplementedError

    def opt_out_receipt(self) -> bytes:
        raise NotImplementedError

    def unknown_event(self) -> bytes:
        """An event of kind `something.new`."""
        raise NotImplementedError

    def webhook(self, body: bytes, at: datetime = NOW) -> Webhook:
        url = "https://portal.example.com/hooks/x"
        return Webhook(url=url, headers=self.sign(body, at), query={"ref": REFERENCE}, body=body)

    def verify(self, webhook: Webhook) -> None:
        self.carrier.verify(self.account, webhook, NOW)

    @pytest.mark.parametrize("age", [-300, 0, 300])
    def test_a_good_signature(self, age: int) -> None:
        self.verify(self.webhook(self.inbound, NOW - timedelta(seconds=age)))

    @pytest.mark.parametrize("age", [-301, 301, 86_400])
    def test_a_stale_signature(self, age: int) -> None:
        with pytest.raises(BadSignature) as caught:
            self.verify(self.webhook(self.inbound, NOW - timedelta(seconds=age)))
        assert caught.value.missing is False

    def test_a_changed_body(self) -> None:
        webhook = replace(self.webhook(self.inbound), body=self.inbound.replace(b"Hello", b"Hullo"))
        with pytest.raises(BadSignature):
            self.verify(webhook)

    def test_each_header_is_needed(self) -> None:
        webhook = self.webhook(self.inbound)
        for name in webhook.headers:
            headers = {other: value for other, value in webhook.headers.items() if other != name}
            with pytest.raises(BadSignature) as caught:
                self.verify(replace(webhook, headers=headers))
            assert caught.value.missing is True

    @pytest.mark.parametrize("value", ["x", "é", "٣", "\udcff", "A" * 88, "=", "1" * 400, "-1"])
    def test_a_senseless_header(self, value: str) -> None:
        webhook = self.webhook(self.inbound)
        for name in webhook.headers:
            with pytest.raises(BadSignature):
                self.verify(replace(webhook, headers={**webhook.headers, name: value}))

    def test_another_accounts_secret(self) -> None:
        nothing = replace(self.account, values=dict.fromkeys(self.account.values, ""))
        with pytest.raises(BadSignature):
            self.carrier.verify(nothing, self.webhook(self.inbound), NOW)

    def test_inbound(self) -> None:
        (event,) = self.carrier.parse(self.webhook(self.inbound))
        assert isinstance(event, InboundMessage)
        assert (event.from_number, event.to_number) == ("+12015550123", "+13125550100")
        assert event.body == "Hello\ufffd there"
        assert [media.content_type for media in event.media] == ["image/png"]
        assert event.at is not None
        assert event.answered_by_carrier is False

    def test_every_documented_status_word(self) -> None:
        for word, status in self.words.items():
            (update,) = self.carrier.parse(self.webhook(self.receipt(word)))
            assert isinstance(update, StatusUpdate)
            assert (update.carrier_id, update.word, update.status) == ("text-1", word, status)
            assert update.reference == REFERENCE
            assert update.at is not None

    def test_an_unknown_status_word_moves_nothing(self) -> None:
        (update,) = self.carrier.parse(self.webhook(self.receipt("levitating")))
        assert isinstance(update, StatusUpdate)
        assert (update.status, update.word, update.final) == (Status.UNKNOWN, "levitating", False)

    def test_an_opt_out_is_told_beside_the_receipt(self) -> None:
        update, notice = self.carrier.parse(self.webhook(self.opt_out_receipt()))
        assert isinstance(update, StatusUpdate)
        assert update.reason is Reason.OPTED_OUT
        assert isinstance(notice, OptOutNotice)
        assert (notice.number, notice.our_number, notice.opted_out) == ("+12015550123", "+13125550100", True)

    def test_an_unknown_event_is_named(self) -> None:
        (event,) = self.carrier.parse(self.webhook(self.unknown_event()))
        assert isinstance(event, Unrecognized)
        assert event.kind == "something.new"

    def test_the_same_event_has_the_same_key(self) -> None:
        keys = {self.carrier.event_key(self.webhook(body)) for body in (self.inbound, self.inbound)}
        assert len(keys) == 1
        assert "" not in keys

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 99_999, b"9" * 9999, b"NaN", b"null", b'"text"'])
    def test_an_unreadable_body(self, body: bytes) -> None:
        with pytest.raises(UnreadableBody):
            self.carrier.parse(self.webhook(body))
        assert self.carrier.event_key(self.webhook(body)) == ""

    def test_a_body_that_is_not_what_the_carrier_documents(self) -> None:
        for body in self.not_an_event:
            with pytest.raises(UnreadableBody):
                self.carrier.parse(self.webhook(body))

    @shared
    @given(data=st.data())
    def test_no_body_breaks_the_parser(self, data: st.DataObject) -> None:
        """Any value in the place of any part of a good body."""
        good = data.draw(st.sampled_from([self.inbound, self.receipt("sent"), self.unknown_event()]))
        body = json.dumps(_disturbed(json.loads(good), data)).encode()
        webhook = self.webhook(body)
        assert len(self.carrier.event_key(webhook)) <= 200
        try:
            events = self.carrier.parse(webhook)
        except UnreadableBody:
            return
        for event in events:
            _check_storable(event.raw)


class LiveCases:
    """Against a peer that really listens. `live` is an account on it that owns three numbers: `enabled` is switched on,
    `waiting` can be, `refused` cannot."""

    carrier: Carrier
    enabled = "+13125550100"
    waiting = "+13125550101"
    refused: str

    @pytest.fixture
    def live(self) -> Iterator[Account]:
        raise NotImplementedError

    @pytest.fixture
    def reach(self, settings: Any, live: Account) -> Callable[[Any], Any]:
        """Run steps over the portal's own transport, as the portal would."""
        settings.PORTAL_PRIVATE_HOSTS = frozenset({urlsplit(live.base_url).netloc})
        return lambda steps: web.run(steps, hosts=())

    def test_good_credentials(self, live: Account, reach: Callable[[Any], Any]) -> None:
        assert reach(self.carrier.check_credentials(live)) is None

    def test_a_wrong_key(self, live: Account, reach: Callable[[Any], Any]) -> None:
        wrong = replace(live, values={**live.values, "api_key": "wrong"})
        for steps in (
            self.carrier.check_credentials(wrong),
            self.carrier.list_numbers(wrong),
            self.carrier.enable_numbers(wrong, [self.waiting]),
            self.carrier.look_up(wrong, ["text-1"], REFERENCE),
        ):
            with pytest.raises(CarrierError) as caught:
                reach(steps)
            assert (caught.value.reason, caught.value.retryable) == (Reason.MISCONFIGURED, False)

    def test_numbers(self, live: Account, reach: Callable[[Any], Any]) -> None:
        numbers = {each.number: each for each in reach(self.carrier.list_numbers(live))}
        assert set(numbers) == {self.enabled, self.waiting, self.refused}
        assert [(numbers[each].sms, numbers[each].mms) for each in (self.enabled, self.waiting)] == [
            (True, True),
            (False, False),
        ]

    def test_enabling_tells_each_number_apart(self, live: Account, reach: Callable[[Any], Any]) -> None:
        asked = [self.waiting, self.refused, "+19995550100"]
        first, second, third = reach(self.carrier.enable_numbers(live, asked))
        assert [first.number, second.number, third.number] == asked
        assert (first.enabled, first.mms, first.sentence) == (True, True, "")
        assert (second.enabled, third.enabled) == (False, False)
        assert second.sentence != third.sentence
        listed = {each.number: each.sms for each in reach(self.carrier.list_numbers(live))}
        assert listed == {self.enabled: True, self.waiting: True, self.refused: False}

    def test_a_text_is_sent_and_looked_up(self, live: Account, reach: Callable[[Any], Any]) -> None:
        text = OutboundText(from_number=self.enabled, to_number="+12015550123", body="Hello", reference=REFERENCE)
        answer = web.call(self.carrier.send_call(live, text), hosts=())
        (part,) = self.carrier.read_send(answer).parts
        (update,) = reach(self.carrier.look_up(live, [part.carrier_id], REFERENCE)).updates
        assert (update.carrier_id, update.reference) == (part.carrier_id, REFERENCE)
        assert update.status in (Status.QUEUED, Status.SENT, Status.DELIVERED)

    def test_an_unknown_id_is_no_proof_of_absence(self, live: Account, reach: Callable[[Any], Any]) -> None:
        found = reach(self.carrier.look_up(live, ["text-unknown"], REFERENCE))
        assert (found.updates, found.surely_absent) == ((), False)


def _disturbed(value: Any, data: st.DataObject) -> Any:
    """`value` with one part, at any depth, replaced by something else."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not keys or data.draw(st.integers(0, 3)) == 0:
        return data.draw(json_values)
    key = data.draw(st.sampled_from(keys))
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = _disturbed(value[key], data)
    return copy


def _check_storable(value: Any) -> None:
    """What PostgreSQL takes as JSON: no NUL, no lone surrogate, no infinite number."""
    text = json.dumps(value, allow_nan=False)
    assert "\\u0000" not in text.replace("\\\\", "")
    json.dumps(value, ensure_ascii=False).encode()
