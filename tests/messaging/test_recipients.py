"""What is known of the people of a batch, and what a person with several of our DIDs gets in a day."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from compliance import gate
from compliance.models import TextingPolicy
from compliance.purposes import Purpose
from messaging import claims, inbound, outbound, recipients
from messaging.models import Contact, Conversation, Lane, Message, State
from tests.messaging.desk import Desk
from trunks.models import Did, TextState


@pytest.fixture
def threads(desk: Desk) -> list[Conversation]:
    """The same person under four DIDs, each with a lane of its own."""
    number = desk.customer()
    found = [desk.thread(number)]
    for ending in range(3):
        did = Did.objects.create(
            organization=desk.house.organization,
            number=f"+1305556{ending:04d}",
            account=desk.account,
            text_state=TextState.ENABLED,
            team=desk.house.sales,
        )
        found.append(inbound.thread_for(did, number))
    return found


def queue(desk: Desk, thread: Conversation, purpose: str) -> Message:
    """A text that is due now, whatever hour it is where the test runs."""
    message = desk.queue(thread, purpose=Purpose.INFORMATIONAL)
    Message.objects.filter(pk=message.pk).update(
        purpose=purpose, due_at=timezone.now(), valid_until=timezone.now() + timedelta(hours=1)
    )
    return message


def open_all_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours are proven elsewhere; here they are open, so that frequency alone decides at any hour of the day."""
    monkeypatch.setattr(gate, "CHECKS", tuple(check for check in gate.CHECKS if check.__name__ != "_hours"))


def claim_all() -> list[int]:
    taken: list[int] = []
    for lane in Lane.objects.all():
        Lane.objects.update(next_slot_at=timezone.now() - timedelta(seconds=1))
        taken += [text.id for text, _ in claims.claim(lane.pk, limit=200).texts]
    return taken


def test_three_solicitations_a_day_whatever_the_did(
    desk: Desk, threads: list[Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_all_day(monkeypatch)
    queued = [queue(desk, thread, Purpose.FOLLOW_UP) for thread in threads]
    taken = claim_all()
    assert sorted(taken) == [message.pk for message in queued[:3]]
    held = Message.objects.get(pk=queued[3].pk)
    assert held.state == State.QUEUED
    assert held.why == "This person has had 3 such texts within 24 hours; 3 are the most."
    assert held.due_at is not None
    assert held.due_at > timezone.now() + timedelta(hours=8)


def test_texts_that_solicit_nothing_are_not_counted(
    desk: Desk, threads: list[Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_all_day(monkeypatch)
    for thread in threads:
        queue(desk, thread, Purpose.INFORMATIONAL)
    assert len(claim_all()) == 4


def test_a_person_whom_another_team_has_texted_is_left_alone_by_offers(desk: Desk, threads: list[Conversation]) -> None:
    first, second = threads[:2]
    Conversation.objects.filter(pk=second.pk).update(
        team=desk.house.support, last_direction="out", last_state=State.DELIVERED, last_at=timezone.now()
    )
    now = timezone.now()
    known = recipients.load(first.organization_id, [first.number], [Purpose.FOLLOW_UP], now)
    assert known.person(first.number, team_id=desk.house.sales.pk).team_today == "Support"
    assert known.person(first.number, team_id=desk.house.support.pk).team_today == ""
    yesterday = recipients.load(first.organization_id, [first.number], [Purpose.FOLLOW_UP], now + timedelta(hours=25))
    assert yesterday.person(first.number, team_id=desk.house.sales.pk).team_today == ""


def test_what_the_contact_tells_is_known(desk: Desk) -> None:
    thread = desk.thread()
    now = timezone.now()
    Contact.objects.update(time_zone="America/Denver", state="CO", is_landline=True, reassigned_at=now)
    Conversation.objects.update(last_heard_at=now)
    known = recipients.load(thread.organization_id, [thread.number], [Purpose.REPLY], now)
    person = known.person(thread.number, team_id=None)
    assert (person.zone, person.state, person.is_landline, person.is_reassigned) == ("America/Denver", "CO", True, True)
    assert person.wrote_at == now
    thread.refresh_from_db()
    assert recipients.of_thread(thread, Purpose.REPLY, now) == person


def test_a_customers_text_is_when_they_wrote(desk: Desk) -> None:
    thread = desk.thread()
    desk.customer_texts(thread.number, "Is it ready?")
    newest = Message.objects.get(direction="in")
    thread.refresh_from_db()
    assert thread.last_heard_at == newest.created_at


@pytest.mark.parametrize(
    ("purposes", "queries"),
    [([Purpose.INFORMATIONAL], 1), ([Purpose.REPLY], 2), ([Purpose.FOLLOW_UP], 3), (list(Purpose), 4)],
)
def test_a_batch_of_any_size_costs_the_same(
    desk: Desk,
    purposes: list[str],
    queries: int,
    django_assert_num_queries,  # type: ignore[no-untyped-def]
) -> None:
    for count in (1, 20):
        numbers = [desk.thread().number for _ in range(count)]
        with django_assert_num_queries(queries):
            recipients.load(desk.house.organization.pk, numbers, purposes, timezone.now())


def test_at_night_a_text_is_queued_for_the_morning_with_the_rules_it_was_judged_by(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    time_machine,  # type: ignore[no-untyped-def]
) -> None:
    """22:40 in New York. It stays worth sending from eight the next morning on."""
    TextingPolicy.objects.update(any_time=False)
    monkeypatch.setattr(outbound, "database_now", timezone.now)  # the database's clock cannot be moved
    time_machine.move_to(datetime(2026, 12, 2, 3, 40, tzinfo=UTC), tick=False)
    message = desk.queue(desk.thread(), purpose=Purpose.INFORMATIONAL)
    assert message.due_at == datetime(2026, 12, 2, 13, tzinfo=UTC)
    assert message.valid_until == datetime(2026, 12, 3, 13, tzinfo=UTC)
    assert message.why == "It is 22:40 where this person is; texts leave when it is day there."
    assert (message.rules, message.places) == ("2026-11-30", "NY America/New_York")


def test_a_follow_up_is_worth_sending_until_the_days_window_closes(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    time_machine,  # type: ignore[no-untyped-def]
) -> None:
    noon = datetime(2026, 12, 1, 17, tzinfo=UTC)
    monkeypatch.setattr(outbound, "database_now", timezone.now)
    time_machine.move_to(noon, tick=False)
    message = desk.queue(desk.thread(), purpose=Purpose.FOLLOW_UP)
    assert (message.due_at, message.valid_until) == (noon, datetime(2026, 12, 2, 1, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("Pay here: bit.ly/3abc", "“bit.ly/3abc”: Carriers filter public link shorteners."),
        ("Your card 4111 1111 1111 1111 was charged", "“4111 1111 1111 1111”: This looks like a payment card number."),
    ],
)
def test_what_a_carrier_would_filter_is_told_to_the_writer_and_not_sent(desk: Desk, body: str, sentence: str) -> None:
    with pytest.raises(outbound.MessageRefused) as caught:
        desk.queue(desk.thread(), body)
    assert caught.value.sentence.startswith(sentence)
    assert Message.objects.count() == 0
