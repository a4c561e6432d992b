"""A text's whole way: queued, taken by the carrier, receipts, an answer, STOP, START."""

import pytest

from compliance.models import OptOut, Suppression
from messaging import outbound
from messaging.models import Attempt, AttemptPart, Conversation, Delivery, Message, Receipt, State, ThreadNote
from tests.messaging.desk import Desk


def test_a_text_climbs_to_delivered(desk: Desk) -> None:
    thread = desk.thread()
    message = desk.queue(thread, "Your order is ready.")
    desk.dispatch()
    message.refresh_from_db()
    assert (message.state, message.attempts_made, message.token) == (State.ACCEPTED, 1, None)
    (taken,) = desk.accepted()
    assert (taken["from"], taken["to"], taken["text"]) == (desk.did.number, thread.number, "Your order is ready.")
    desk.carry(desk.webhooks(kind='"delivered"', number=thread.number))
    message.refresh_from_db()
    thread.refresh_from_db()
    assert (message.state, thread.last_state) == (State.DELIVERED, State.DELIVERED)
    assert (Attempt.objects.get().state, AttemptPart.objects.get().state) == (State.DELIVERED, State.DELIVERED)


def test_receipts_in_any_order_and_number_end_alike(desk: Desk) -> None:
    thread = desk.thread()
    message = desk.queue(thread)
    desk.dispatch()
    delivered = desk.webhooks(kind='"delivered"', number=thread.number)
    sent = desk.webhooks(kind='"sent"', number=thread.number)
    desk.carry([*delivered, *sent, *delivered, *sent])
    message.refresh_from_db()
    assert message.state == State.DELIVERED
    assert sorted(Receipt.objects.values_list("status", flat=True)) == ["delivered", "sent"]
    assert max(Delivery.objects.values_list("seen", flat=True)) >= 2


def test_a_receipt_before_the_record_is_parked_and_found(desk: Desk) -> None:
    thread = desk.thread()
    message = desk.queue(thread)
    desk.dispatch()
    webhooks = desk.webhooks(kind='"delivered"', number=thread.number)
    Attempt.objects.all().delete()  # as if the answer had not been written down yet, and the reference were lost
    desk.carry(webhooks)
    assert Receipt.objects.get(status="delivered").part is None
    message.refresh_from_db()
    assert message.state == State.ACCEPTED


@pytest.mark.parametrize(
    ("ending", "state", "reason"),
    [
        ("0001", State.FAILED, "invalid_number"),
        ("0008", State.FAILED, "opted_out"),
        ("0005", State.QUEUED, "rate_limited"),
        ("0006", State.UNCONFIRMED, ""),
        ("0007", State.UNCONFIRMED, ""),
    ],
)
def test_what_the_carrier_refuses_says_why(desk: Desk, ending: str, state: str, reason: str) -> None:
    message = desk.queue(desk.thread(f"+1212555{ending}"))
    desk.dispatch()
    message.refresh_from_db()
    assert (message.state, message.reason) == (state, reason)
    assert message.why


def test_a_carriers_opt_out_is_an_opt_out(desk: Desk) -> None:
    desk.queue(desk.thread("+12125550008"))
    desk.dispatch()
    assert Suppression.objects.get().number == "+12125550008"
    assert OptOut.objects.get().source == OptOut.Source.CARRIER


def test_the_same_form_twice_sends_once(desk: Desk) -> None:
    thread = desk.thread()
    first = desk.queue(thread, key="form-1")
    assert desk.queue(thread, key="form-1") == first
    desk.dispatch()
    assert len(desk.accepted()) == 1


def test_a_key_never_swallows_another_text(desk: Desk) -> None:
    thread, other = desk.thread(), desk.thread()
    desk.queue(thread, "At five.", key="form-1")
    for somewhere, body in ((thread, "At six."), (other, "At five.")):
        with pytest.raises(outbound.MessageRefused, match="sent another text already"):
            desk.queue(somewhere, body, key="form-1")
    assert list(Message.objects.values_list("conversation", "body")) == [(thread.pk, "At five.")]


def test_a_customers_answer_waits_for_somebody(desk: Desk) -> None:
    thread = desk.thread()
    desk.customer_texts(thread.number, "Can I come at five?")
    thread.refresh_from_db()
    assert (thread.heard, thread.heard_answered, thread.last_preview) == (1, 0, "Can I come at five?")
    assert thread.waiting_since is not None
    desk.queue(thread, "Yes, five is fine.")
    thread.refresh_from_db()
    assert (thread.heard_answered, thread.waiting_since) == (1, None)


def test_stop_cancels_what_waits_and_is_confirmed_once(desk: Desk) -> None:
    thread = desk.thread()
    waiting = desk.queue(thread, "One more thing.")
    desk.customer_texts(thread.number, "Stop.")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.why) == (State.CANCELED, "Canceled: the person opted out before it left.")
    assert (OptOut.objects.get().keyword, OptOut.objects.get().evidence) == ("STOP", "Stop.")
    with pytest.raises(outbound.MessageRefused, match="opted out"):
        desk.queue(thread, "Are you sure?")
    desk.customer_texts(thread.number, "STOP")
    desk.dispatch()
    confirmation = (
        "Somewhere Calls: You are unsubscribed and will receive no more messages. Text START to be texted again."
    ).replace("Somewhere Calls", desk.house.organization.name)
    assert [one["text"] for one in desk.accepted()] == [confirmation]
    assert ThreadNote.objects.filter(conversation=thread, kind="opted_out").first() is not None


def test_start_opens_the_thread_again(desk: Desk) -> None:
    thread = desk.thread()
    desk.customer_texts(thread.number, "STOP")
    desk.customer_texts(thread.number, "start")
    assert not Suppression.objects.exists()
    assert outbound.judge(thread).allowed
    assert list(OptOut.objects.order_by("pk").values_list("kind", flat=True)) == ["opted_out", "opted_in"]


def test_texts_of_one_thread_leave_in_their_order(desk: Desk) -> None:
    thread = desk.thread()
    for body in ("one", "two", "three"):
        desk.queue(thread, body)
    desk.dispatch()
    assert [one["text"] for one in desk.accepted()] == ["one", "two", "three"]


def test_conversation_is_one_for_a_pair(desk: Desk) -> None:
    assert desk.thread("+12125559001") == desk.thread("+12125559001")
    assert Conversation.objects.count() == 1
    assert Message.objects.count() == 0
