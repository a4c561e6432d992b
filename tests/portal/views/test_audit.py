"""The audit trail as a page and as a file."""

import csv
import io
import json

import pytest
from django.test import Client

from portal import audit
from portal.views.audit import PAGE
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(house: House, other_house: House) -> Client:
    audit.record("portal.team.added", organization=other_house.organization, by=other_house.owner.user, subject="South")
    for number in range(PAGE + 5):
        audit.record(
            "trunks.did.retired", organization=house.organization, by=house.owner.user, subject=f"n{number:03}"
        )
    audit.record("portal.team.added", organization=house.organization, by=house.agent.user, subject="Nights", size=3)
    return sign_in(house.compliance_admin)


def subjects(browser: Client, query: str = "") -> list[str]:
    return [one.event.subject for one in browser.get(f"/north/audit/{query}").context["told"]]


def test_newest_first_in_pages_that_news_does_not_shift(browser: Client, house: House) -> None:
    first = browser.get("/north/audit/")
    assert subjects(browser)[:2] == ["Nights", "n054"]
    assert len(first.context["told"]) == PAGE
    older = first.context["older"]
    audit.record("trunks.did.retired", organization=house.organization, by=None, subject="newer")
    assert subjects(browser, f"?before={older}") == ["n005", "n004", "n003", "n002", "n001", "n000"]
    assert f"?before={older}" in first.content.decode()


def test_filters_by_person_and_kind(browser: Client, house: House) -> None:
    assert subjects(browser, f"?who={house.agent.user_id}") == ["Nights"]
    assert subjects(browser, "?what=portal.") == ["Nights"]
    assert subjects(browser, f"?who={house.agent.user_id}&what=trunks.") == []


def test_a_person_of_another_house_is_no_filter(browser: Client, other_house: House) -> None:
    assert subjects(browser, f"?who={other_house.owner.user_id}") == []
    assert "owner@south.example" not in browser.get("/north/audit/").content.decode()


@pytest.mark.parametrize("query", ["?before=x", "?before=99999999999999999999999", "?before=-1"])
def test_a_strange_page_is_the_newest(browser: Client, query: str) -> None:
    assert subjects(browser, query)[0] == "Nights"


def test_the_file_holds_everything_that_the_filters_let_through(browser: Client, house: House) -> None:
    answer = browser.get("/north/audit/export/")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert len(rows) == PAGE + 6
    assert (rows[0]["by"], rows[0]["action"], rows[0]["subject"]) == (
        "agent@north.example",
        "portal.team.added",
        "Nights",
    )
    assert json.loads(rows[0]["data"]) == {"size": 3}
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-north-')
    narrowed = browser.get("/north/audit/export/?what=portal.")
    assert len(b"".join(narrowed.streaming_content).decode().splitlines()) == 2


@pytest.mark.parametrize(
    ("subject", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@cmd", "'@cmd"),
        ("-2", "'-2"),
        ("+HYPERLINK()", "'+HYPERLINK()"),
        ("+13125550100", "+13125550100"),
    ],
)
def test_a_spreadsheet_runs_nothing(browser: Client, house: House, subject: str, cell: str) -> None:
    audit.record("portal.team.added", organization=house.organization, by=None, subject=subject)
    answer = browser.get("/north/audit/export/?what=portal.")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[0]["subject"] == cell


def test_the_page_costs_the_same_for_many(browser: Client, django_assert_max_num_queries: object) -> None:
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        browser.get("/north/audit/")


def test_the_page_speaks_in_sentences_and_keeps_the_code_behind(browser: Client, house: House) -> None:
    audit.record(
        "trunks.dids.assigned",
        organization=house.organization,
        by=house.owner.user,
        subject="+13125550100",
        team=house.sales.pk,
        given_to="Sales",
    )
    answer = browser.get("/north/audit/")
    told = answer.context["told"][0]
    assert (told.sentence, told.aside) == ('Assigned <span class="nowrap">(312) 555-0100</span>', "To Sales")
    page = answer.content.decode()
    assert page.count('<details class="told">') == PAGE
    assert '<code class="mono">trunks.dids.assigned</code>' in page
