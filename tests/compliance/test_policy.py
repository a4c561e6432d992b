"""What an organization may decide for itself, and what nobody may."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from compliance import policy, rulebook
from compliance.models import HoursRule, TextingPolicy
from compliance.places import of_number
from compliance.policy import PolicyRefused
from compliance.rulebook import BadRule
from portal.models import AuditEvent
from tests.people import House


def set_hours(house: House, state: str, weekdays: str, *, attestation: str = "", saturday: str = "") -> HoursRule:
    return policy.set_hours(
        organization=house.organization,
        state=state,
        weekdays=weekdays,
        saturday=saturday,
        sunday="",
        holidays_closed=True,
        attestation=attestation,
        by=house.compliance_admin.user,
    )


def test_tighter_hours_need_no_attestation_and_hold_at_once(house: House) -> None:
    set_hours(house, "NY", "10:00-17:00")
    (place,) = of_number("+12125550100")
    rules = policy.load(house.organization.pk).book.rules(place, date(2026, 12, 1), promotional=False)
    assert [rulebook.words(rule.days) for rule in rules] == [
        "Mon–Fri 08:00–21:00, Sat 08:00–21:00, Sun 08:00–21:00",
        "Mon–Fri 10:00–17:00, Sat closed, Sun closed",
    ]
    event = AuditEvent.objects.get(action="compliance.hours.set")
    assert (event.subject, event.by) == ("NY", house.compliance_admin.user)


def test_wider_than_a_state_needs_words_and_wider_than_the_country_is_refused(house: House) -> None:
    with pytest.raises(PolicyRefused, match="wider than the rulebook"):
        set_hours(house, "RI", "09:00-20:00")
    with pytest.raises(PolicyRefused, match="The country's own hours are Mon–Fri 08:00–21:00"):
        set_hours(house, "RI", "07:00-20:00", attestation="Our lawyer says so.")
    set_hours(house, "RI", "09:00-20:00", attestation="Written consent of every customer, says counsel on 2 November.")
    assert HoursRule.objects.get().attestation.startswith("Written consent")


def test_a_new_rule_ends_the_one_before_and_both_are_kept(house: House) -> None:
    set_hours(house, "NY", "10:00-17:00")
    set_hours(house, "NY", "11:00-17:00")
    rows = HoursRule.objects.order_by("pk")
    assert [(row.weekdays, row.ended_at is None) for row in rows] == [("10:00-17:00", False), ("11:00-17:00", True)]
    assert policy.end_hours(organization=house.organization, state="NY", by=house.owner.user) is True
    assert policy.end_hours(organization=house.organization, state="NY", by=house.owner.user) is False
    assert policy.load(house.organization.pk).book.own == {}


def test_a_rule_that_cannot_be_read_or_names_no_place_is_refused(house: House) -> None:
    with pytest.raises(BadRule):
        set_hours(house, "NY", "ten to five")
    with pytest.raises(PolicyRefused, match="Choose a state"):
        set_hours(house, "ZZ", "10:00-17:00")
    assert HoursRule.objects.count() == 0


def test_more_hours_need_an_attestation_in_the_database_too(house: House, other_house: House) -> None:
    TextingPolicy.objects.all().delete()
    with pytest.raises(PolicyRefused, match="Write down why"):
        policy.decide(organization=house.organization, by=house.owner.user, wide=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        TextingPolicy.objects.create(organization=house.organization, any_time=True)
    policy.decide(organization=house.organization, by=house.owner.user, wide=True, attestation="Counsel, 2 November.")
    assert policy.load(house.organization.pk).book.wide is True
    assert policy.load(other_house.organization.pk).book.wide is False


def test_what_was_changed_is_told_with_before_and_after(house: House) -> None:
    policy.decide(organization=house.organization, by=house.owner.user, solicitations_a_day=2, one_team_a_day=True)
    event = AuditEvent.objects.get(action="compliance.policy.changed")
    assert event.data == {"solicitations_a_day": [3, 2]}
    with pytest.raises(PolicyRefused, match="One to three a day"):
        policy.decide(organization=house.organization, by=house.owner.user, solicitations_a_day=4)


def test_it_is_loaded_in_one_query(house: House, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    for state in ("NY", "CA"):
        set_hours(house, state, "10:00-17:00")
    with django_assert_num_queries(1):
        found = policy.load(house.organization.pk)
    assert (set(found.book.own), found.choices.any_time) == ({"NY", "CA"}, True)
