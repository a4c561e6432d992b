"""The consent ledger: what stands, and how it came about."""

from datetime import timedelta

import pytest
from django.utils import timezone

from compliance import consent, optout
from compliance.consent import ConsentRefused, Evidence
from compliance.models import Consent, OptOut, StandingConsent
from portal.models import AuditEvent
from tests.people import House

NUMBER = "+12125552000"
SPOKEN = Evidence(channel="call", act="said yes", disclosure="May I text you the ticket number?", call_ref="call-7")
WRITTEN = Evidence(channel="web", act="ticked the box", disclosure="I agree to automated texts.", source="/join")


def give(house: House, *categories: str, evidence: Evidence = SPOKEN) -> list[Consent]:
    return consent.give(
        organization=house.organization, number=NUMBER, categories=categories, evidence=evidence, by=house.agent.user
    )


def stands(house: House) -> set[str]:
    return set(consent.standing(house.organization.pk, [NUMBER]).get(NUMBER, ()))


def log(house: House) -> list[tuple[str, str]]:
    rows = Consent.objects.filter(organization=house.organization, number=NUMBER).order_by("pk")
    return list(rows.values_list("kind", "category"))


def test_what_is_given_stands_with_its_proof(house: House) -> None:
    (line,) = give(house, "informational")
    assert stands(house) == {"informational"}
    assert (line.disclosure, line.call_ref, line.act) == ("May I text you the ticket number?", "call-7", "said yes")
    assert (line.by, line.replaces) == (house.agent.user, None)
    event = AuditEvent.objects.get(action="compliance.consent.given")
    assert (event.subject, event.data) == (NUMBER, {"categories": "informational"})


def test_a_second_agreement_supersedes_the_first_and_both_are_kept(house: House) -> None:
    (first,) = give(house, "informational")
    lines = give(house, "informational", "promotional", evidence=WRITTEN)
    assert [line.replaces for line in lines] == [first, None]
    assert stands(house) == {"informational", "promotional"}
    assert log(house) == [("given", "informational"), ("given", "informational"), ("given", "promotional")]


def test_an_opt_out_takes_back_all_that_stood(house: House) -> None:
    give(house, "informational", "promotional", evidence=WRITTEN)
    optout.record_opt_out(organization=house.organization, number=NUMBER, source=OptOut.Source.TEXT, keyword="STOP")
    assert stands(house) == set()
    assert log(house)[2:] == [("withdrawn", "informational"), ("withdrawn", "promotional")]
    taken = Consent.objects.filter(kind="withdrawn").first()
    assert taken is not None
    assert taken.opt_out == OptOut.objects.get()


def test_a_second_stop_takes_nothing_back_twice(house: House) -> None:
    give(house, "informational")
    for _ in range(2):
        optout.record_opt_out(organization=house.organization, number=NUMBER, source=OptOut.Source.TEXT)
    assert log(house) == [("given", "informational"), ("withdrawn", "informational")]


def test_start_gives_again_what_stop_took_and_staff_does_not(house: House) -> None:
    give(house, "promotional", evidence=WRITTEN)
    optout.record_opt_out(organization=house.organization, number=NUMBER, source=OptOut.Source.TEXT)
    optout.lift(
        organization=house.organization,
        number=NUMBER,
        source=OptOut.Source.TEXT,
        keyword="START",
        our_number="+13125550100",
    )
    assert stands(house) == {"promotional"}
    newest = Consent.objects.order_by("-pk")[0]
    assert (newest.kind, newest.act, newest.channel, newest.our_number) == (
        "given",
        "texted START",
        "sms",
        "+13125550100",
    )
    assert newest.disclosure == "I agree to automated texts."
    optout.record_opt_out(organization=house.organization, number=NUMBER, source=OptOut.Source.TEXT)
    optout.lift(
        organization=house.organization,
        number=NUMBER,
        source=OptOut.Source.STAFF,
        by=house.owner.user,
        why="signed anew",
    )
    assert stands(house) == set()


def test_a_wrong_number_voids_and_start_does_not_bring_that_back(house: House) -> None:
    give(house, "informational")
    assert consent.void(organization=house.organization, number=NUMBER, why="answered: wrong number") == 1
    assert (stands(house), log(house)[1:]) == (set(), [("void", "informational")])
    optout.record_opt_out(organization=house.organization, number=NUMBER, source=OptOut.Source.TEXT)
    optout.lift(organization=house.organization, number=NUMBER, source=OptOut.Source.TEXT, keyword="START")
    assert stands(house) == set()


@pytest.mark.parametrize(
    ("categories", "evidence", "sentence"),
    [
        ([], SPOKEN, "Say what the person agreed to"),
        (["everything"], SPOKEN, "Say what the person agreed to"),
        (["informational"], Evidence(channel="call", act=" "), "Say what the person did"),
        (["promotional"], Evidence(channel="call", act="said yes"), "Offers need the exact words"),
        (
            ["informational"],
            Evidence(channel="call", act="said yes", at=timezone.now() + timedelta(hours=1)),
            "The moment of consent lies in the future.",
        ),
    ],
)
def test_consent_without_proof_is_refused_and_nothing_is_written(
    house: House, categories: list[str], evidence: Evidence, sentence: str
) -> None:
    with pytest.raises(ConsentRefused, match=sentence):
        give(house, *categories, evidence=evidence)
    assert (Consent.objects.count(), StandingConsent.objects.count()) == (0, 0)


def test_a_batch_is_looked_up_in_one_query(house: House, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    give(house, "informational")
    with django_assert_num_queries(1):
        found = consent.standing(house.organization.pk, [NUMBER, "+12125552001"])
    assert found == {NUMBER: frozenset({"informational"})}


def test_another_organization_knows_nothing_of_it(house: House, other_house: House) -> None:
    give(house, "informational")
    assert consent.standing(other_house.organization.pk, [NUMBER]) == {}
