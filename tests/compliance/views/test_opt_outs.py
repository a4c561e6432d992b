"""Opt-outs: found, recorded and lifted by hand."""

import pytest
from django.test import Client

from compliance import optout
from compliance.models import OptOut, Suppression
from portal.models import AuditEvent
from tests.people import House, sign_in
from trunks.models import Did

pytestmark = pytest.mark.django_db
NUMBER = "+12125550142"


@pytest.fixture
def said_stop(house: House) -> Suppression:
    """A customer wrote STOP to a DID of team sales."""
    Did.objects.create(organization=house.organization, number="+13125550100", team=house.sales)
    return optout.record_opt_out(
        organization=house.organization,
        number=NUMBER,
        source=OptOut.Source.TEXT,
        keyword="stop",
        evidence="please stop texting me",
        our_number="+13125550100",
    )


def page(browser: Client, query: str = "") -> str:
    return browser.get(f"/north/opt-outs/{query}").content.decode()


def test_the_list_says_since_when_how_and_in_which_words(house: House, said_stop: Suppression) -> None:
    shown = page(sign_in(house.compliance_admin))
    for word in ("(212) 555-0142", "Texted by the person", "please stop texting me", "(312) 555-0100"):
        assert word in shown


@pytest.mark.parametrize("query", ["0142", "%28212%29+555-0142", "%2B12125550142"])
def test_a_number_is_found_by_any_part(house: House, said_stop: Suppression, query: str) -> None:
    browser = sign_in(house.owner)
    assert "(212) 555-0142" in page(browser, f"?q={query}")
    assert "(212) 555-0142" not in page(browser, "?q=0143")
    assert "No such opt-out" in page(browser, "?q=nothing")


def test_the_words_are_for_those_who_see_the_thread(house: House, said_stop: Suppression) -> None:
    assert "please stop texting me" in page(sign_in(house.supervisor))  # of team sales
    house.supervisor.teams.set([house.support])
    elsewhere = page(sign_in(house.supervisor))
    assert "please stop texting me" not in elsewhere
    assert "In a thread of another team" in elsewhere
    detail = sign_in(house.supervisor).get(f"/north/opt-outs/{said_stop.pk}/").content.decode()
    assert "please stop texting me" not in detail


def test_a_spoken_opt_out_is_recorded(house: House) -> None:
    browser = sign_in(house.supervisor)
    fields = {"number": "(212) 555-0142", "why": "Said so on the telephone."}
    assert browser.post("/north/opt-outs/new/", fields).headers["Location"] == "/north/opt-outs/"
    line = Suppression.objects.get(organization=house.organization, number=NUMBER).opt_out
    assert (line.source, line.by, line.why) == ("staff", house.supervisor.user, "Said so on the telephone.")
    assert AuditEvent.objects.get().action == "compliance.opt_out.recorded"
    assert "Said so on the telephone." in page(browser)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"number": "555", "why": "Said so."}, "This number is too short."),
        ({"number": "(212) 555-0142", "why": "  "}, "This field is required."),
    ],
)
def test_a_bad_form_records_nothing(house: House, fields: dict[str, str], sentence: str) -> None:
    answer = sign_in(house.owner).post("/north/opt-outs/new/", fields)
    assert (answer.status_code, sentence in answer.content.decode()) == (422, True)
    assert (Suppression.objects.count(), OptOut.objects.count()) == (0, 0)


def test_lifting_takes_the_proof_of_a_fresh_opt_in(house: House, said_stop: Suppression) -> None:
    browser, address = sign_in(house.compliance_admin), f"/north/opt-outs/{said_stop.pk}/"
    assert browser.post(address, {"why": " "}).status_code == 422
    assert Suppression.objects.filter(pk=said_stop.pk).exists()
    why = "Signed form of March 3, in the file of the order."
    assert browser.post(address, {"why": why}).headers["Location"] == "/north/opt-outs/"
    assert not Suppression.objects.exists()
    lines = OptOut.objects.order_by("id").values_list("kind", "why", "by")
    assert list(lines) == [("opted_out", "", None), ("opted_in", why, house.compliance_admin.user_id)]
    assert browser.get(address).status_code == 404


def test_the_list_of_another_house_is_its_own(house: House, other_house: House, said_stop: Suppression) -> None:
    shown = sign_in(other_house.owner).get("/south/opt-outs/").content.decode()
    assert "Nobody has opted out" in shown


def test_the_list_costs_the_same_for_many(house: House, django_assert_max_num_queries: object) -> None:
    for number in range(60):
        optout.record_opt_out(
            organization=house.organization, number=f"+1212555{number:04}", source="staff", by=house.owner.user, why="x"
        )
    browser = sign_in(house.supervisor)
    with django_assert_max_num_queries(9):  # type: ignore[operator]
        shown = page(browser)
    assert "1–50 of 60" in shown
    part = browser.get("/north/opt-outs/?page=2", headers={"HX-Request": "true", "HX-Target": "opt-outs-list"})
    assert "51–60 of 60" in part.content.decode()
    assert "<html" not in part.content.decode()
