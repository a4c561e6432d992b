"""The one way into a lane: who may, what may, once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from messaging import outbound
from messaging.models import Attachment, Conversation, Message, Purpose, State
from messaging.pictures import Picture
from portal.models import AuditEvent
from tests.messaging.desk import Desk
from trunks.models import Did


def refused(desk: Desk, body: str = "Hello", **more: object) -> tuple[str, str]:
    """Queue it, expect a refusal that leaves nothing behind; its sentence and its help."""
    before = Message.objects.count()
    with pytest.raises(outbound.MessageRefused) as caught:
        desk.queue(more.pop("thread", None) or desk.thread(), body, **more)
    assert Message.objects.count() == before
    return caught.value.sentence, caught.value.help


def test_nothing_to_send(desk: Desk) -> None:
    assert refused(desk, " \n ")[0] == "Write a text or add a picture."


def test_a_did_of_another_team(desk: Desk) -> None:
    sentence, _ = refused(desk, by=desk.house.second_agent)
    assert sentence == "This DID is not given to you or your team."


@pytest.mark.parametrize("role", ["dialer_admin", "compliance_admin"])
def test_a_role_that_does_not_text(desk: Desk, role: str) -> None:
    assert refused(desk, by=desk.house.member(role))[0] == "Your role may not send texts."


def test_our_own_did_is_never_texted(desk: Desk) -> None:
    other = Did.objects.create(organization=desk.house.organization, number="+13055550199")
    assert refused(desk, thread=desk.thread(other.number))[0] == "This is one of your own DIDs."


def test_more_segments_than_the_carrier_takes(desk: Desk) -> None:
    sentence, help_ = refused(desk, "x" * (153 * 10 + 1))
    assert sentence == "This text is 11 segments long; the carrier takes 10."
    assert help_ == "Shorten it or send it in two."


def test_too_many_pictures(desk: Desk) -> None:
    picture = Picture(content_type="image/png", data=b"x", width=1, height=1)
    assert refused(desk, pictures=[picture] * 11)[0] == "The carrier takes 10 pictures at most."
    assert not Attachment.objects.exists()


@pytest.mark.parametrize(
    ("purpose", "seconds"), [(Purpose.REPLY, 7_200), (Purpose.INFORMATIONAL, 86_400), (Purpose.COMPLIANCE, 300)]
)
def test_how_long_a_text_stays_worth_sending(desk: Desk, purpose: str, seconds: int) -> None:
    message = desk.queue(desk.thread(), purpose=purpose)
    assert message.valid_until is not None
    assert message.due_at is not None
    assert message.valid_until - message.due_at == timedelta(seconds=seconds)


def test_a_persons_text_answers_and_a_required_reply_does_not(desk: Desk) -> None:
    thread = desk.thread()
    Conversation.objects.update(heard=2, waiting_since=timezone.now())
    desk.queue(thread, by=None, purpose=Purpose.COMPLIANCE)
    assert Conversation.objects.values_list("heard_answered", flat=True).get() == 0
    desk.queue(thread)
    thread.refresh_from_db()
    assert (thread.heard_answered, thread.waiting_since) == (2, None)


def test_a_queued_text_can_be_taken_back(desk: Desk) -> None:
    message = desk.queue(desk.thread())
    assert outbound.cancel_message(message=message, by=desk.house.agent)
    desk.dispatch()
    message.refresh_from_db()
    assert (message.state, desk.accepted()) == (State.CANCELED, [])
    assert AuditEvent.objects.get(action="messaging.message.canceled").by == desk.house.agent.user


def test_a_text_that_left_cannot_be_taken_back(desk: Desk) -> None:
    message = desk.queue(desk.thread())
    desk.dispatch()
    assert not outbound.cancel_message(message=message, by=desk.house.agent)
    message.refresh_from_db()
    assert message.state == State.ACCEPTED


def test_a_failed_text_is_tried_again_as_a_new_attempt(desk: Desk) -> None:
    message = desk.queue(desk.thread("+12125550001"))
    desk.dispatch()
    message.refresh_from_db()
    assert message.state == State.FAILED
    assert outbound.retry_message(message=message, by=desk.house.agent)
    desk.dispatch()
    message.refresh_from_db()
    assert (message.state, message.attempts_made) == (State.FAILED, 2)
    assert list(message.attempts.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_a_text_on_its_way_is_not_tried_again(desk: Desk) -> None:
    message = desk.queue(desk.thread())
    desk.dispatch()
    assert not outbound.retry_message(message=message, by=desk.house.agent)
    assert len(desk.accepted()) == 1
