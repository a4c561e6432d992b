"""Giving DIDs away, moving and retiring them."""

import pytest

from portal.models import AuditEvent, LiveEvent, Role
from tests.people import House, add_member
from tests.trunks.makers import make_account, make_did, make_dids, make_trunk
from trunks import inventory
from trunks.inventory import NotPossible
from trunks.models import Did, DidAssignment, TextState


def given(*dids: Did) -> list[tuple[object, object]]:
    return [(did.team, did.agent) for did in (Did.objects.get(pk=one.pk) for one in dids)]


def test_assigning_writes_the_row_the_history_and_the_trail(house: House) -> None:
    did = make_did(house.organization)
    event = inventory.assign([did], team=house.sales, agent=house.agent, by=house.owner.user)
    assert event is not None
    assert given(did) == [(house.sales, house.agent)]
    one = DidAssignment.objects.get()
    assert (one.team, one.agent, one.by) == (house.sales, house.agent, house.owner.user)
    assert (event.action, event.subject, event.by) == ("trunks.dids.assigned", "+13125550100", house.owner.user)
    assert list(LiveEvent.objects.values_list("audience", "kind", "refs")) == [("org", "dids", [did.pk])]


def test_assigning_the_same_again_does_nothing(house: House) -> None:
    did = make_did(house.organization, team=house.sales)
    assert inventory.assign([did], team=house.sales, agent=None, by=None) is None
    assert (DidAssignment.objects.count(), AuditEvent.objects.count(), LiveEvent.objects.count()) == (0, 0, 0)


def test_an_undo_gives_each_did_back_to_whom_it_was(house: House) -> None:
    first = make_did(house.organization, "+13125550100", team=house.support)
    second = make_did(house.organization, "+13125550101", team=house.sales, agent=house.agent)
    third = make_did(house.organization, "+13125550102")
    event = inventory.assign([first, second, third], team=house.sales, agent=None, by=None)
    assert event is not None
    inventory.assign([third], team=house.support, agent=None, by=None)
    assert inventory.undo_assignment(event, by=house.owner.user) == 2
    assert given(first, second, third) == [(house.support, None), (house.sales, house.agent), (house.support, None)]
    assert inventory.undo_assignment(event, by=None) == 0


def test_what_an_assignment_may_not_be(house: House, other_house: House) -> None:
    did = make_did(house.organization)
    gone = add_member(house.organization, Role.AGENT, house.sales, email="gone@north.example")
    gone.is_active = False
    gone.save()
    wrong = [
        (other_house.sales, None, "This team belongs to another organization."),
        (house.sales, other_house.agent, "This agent is no active member of the organization."),
        (house.sales, gone, "This agent is no active member of the organization."),
        (
            house.sales, house.second_agent,
            "second-agent@north.example is not in Sales, so the DID's threads would be out of reach.",
        ),
    ]  # fmt: skip
    for team, agent, why in wrong:
        with pytest.raises(NotPossible) as refused:
            inventory.assign([did], team=team, agent=agent, by=None)
        assert str(refused.value) == why
    assert given(did) == [(None, None)]
    assert (DidAssignment.objects.count(), AuditEvent.objects.count()) == (0, 0)


def test_a_trunk_takes_its_dids_to_its_account(house: House) -> None:
    one, two = make_account(house.organization, "One"), make_account(house.organization, "Two")
    trunk = make_trunk(house.organization, account=two)
    texting = make_did(house.organization, "+13125550100", account=one, text_state=TextState.ENABLED, mms=True)
    silent = make_did(house.organization, "+13125550101")
    assert inventory.put_on_trunk([texting, silent], trunk=trunk, by=house.owner.user) == 2
    texting.refresh_from_db()
    silent.refresh_from_db()
    assert (texting.trunk, texting.account, texting.text_state, texting.text_why, texting.mms) == (
        trunk, two, TextState.OFF, "Moved to another carrier account: switch texting on again.", False,
    )  # fmt: skip
    assert (silent.account, silent.text_state, silent.text_why) == (two, TextState.OFF, "")
    assert inventory.put_on_trunk([texting, silent], trunk=trunk, by=None) == 0


def test_taking_off_a_trunk_keeps_account_and_texting(house: House) -> None:
    account = make_account(house.organization)
    trunk = make_trunk(house.organization, account=account)
    did = make_did(house.organization, trunk=trunk, account=account, text_state=TextState.ENABLED)
    inventory.put_on_trunk([did], trunk=None, by=None)
    did.refresh_from_db()
    assert (did.trunk, did.account, did.text_state) == (None, account, TextState.ENABLED)


def test_a_foreign_trunk_is_refused(house: House, other_house: House) -> None:
    did = make_did(house.organization)
    with pytest.raises(NotPossible):
        inventory.put_on_trunk([did], trunk=make_trunk(other_house.organization), by=None)
    did.refresh_from_db()
    assert did.trunk is None


def test_a_retired_did_neither_texts_nor_changes(house: House) -> None:
    account = make_account(house.organization)
    did = make_did(house.organization, account=account, text_state=TextState.ENABLED, team=house.sales)
    assert inventory.retire([did], by=house.owner.user) == 1
    did.refresh_from_db()
    assert (did.can_text, did.text_state, did.team) == (False, TextState.OFF, house.sales)
    assert did.retired_at is not None
    assert inventory.retire([did], by=None) == 0
    assert inventory.assign([did], team=house.support, agent=None, by=None) is None
    assert inventory.set_text_state([did], TextState.ENABLED) == 0
    assert AuditEvent.objects.filter(subject=did.number).count() == 1


def test_upper_tables_write_their_findings_down(house: House) -> None:
    did = make_did(house.organization, account=make_account(house.organization))
    assert inventory.set_text_state([did], TextState.REFUSED, "The campaign was suspended.") == 1
    assert inventory.set_text_state([did], TextState.REFUSED, "The campaign was suspended.") == 0
    assert inventory.set_health([did], "The registry lost it.") == 1
    assert inventory.set_health([did], "The registry lost it.") == 0
    did.refresh_from_db()
    assert (did.text_state, did.text_why, did.health_why) == (
        TextState.REFUSED, "The campaign was suspended.", "The registry lost it.",
    )  # fmt: skip
    assert AuditEvent.objects.get().data["why"] == "The campaign was suspended."
    with pytest.raises(ValueError, match="request_texting"):
        inventory.set_text_state([did], TextState.PENDING)


def test_many_dids_cost_few_statements(house: House, django_assert_max_num_queries: object) -> None:
    few = make_dids(house.organization, 10)
    many = Did.objects.bulk_create(
        Did(organization=house.organization, number=f"+1206555{number:04}") for number in range(1_000, 1_400)
    )
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        inventory.assign(few, team=house.sales, agent=None, by=None)
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        inventory.assign(many, team=house.sales, agent=None, by=None)


def test_an_undo_gives_nothing_to_somebody_who_left_the_team(house: House) -> None:
    did = make_did(house.organization, team=house.sales, agent=house.agent)
    event = inventory.assign([did], team=house.support, agent=None, by=None)
    assert event is not None
    house.agent.teams.clear()
    assert inventory.undo_assignment(event, by=None) == 1
    did.refresh_from_db()
    assert (did.team, did.agent) == (house.sales, None)
