"""The one door: every reason by which a text waits or is refused, in the order in which people are told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compliance import gate, rulebook
from compliance.gate import Allowed, DidFacts, Facts, Later, PersonFacts, Refused
from compliance.models import TextingPolicy
from compliance.policy import Policy
from compliance.purposes import Purpose

NOON = datetime(2026, 12, 1, 17, tzinfo=UTC)  # in New York, a Tuesday
NIGHT = datetime(2026, 12, 2, 3, 40, tzinfo=UTC)  # 22:40 there
MORNING = datetime(2026, 12, 2, 13, tzinfo=UTC)
DID = DidFacts(
    number="+13125550100", text_state="enabled", campaign_id=1, campaign_state="live", assignment_state="assigned"
)


def facts(purpose: str = Purpose.FOLLOW_UP, *, person: PersonFacts | None = None, **changed: Any) -> Facts:
    choices = changed.pop("choices", TextingPolicy())
    plain = Facts(
        number="+12125550100",
        did=DID,
        purpose=purpose,
        policy=Policy(rulebook.shipped(), choices),
        is_suppressed=False,
        is_own_number=False,
        person=person or PersonFacts(),
    )
    return replace(plain, **changed)


def told(one: Facts, now: datetime = NOON) -> str:
    verdict = gate.may_send(one, now)
    assert not isinstance(verdict, Allowed)
    return verdict.sentence


@pytest.mark.parametrize("purpose", [Purpose.REPLY, Purpose.INFORMATIONAL, Purpose.FOLLOW_UP, Purpose.COMPLIANCE])
def test_at_noon_nothing_is_in_the_way(purpose: str) -> None:
    assert gate.may_send(facts(purpose), NOON).allowed


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"is_suppressed": True}, "This person has opted out of texts."),
        ({"is_own_number": True}, "This is one of your own DIDs."),
        ({"did": replace(DID, is_retired=True)}, "This DID is retired."),
        ({"did": replace(DID, campaign_state="rejected")}, "The campaign of this DID is not live (rejected)."),
        ({"person": PersonFacts(is_reassigned=True)}, "This number has been given to somebody else."),
        ({"person": PersonFacts(is_landline=True)}, "This is a landline, which takes no texts."),
        ({"purpose": Purpose.PROMOTIONAL}, "There is no record that this person agreed to offers."),
        (
            {"choices": TextingPolicy(consent_for_follow_up=True)},
            "There is no record that this person agreed to such texts.",
        ),
    ],
)
def test_what_is_refused(changed: dict[str, Any], sentence: str) -> None:
    purpose = changed.pop("purpose", Purpose.FOLLOW_UP)
    assert told(facts(purpose, **changed)) == sentence


def test_a_required_reply_passes_the_opt_out_it_confirms() -> None:
    assert gate.may_send(facts(Purpose.COMPLIANCE, is_suppressed=True), NIGHT).allowed


@pytest.mark.parametrize("consents", [{"promotional"}, {"promotional", "informational"}])
def test_offers_go_to_who_agreed_to_offers(consents: set[str]) -> None:
    assert gate.may_send(facts(Purpose.PROMOTIONAL, consents=frozenset(consents)), NOON).allowed
    assert not gate.may_send(facts(Purpose.PROMOTIONAL, consents=frozenset({"informational"})), NOON).allowed


def test_who_agreed_to_offers_agreed_to_the_rest() -> None:
    asked = TextingPolicy(consent_for_follow_up=True, consent_for_informational=True)
    for purpose in (Purpose.FOLLOW_UP, Purpose.INFORMATIONAL):
        assert gate.may_send(facts(purpose, choices=asked, consents=frozenset({"promotional"})), NOON).allowed


@pytest.mark.parametrize("purpose", [Purpose.FOLLOW_UP, Purpose.INFORMATIONAL, Purpose.REPLY])
def test_at_night_a_text_waits_for_the_morning(purpose: str) -> None:
    verdict = gate.may_send(facts(purpose), NIGHT)
    assert verdict == Later(MORNING, "It is 22:40 where this person is; texts leave when it is day there.")


def test_an_answer_to_todays_text_goes_at_night_and_to_yesterdays_does_not() -> None:
    fresh, old = (PersonFacts(wrote_at=NIGHT - timedelta(hours=hours)) for hours in (23, 25))
    assert gate.may_send(facts(Purpose.REPLY, person=fresh), NIGHT).allowed
    assert not gate.may_send(facts(Purpose.REPLY, person=old), NIGHT).allowed
    assert not gate.may_send(facts(Purpose.FOLLOW_UP, person=fresh), NIGHT).allowed


def test_an_attested_policy_frees_what_solicits_nothing_and_nothing_else() -> None:
    free = TextingPolicy(any_time=True)
    assert gate.may_send(facts(Purpose.INFORMATIONAL, choices=free), NIGHT).allowed
    assert not gate.may_send(facts(Purpose.FOLLOW_UP, choices=free), NIGHT).allowed


def test_the_customers_own_zone_counts_beside_the_area_codes() -> None:
    """Nine in the evening in New York, where the number is from, is six in Los Angeles, where the person lives."""
    evening = datetime(2026, 12, 2, 2, 30, tzinfo=UTC)
    person = PersonFacts(zone="America/Los_Angeles", state="CA")
    assert told(facts(Purpose.INFORMATIONAL, person=person), evening).startswith("It is 18:30 or 21:30 where")


def test_the_fourth_solicitation_within_a_day_waits_until_the_first_is_a_day_old() -> None:
    had = tuple(NOON - timedelta(hours=hours) for hours in (1, 3, 5))
    verdict = gate.may_send(facts(person=PersonFacts(solicited=had)), NOON)
    # At 12:00 UTC, a day after the first, it is 7 in the morning there; at 8 it opens.
    assert verdict == Later(MORNING, "This person has had 3 such texts within 24 hours; 3 are the most.")
    assert gate.may_send(facts(person=PersonFacts(solicited=had[:2])), NOON).allowed
    assert gate.may_send(facts(Purpose.INFORMATIONAL, person=PersonFacts(solicited=had)), NOON).allowed


def test_an_organization_may_ask_for_fewer() -> None:
    once = PersonFacts(solicited=(NOON - timedelta(hours=1),))
    assert told(facts(person=once, choices=TextingPolicy(solicitations_a_day=1))) == (
        "This person has had 1 such texts within 24 hours; 1 are the most."
    )


def test_a_person_texted_by_another_team_today_waits_until_tomorrow() -> None:
    person = PersonFacts(team_today="Support")
    verdict = gate.may_send(facts(person=person), NOON)
    assert verdict == Later(
        NOON + timedelta(hours=24),
        "Support has texted this person today.",
        "Read the other thread first; it may be answered there.",
    )
    assert gate.may_send(facts(person=person, choices=TextingPolicy(one_team_a_day=False)), NOON).allowed


def test_every_check_is_explained_by_name() -> None:
    said = dict(gate.judgements(facts(is_suppressed=True), NIGHT))
    assert list(said) == [
        "reassigned",
        "opted_out",
        "own_number",
        "did",
        "campaign",
        "landline",
        "consent",
        "doubted",
        "other_team",
        "frequency",
        "hours",
    ]
    assert isinstance(said["opted_out"], Refused)
    assert isinstance(said["hours"], Later)
    assert said["did"].allowed


def test_only_automatic_texts_wait_for_a_doubt_to_be_read() -> None:
    doubted = PersonFacts(is_doubted=True)
    held = gate.may_send(facts(person=doubted, is_automatic=True, purpose=Purpose.INFORMATIONAL), NOON)
    assert held == Later(NOON + gate.HELD_FOR, gate.HELD, "Answer in the thread, or under Opt-outs, To review.")
    assert gate.may_send(facts(person=doubted, purpose=Purpose.REPLY), NOON).allowed
