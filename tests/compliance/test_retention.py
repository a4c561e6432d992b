"""The retention rule: what it may be, and who changed it."""

import pytest
from django.db import IntegrityError, transaction

from compliance import retention
from compliance.models import LAW_DAYS, RetentionPolicy
from portal.models import AuditEvent
from tests.people import House

DEFAULTS = {
    "webhook_days": 30,
    "receipt_days": 365,
    "picture_days": None,
    "text_days": LAW_DAYS,
    "record_days": None,
}


def change(house: House, why: str = "", **days: int | None) -> None:
    retention.change(organization=house.organization, days=DEFAULTS | days, below_law_why=why, by=house.owner.user)


def test_without_a_choice_the_law_s_years_hold(house: House) -> None:
    policy = retention.policy_of(house.organization)
    assert {name: getattr(policy, name) for name in retention.FIELDS} == DEFAULTS
    assert {name: retention.kept(policy, name) for name in retention.FIELDS} == DEFAULTS | {"picture_days": LAW_DAYS}
    assert LAW_DAYS == 1827
    assert not retention.is_below_law(policy)
    assert not RetentionPolicy.objects.exists()


@pytest.mark.parametrize(
    "days",
    [
        {"webhook_days": 6},
        {"receipt_days": 29},
        {"picture_days": 29},
        {"text_days": 29},
        {"record_days": LAW_DAYS - 1},
    ],
)
def test_the_database_refuses_less_than_the_least(house: House, days: dict[str, int]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        change(house, "Because", **days)
    assert not AuditEvent.objects.filter(action="retention.rule.changed").exists()


@pytest.mark.parametrize("name", ["picture_days", "text_days"])
def test_shorter_than_the_law_takes_a_reason(house: House, name: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        change(house, **{name: LAW_DAYS - 1})
    change(house, "Privacy promise", **{name: LAW_DAYS - 1})
    assert RetentionPolicy.objects.get().below_law_why == "Privacy promise"
    change(house, "No longer needed")
    assert RetentionPolicy.objects.get().below_law_why == ""


def test_the_audit_line_holds_old_and_new(house: House) -> None:
    change(house, "Privacy promise", text_days=90, webhook_days=7)
    change(house, "Privacy promise", text_days=90, webhook_days=7)
    event = AuditEvent.objects.get(action="retention.rule.changed")
    assert event.by == house.owner.user
    assert event.data == {
        "before": DEFAULTS | {"picture_days": "for ever", "record_days": "for ever"},
        "after": DEFAULTS | {"picture_days": "for ever", "record_days": "for ever", "text_days": 90, "webhook_days": 7},
        "why": "Privacy promise",
    }


def test_shortened_means_that_more_is_deleted(house: House) -> None:
    before = retention.policy_of(house.organization)
    after = RetentionPolicy(organization=house.organization, text_days=20 * 365, webhook_days=30)
    assert retention.shortened(before, after) == []
    after.text_days = 90
    assert retention.shortened(before, after) == ["picture_days", "text_days"]
    after = RetentionPolicy(organization=house.organization, record_days=LAW_DAYS)
    assert retention.shortened(before, after) == ["record_days"]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (None, "for ever"), (1, "1 day"), (30, "30 days"), (90, "90 days"), (364, "1 year"), (365, "1 year"),
        (400, "400 days"), (730, "2 years"), (1826, "5 years"), (LAW_DAYS, "5 years"), (3652, "10 years"),
    ],
)  # fmt: skip
def test_a_span_is_said_as_people_say_it(days: int | None, words: str) -> None:
    assert retention.span(days) == words
