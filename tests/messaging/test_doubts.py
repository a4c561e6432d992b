"""Texts that may be an opt-out: held, read, answered; and wrong numbers, which are neither."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from compliance import consent, optout
from compliance.consent import Evidence
from compliance.models import Consent, OptOut, StandingConsent, Suppression
from messaging import claims, doubts, inbound, outbound
from messaging.doubts import DoubtRefused
from messaging.models import Conversation, Lane, Message, OptOutDoubt, Purpose, State, ThreadNote
from portal.models import AuditEvent, LiveEvent
from tests.messaging.threads import make_did, make_thread
from tests.people import House
from trunks.carriers.events import InboundMessage
from trunks.models import Did

pytestmark = pytest.mark.django_db
CUSTOMER = "+12125550142"
MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def did(house: House) -> Did:
    return make_did(house.organization, "+13125550001", house.sales)


def texts(did: Did, body: str, carrier_id: str = "in-1", number: str = CUSTOMER, at: datetime | None = None) -> None:
    """The customer's text comes by the carrier's webhook and is worked off."""
    event = InboundMessage(
        carrier_id=carrier_id, from_number=number, to_number=did.number, body=body, at=at or timezone.now()
    )
    inbound.hear_wishes(did.account, inbound.wishes([event]))
    inbound.receive(did.account, event)


def thread_of(did: Did) -> Conversation:
    return Conversation.objects.select_related("organization", "did__account").get(did=did)


def queue(did: Did, purpose: str, **more: Any) -> Message:
    key = f"key-{Message.objects.count()}"
    return outbound.queue_message(
        conversation=thread_of(did), body="News for you.", by=more.pop("by", None), key=key, purpose=purpose
    )


def claimed() -> list[int]:
    return [text.id for lane in Lane.objects.all() for text, _ in claims.claim(lane.pk, limit=10).texts]


def doubt_of(did: Did) -> OptOutDoubt:
    return OptOutDoubt.objects.filter(conversation__did=did).latest("pk")


# --- Heard ---


def test_a_doubtful_text_is_kept_with_its_deadline(did: Did) -> None:
    with time_machine.travel(MONDAY):
        texts(did, "Not interested, thanks")
    doubt = OptOutDoubt.objects.get()
    assert (doubt.number, doubt.words, doubt.rule, doubt.state) == (
        CUSTOMER, "NOT INTERESTED", "not interested", "pending",
    )  # fmt: skip
    assert (doubt.message.body, doubt.due_on) == ("Not interested, thanks", date(2026, 3, 16))
    assert not Suppression.objects.exists()
    heard = LiveEvent.objects.filter(kind="reviews").values_list("audience", flat=True)
    assert list(heard) == [f"team:{did.team_id}"]


def test_ordinary_texts_and_those_of_people_who_opted_out_raise_no_doubt(did: Did) -> None:
    texts(did, "What time do you open?")
    texts(did, "STOP", "in-2")
    texts(did, "not interested", "in-3")
    assert not OptOutDoubt.objects.exists()


def test_a_text_told_twice_is_one_doubt(did: Did) -> None:
    texts(did, "who is this?")
    texts(did, "who is this?")
    assert OptOutDoubt.objects.count() == 1


# --- Held ---


@pytest.mark.parametrize("purpose", [Purpose.FOLLOW_UP, Purpose.PROMOTIONAL, Purpose.INFORMATIONAL])
def test_automatic_texts_wait_for_the_answer(did: Did, house: House, purpose: str) -> None:
    texts(did, "not interested")
    proof = Evidence(channel="web", act="ticked the box", disclosure="Offers by automated text; no purchase needed.")
    consent.give(organization=house.organization, number=CUSTOMER, categories=["promotional"], evidence=proof)
    message = queue(did, purpose)
    assert claimed() == []
    message.refresh_from_db()
    assert (message.state, message.why) == (State.QUEUED, outbound.gate.HELD)
    doubts.dismiss(doubt=doubt_of(did), by=house.supervisor)
    assert claimed() == [message.pk]


def test_what_a_person_writes_is_not_held(did: Did, house: House) -> None:
    texts(did, "not interested")
    reply = queue(did, Purpose.REPLY, by=house.agent)
    assert claimed() == [reply.pk]
    Message.objects.filter(pk=reply.pk).update(state=State.DELIVERED, token=None, lease_until=None)
    by_hand = queue(did, Purpose.INFORMATIONAL, by=house.agent)
    Lane.objects.update(next_slot_at=timezone.now())
    assert claimed() == [by_hand.pk]


def test_automatic_texts_wait_from_every_did(did: Did, house: House) -> None:
    texts(did, "not interested")
    other = make_did(house.organization, "+13125550002", house.support)
    make_thread(other, CUSTOMER)
    queue(other, Purpose.FOLLOW_UP)
    assert claimed() == []


# --- Answered ---


def test_yes_is_the_same_opt_out_with_the_text_as_evidence(did: Did, house: House) -> None:
    texts(did, "I need to cancel")
    message = queue(did, Purpose.FOLLOW_UP)
    doubts.confirm(doubt=doubt_of(did), by=house.agent)
    line = Suppression.objects.get(number=CUSTOMER).opt_out
    assert (line.kind, line.source, line.evidence, line.our_number, line.by) == (
        "opted_out", "text", "I need to cancel", did.number, house.agent.user,
    )  # fmt: skip
    message.refresh_from_db()
    assert message.state == State.CANCELED
    doubt = doubt_of(did)
    assert (doubt.state, doubt.decided_by, doubt.decided_at is not None) == ("yes", house.agent.user, True)
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["compliance.opt_out.recorded", "messaging.doubt.confirmed"]


def test_no_releases_and_says_so_in_the_thread(did: Did, house: House) -> None:
    texts(did, "not interested")
    doubts.dismiss(doubt=doubt_of(did), by=house.supervisor)
    doubts.dismiss(doubt=doubt_of(did), by=house.supervisor)
    doubt = doubt_of(did)
    assert (doubt.state, doubt.decided_by) == ("no", house.supervisor.user)
    note = ThreadNote.objects.get()
    assert (note.kind, note.text) == ("doubt_dismissed", f"{house.supervisor} read this as no opt-out.")
    assert AuditEvent.objects.get().action == "messaging.doubt.dismissed"
    assert not Suppression.objects.exists()


def test_a_no_may_become_a_yes_but_a_yes_stands(did: Did, house: House) -> None:
    texts(did, "not interested")
    doubts.dismiss(doubt=doubt_of(did), by=house.agent)
    doubts.confirm(doubt=doubt_of(did), by=house.supervisor)
    assert Suppression.objects.filter(number=CUSTOMER).exists()
    with pytest.raises(DoubtRefused, match="Only their START or a documented fresh opt-in lifts that"):
        doubts.dismiss(doubt=doubt_of(did), by=house.owner)
    with pytest.raises(DoubtRefused, match="has opted out already"):
        doubts.confirm(doubt=doubt_of(did), by=house.owner)
    assert OptOut.objects.count() == 1


def test_no_covers_earlier_texts_of_the_thread_but_no_later_one(did: Did, house: House) -> None:
    texts(did, "who is this?", "in-1")
    texts(did, "not interested", "in-2")
    seen = doubt_of(did)
    texts(did, "are you a scam", "in-3")
    doubts.dismiss(doubt=seen, by=house.agent)
    states = OptOutDoubt.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["no", "no", "pending"]
    queue(did, Purpose.FOLLOW_UP)
    assert claimed() == []


def test_a_stop_settles_the_doubt_and_so_does_a_start(did: Did) -> None:
    texts(did, "not interested", "in-1")
    texts(did, "STOP", "in-2")
    doubt = doubt_of(did)
    assert (doubt.state, doubt.decided_by) == ("moot", None)
    texts(did, "START", "in-3")
    texts(did, "not interested", "in-4")
    texts(did, "START", "in-5")
    assert (doubt_of(did).state, doubt_of(did).decided_by) == ("no", None)


# --- The queue ---


def test_the_queue_shows_the_newest_of_each_thread_the_first_due_on_top(did: Did, house: House) -> None:
    with time_machine.travel(MONDAY) as clock:
        texts(did, "who is this", "in-1", "+12125550102")
        clock.move_to(MONDAY + timedelta(days=10))
        texts(did, "not interested", "in-2", "+12125550101")
        clock.move_to(MONDAY + timedelta(days=15))
        texts(did, "enough", "in-3", "+12125550101")
        rows = list(doubts.queue(house.supervisor))
        assert [(row.message.body, row.waiting, row.first_due) for row in rows] == [  # type: ignore[attr-defined]
            ("who is this", 1, date(2026, 3, 16)),
            ("enough", 2, date(2026, 3, 26)),
        ]
        assert [doubts.look(row.first_due) for row in rows] == ["overdue", ""]  # type: ignore[attr-defined]
        assert doubts.look(date(2026, 3, 20)) == "soon"
        assert doubts.count(house.supervisor) == 2


def test_everybody_sees_the_queue_of_their_own_threads(did: Did, house: House, other_house: House) -> None:
    texts(did, "not interested")
    sees = {role: doubts.count(house.member(role)) for role in ("owner", "supervisor", "agent", "compliance_admin")}
    assert sees == {"owner": 1, "supervisor": 1, "agent": 1, "compliance_admin": 1}
    assert doubts.count(house.second_agent) == 0
    assert doubts.count(house.dialer_admin) == 0
    assert doubts.count(other_house.owner) == 0


# --- Wrong numbers ---


def test_a_wrong_number_is_suppressed_closed_and_marked_but_is_no_revocation(did: Did, house: House) -> None:
    thread = make_thread(did, CUSTOMER)
    message = queue(did, Purpose.FOLLOW_UP)
    texts(did, "Sorry, you have the wrong number")
    line = Suppression.objects.get(number=CUSTOMER).opt_out
    assert (line.kind, line.get_kind_display(), line.evidence) == (
        "wrong", "Wrong number", "Sorry, you have the wrong number",
    )  # fmt: skip
    message.refresh_from_db()
    assert message.state == State.CANCELED
    thread.refresh_from_db()
    assert (thread.state, thread.waiting_since, thread.contact.reassigned_at is not None) == ("closed", None, True)
    notes = ThreadNote.objects.order_by("pk").values_list("text", flat=True)
    assert "The person said that this is a wrong number" in notes[0]
    assert notes[1] == "Closed: somebody else has this number. It opens again when they write."
    assert not Message.objects.filter(purpose=Purpose.COMPLIANCE).exists()
    with pytest.raises(outbound.MessageRefused, match="^This number has been given to somebody else"):
        queue(did, Purpose.REPLY, by=house.agent)


def test_whoever_has_the_number_now_may_start(did: Did) -> None:
    texts(did, "wrong number", "in-1")
    texts(did, "START", "in-2")
    assert not Suppression.objects.exists()
    assert thread_of(did).contact.reassigned_at is None


def test_a_stop_after_a_wrong_number_is_confirmed_like_any(did: Did) -> None:
    texts(did, "wrong number", "in-1")
    texts(did, "STOP", "in-2")
    assert Message.objects.filter(purpose=Purpose.COMPLIANCE).count() == 1
    assert list(OptOut.objects.order_by("pk").values_list("kind", flat=True)) == ["wrong", "opted_out"]


def test_a_stop_that_comes_late_is_honored_but_not_confirmed(did: Did) -> None:
    texts(did, "STOP", at=timezone.now() - timedelta(minutes=5, seconds=30))
    assert Suppression.objects.filter(number=CUSTOMER).exists()
    assert not Message.objects.filter(purpose=Purpose.COMPLIANCE).exists()
    assert ThreadNote.objects.get(kind="no_confirmation").text == (
        "No confirmation was sent: the carrier told us of this text more than five minutes late."
    )


def test_a_wrong_number_voids_consent(did: Did, house: House) -> None:
    proof = Evidence(channel="web", act="ticked the box")
    consent.give(organization=house.organization, number=CUSTOMER, categories=["informational"], evidence=proof)
    texts(did, "wrong number")
    kinds = Consent.objects.order_by("pk").values_list("kind", "act")
    assert list(kinds) == [("given", "ticked the box"), ("void", "somebody else answered from this number")]
    assert not StandingConsent.objects.exists()


def test_an_import_never_lifts_a_wrong_number(did: Did, house: House) -> None:
    texts(did, "wrong number")
    with pytest.raises(optout.CannotLift):
        optout.lift(organization=house.organization, number=CUSTOMER, source=OptOut.Source.IMPORT)
