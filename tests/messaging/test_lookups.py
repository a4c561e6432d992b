"""Texts the carrier may have: settled by asking, never by guessing."""

from datetime import timedelta

import time_machine
from django.utils import timezone

from messaging import lookups
from messaging.models import Attempt, AttemptPart, Message, State
from portal.clock import database_now
from tests.messaging.desk import Desk
from trunks.models import CarrierAccount


def unconfirmed(desk: Desk, ending: str) -> tuple[Message, Attempt]:
    message = desk.queue(desk.thread(f"+1212555{ending}"))
    desk.dispatch()
    message.refresh_from_db()
    assert message.state == State.UNCONFIRMED
    return message, Attempt.objects.get(message=message)


def test_a_text_whose_answer_was_lost_is_found(desk: Desk) -> None:
    message, attempt = unconfirmed(desk, "0007")
    lookups.look_up(attempt.pk)
    message.refresh_from_db()
    assert message.state in (State.ACCEPTED, State.SENT, State.DELIVERED)
    assert AttemptPart.objects.get().attempt == attempt
    assert len(desk.accepted()) == 1


def test_an_absence_is_believed_when_it_is_said_twice(desk: Desk) -> None:
    message, attempt = unconfirmed(desk, "0006")
    lookups.look_up(attempt.pk)
    message.refresh_from_db()
    assert message.state == State.UNCONFIRMED
    lookups.look_up(attempt.pk)
    message.refresh_from_db()
    assert (message.state, message.attempts_made) == (State.QUEUED, 1)
    assert Attempt.objects.get().state == State.FAILED
    assert desk.accepted() == []


def test_what_the_carrier_never_had_expires_when_its_time_is_over(desk: Desk) -> None:
    message, attempt = unconfirmed(desk, "0006")
    Message.objects.update(valid_until=timezone.now())
    lookups.look_up(attempt.pk)
    lookups.look_up(attempt.pk)
    message.refresh_from_db()
    assert (message.state, message.reason) == (State.EXPIRED, "expired")
    assert message.why == "The carrier never received it. It came too late to be sent again."


def test_nobody_asks_while_the_request_may_be_on_its_way(desk: Desk, settings: object) -> None:
    _, attempt = unconfirmed(desk, "0006")
    settings.MESSAGING_SEND_TIMEOUT_SECONDS = 20  # type: ignore[attr-defined]
    assert lookups.due(timezone.now()) == []
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=21))
    assert lookups.due(timezone.now()) == [attempt.pk]


def test_the_carrier_is_asked_less_and_less_often(desk: Desk) -> None:
    _, attempt = unconfirmed(desk, "0006")
    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=1), look_ups=1)
    lookups.look_up(attempt.pk)
    Attempt.objects.update(state=State.UNCONFIRMED)
    Message.objects.update(state=State.UNCONFIRMED)
    assert lookups.due(database_now()) == []
    with time_machine.travel(timezone.now() + timedelta(seconds=5)):
        assert lookups.due(timezone.now()) == [attempt.pk]


def test_the_accounts_take_turns(desk: Desk) -> None:
    """One with many in doubt keeps no other waiting, and those asked least come first."""
    other = CarrierAccount.objects.create(
        organization=desk.house.organization, kind="sandbox", name="Other", base_url="http://127.0.0.1:1"
    )
    message, attempt = unconfirmed(desk, "0006")
    Attempt.objects.update(look_ups=1, started_at=timezone.now() - timedelta(hours=1))
    more = Attempt.objects.bulk_create(
        Attempt(
            message=message,
            number=number,
            account=other if number == 9 else desk.account,
            state=State.UNCONFIRMED,
            started_at=attempt.started_at - timedelta(hours=1),
        )
        for number in range(2, 10)
    )
    mine, others = [one.pk for one in more[:-1]], more[-1].pk
    assert lookups.due(timezone.now(), limit=3) == [mine[0], others, mine[1]]
    assert lookups.due(timezone.now()) == [mine[0], others, *mine[1:], attempt.pk]


def test_a_carrier_that_does_not_answer_holds_two_threads_at_most(desk: Desk) -> None:
    _, attempt = unconfirmed(desk, "0007")
    with lookups._hands.on(desk.account.pk), lookups._hands.on(desk.account.pk):
        lookups.look_up(attempt.pk)
        attempt.refresh_from_db()
        assert (attempt.state, attempt.look_ups) == (State.UNCONFIRMED, 0)
    lookups.look_up(attempt.pk)
    attempt.refresh_from_db()
    assert attempt.look_ups == 1
