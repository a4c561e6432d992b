"""The owner's page of what is kept how long."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from compliance import holds
from compliance.models import RetentionPolicy
from messaging import retention
from messaging.models import Message, RetentionRun
from portal.models import AuditEvent
from tests.messaging.old import ago, heard_long_ago, old_picture, old_text, old_webhook
from tests.messaging.threads import hear, make_did, make_thread
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db
CHANGE = "/north/retention/change/"


@pytest.fixture
def browser(house: House) -> Client:
    return sign_in(house.owner)


@pytest.fixture
def old_things(house: House) -> None:
    thread = make_thread(make_did(house.organization, "+13125550001", house.sales), "+12125550101")
    old_picture(old_text(thread), 2_200)
    for _ in range(3):
        old_webhook(thread, 31)
    other = make_thread(thread.did, "+12125550102")
    hear(other, "A hundred days", ago(100))


def typed(**fields: object) -> dict[str, object]:
    """The form as it stands by default."""
    return {
        "text_days": 1827,
        "picture_days": "",
        "record_days": "",
        "receipt_days": 365,
        "webhook_days": 30,
        "below_law_why": "",
    } | fields


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def rows(browser: Client) -> dict[str, tuple[str, int, int]]:
    """{what: kept, there now, next run deletes}"""
    found = browser.get("/north/retention/").context["rows"]
    return {row.title: (row.kept, row.there.count, row.going.count) for row in found}


def test_the_page_says_what_is_kept_what_there_is_and_what_goes(browser: Client, old_things: None) -> None:
    assert rows(browser) == {
        "Words of texts": ("5 years", 2, 1),
        "Pictures": ("5 years", 1, 1),
        "Records of texts": ("for ever", 2, 0),
        "Receipts": ("1 year", 2, 2),
        "Raw webhooks": ("30 days", 3, 3),
    }
    page = words(browser.get("/north/retention/"))
    assert '5 years <span class="help">after the last text with the person' in page
    assert "Opt-outs, consent, audit" in page
    assert "No run yet" in page


def test_the_page_tells_of_the_last_runs(browser: Client, house: House, old_things: None) -> None:
    while retention.work(house.organization.pk):
        pass
    page = words(browser.get("/north/retention/"))
    assert "Words of 1 text, 1 picture, 2 receipts, 3 raw webhooks" in page
    assert "The next one begins about" in page
    RetentionRun.objects.update(finished_at=None)
    assert "At work" in words(browser.get("/north/retention/"))


def test_the_page_costs_the_same_queries_however_many_runs_there_are(
    browser: Client, house: House, old_things: None, django_assert_max_num_queries: Any
) -> None:
    for day in range(20):
        at = timezone.now() - timedelta(days=day)
        RetentionRun.objects.create(organization=house.organization, started_at=at, finished_at=at)
    with django_assert_max_num_queries(27):
        browser.get("/north/retention/")


def test_the_page_names_what_is_held(browser: Client, house: House, old_things: None) -> None:
    holds.place(organization=house.organization, reason="Smith v. North", by=house.owner.user, number="+12125550101")
    page = words(browser.get("/north/retention/"))
    assert "What is on legal hold is kept, however old." in page
    assert "(212) 555-0101" in page
    assert "Smith v. North" in page
    assert rows(browser)["Words of texts"] == ("5 years", 2, 0)
    holds.place(organization=house.organization, reason="Audit", by=house.owner.user)
    assert "The whole organization is on legal hold." in words(browser.get("/north/retention/"))
    assert {going for _, _, going in rows(browser).values()} == {0}


def test_keeping_longer_is_saved_at_once(browser: Client, house: House) -> None:
    answer = browser.post(CHANGE, typed(text_days="", receipt_days="", webhook_days=60))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/north/retention/")
    policy = RetentionPolicy.objects.get()
    assert (policy.text_days, policy.receipt_days, policy.webhook_days) == (None, None, 60)


def test_keeping_shorter_is_asked_for_once_with_its_numbers(browser: Client, house: House, old_things: None) -> None:
    fields = typed(text_days=90, webhook_days=7, below_law_why="Our privacy promise")
    asked = browser.post(CHANGE, fields)
    page = words(asked)
    assert "This deletes more than now" in page
    assert "Shorter than the law's five years." in page
    assert [(title, was, now, going.count) for title, was, now, going in asked.context["changes"]] == [
        ("Words of texts", "5 years", "90 days", 2),
        ("Pictures", "5 years", "90 days", 1),
        ("Raw webhooks", "30 days", "7 days", 3),
    ]
    assert not RetentionPolicy.objects.exists()
    held = dict(re.findall(r'<input type="hidden" name="(\w+)"(?: value="([^"]*)")?', page))
    assert browser.post(CHANGE, held | {"confirmed": "1"}).status_code == 302
    policy = RetentionPolicy.objects.get()
    assert (policy.text_days, policy.webhook_days, policy.below_law_why) == (90, 7, "Our privacy promise")
    event = AuditEvent.objects.get(action="retention.rule.changed")
    assert (event.data["before"]["text_days"], event.data["after"]["text_days"]) == (1827, 90)
    trail = words(browser.get("/north/audit/"))
    assert "Text days: 1827 → 90" in trail
    assert "Our privacy promise" in trail
    assert Message.objects.filter(redacted_at=None).count() == 2  # nothing goes before the next run


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"text_days": 90}, "The law wants texts kept for five years (16 CFR 310.5)"),
        ({"picture_days": 90}, "The law wants texts kept for five years (16 CFR 310.5)"),
        ({"text_days": 29, "below_law_why": "x"}, "At least 30 days."),
        ({"record_days": 1826}, "At least 1827 days."),
        ({"receipt_days": 29}, "At least 30 days."),
        ({"webhook_days": 6}, "At least 7 days."),
        ({"webhook_days": ""}, "This field is required."),
        ({"text_days": 40_000}, "Leave it empty to keep them for ever."),
        ({"text_days": "soon"}, "Enter a whole number."),
    ],
)
def test_out_of_bounds_says_why_and_changes_nothing(browser: Client, fields: dict[str, object], sentence: str) -> None:
    answer = browser.post(CHANGE, typed(**fields) | {"confirmed": "1"})
    assert (answer.status_code, sentence in words(answer)) == (422, True)
    assert not RetentionPolicy.objects.exists()


def test_what_belongs_to_the_words_goes_with_them_and_the_page_says_so(browser: Client, house: House) -> None:
    browser.post(CHANGE, typed(text_days=60, webhook_days=300, below_law_why="x", confirmed="1"))
    kept = {title: kept for title, (kept, _, _) in rows(browser).items()}
    assert (kept["Words of texts"], kept["Pictures"], kept["Raw webhooks"]) == ("60 days", "60 days", "60 days")
    page = words(browser.get("/north/retention/"))
    assert "shorter than the law&#x27;s five years" in page
    assert "Kept shorter than five years because: x" in page


def test_nothing_of_another_house_is_counted(browser: Client, other_house: House) -> None:
    heard_long_ago(make_thread(make_did(other_house.organization, "+13125550009"), "+12125550101"))
    assert {(there, going) for _, there, going in rows(browser).values()} == {(0, 0)}
