"""Planning and carrying out an import."""

import time
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.models import AuditEvent, LiveEvent
from tests.people import House
from tests.trunks.makers import make_account, make_did, make_trunk
from trunks import inventory
from trunks.exports import read_export
from trunks.imports import CANNOT_TEXT, Plan, Stale, apply_import, plan_import
from trunks.models import Did, DidAssignment, TextState, Trunk

EXPORTS = Path(__file__).parent / "exports"


def plan(house: House, text: str | bytes, **kwargs: object) -> Plan:
    data = text.encode() if isinstance(text, str) else text
    return plan_import(read_export(data), organization=house.organization, **kwargs)  # type: ignore[arg-type]


def refusals(made: Plan) -> list[tuple[int, str]]:
    return [(refusal.line, refusal.reason) for refusal in made.refused]


def test_a_telnyx_export_of_200_rows(house: House) -> None:
    account = make_account(house.organization)
    made = plan(house, (EXPORTS / "telnyx.csv").read_bytes(), account=account)
    assert refusals(made) == [
        (12, "The row has no number."),
        (27, "A spreadsheet has rounded this number; format the column as text and export again."),
        (42, "The same number stands in row 5 already."),
        (79, "This number belongs to another country (GB)."),
        (101, "This number is too short."),
        (122, "This is not a telephone number."),
        (152, "The carrier lists this number as deleted."),
        (182, "This number belongs to another country (JM)."),
    ]
    assert (len(made.new), made.changed, made.unchanged, made.new_trunks) == (192, [], 0, ["SIP Chicago", "SIP West"])
    apply_import(made, by=house.dialer_admin.user, source="telnyx.csv")
    did = Did.objects.select_related("trunk").get(number="+13125550101")
    assert (did.label, did.tags, did.carrier_ref, str(did.trunk), did.account) == (
        "Campaign 1", "outbound, q3", "1293028400000000001", "SIP Chicago", account,
    )  # fmt: skip
    assert did.text_state == TextState.OFF
    assert Did.objects.filter(number="+18335550100").exists()
    assert Did.objects.count() == 192
    again = plan(house, (EXPORTS / "telnyx.csv").read_bytes(), account=account)
    assert (again.new, again.changed, again.unchanged, len(again.refused)) == ([], [], 192, 8)


def test_a_twilio_export_of_200_rows(house: House) -> None:
    made = plan(house, (EXPORTS / "twilio.csv").read_bytes())
    assert refusals(made) == [
        (32, "A spreadsheet has rounded this number; format the column as text and export again."),
        (33, "The same number stands in row 2 already."),
        (62, "This number belongs to another country (MX)."),
        (63, "This is not a telephone number."),
        (64, "This number is too short."),
    ]
    assert (len(made.new), made.cannot_text) == (195, 2)
    apply_import(made, by=None)
    labels = dict(Did.objects.values_list("number", "label"))
    assert (labels["+16465550100"], labels["+16465550101"]) == ("Line 0", "")
    assert set(Did.objects.filter(text_why=CANNOT_TEXT).values_list("number", flat=True)) == {
        "+16465550105", "+16465550106",
    }  # fmt: skip


def test_a_plan_writes_nothing(house: House) -> None:
    make_did(house.organization, label="Old")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        made = plan(house, "number,label,trunk\n3125550100,New,Nowhere\n3125550101,,\n")
    assert [query["sql"].split()[0] for query in queries.captured_queries if query["sql"].split()[0] != "SELECT"] == []
    assert (len(made.new), len(made.changed)) == (1, 1)
    assert list(Did.objects.values_list("number", "label")) == [("+13125550100", "Old")]
    assert (Trunk.objects.count(), AuditEvent.objects.count(), LiveEvent.objects.count()) == (0, 0, 0)


def test_what_changes_is_named_and_empty_cells_change_nothing(house: House) -> None:
    trunk = make_trunk(house.organization)
    did = make_did(house.organization, label="Old", tags="q3")
    made = plan(house, "number,label,tags,trunk,team\n3125550100,,q4,chicago,sales\n")
    assert [(change.number, change.changes) for change in made.changed] == [
        ("+13125550100", {"tags": ("q3", "q4"), "trunk": ("", "Chicago"), "team": ("", "Sales")})
    ]
    apply_import(made, by=house.dialer_admin.user)
    did.refresh_from_db()
    assert (did.label, did.tags, did.trunk, did.team) == ("Old", "q4", trunk, house.sales)
    assert [(one.team, one.by) for one in did.assignments.all()] == [(house.sales, house.dialer_admin.user)]
    event = AuditEvent.objects.get(action="trunks.did.changed_by_import")
    assert (event.subject, event.by, event.data["changes"]["tags"]) == (
        "+13125550100", house.dialer_admin.user, ["q3", "q4"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1.3125550100E+10", "+13125550100"),
        ("3.1255501E+09", "refused"),
        ("13125550100.0", "+13125550100"),
        ("tel:+13125550100", "+13125550100"),
        ("sip:+13125550100@sip.example.com", "+13125550100"),
        ("3.12E+09", "refused"),
    ],
)
def test_what_spreadsheets_and_switches_do_to_numbers(house: House, cell: str, number: str) -> None:
    made = plan(house, f"number,label\n{cell},x\n3125550199,y\n")
    rounded = "A spreadsheet has rounded this number; format the column as text and export again."
    assert [new.number for new in made.new] == ["+13125550199"] if number == "refused" else [number, "+13125550199"]
    assert refusals(made) == ([(2, rounded)] if number == "refused" else [])


def test_a_number_of_another_organization_is_owned_already(house: House, other_house: House) -> None:
    make_did(other_house.organization)
    made = plan(house, "number\n3125550100\n")
    assert (made.new, refusals(made)) == (
        [],
        [(2, "This number is owned already, by another organization of this portal.")],
    )


def test_names_nobody_has_are_refused(house: House, other_house: House) -> None:
    rows = [
        "number,team,agent",
        "3125550100,Nobody,",
        f"3125550101,Sales,{house.second_agent.user.email}",
        "3125550102,,stranger@north.example",
        f"3125550103,,{other_house.agent.user.email}",
        f"3125550104,,{house.agent.user.email}",
        f"3125550105,,{house.owner.user.email}",
    ]
    made = plan(house, "\n".join(rows))
    assert refusals(made) == [
        (2, "There is no team 'Nobody'."),
        (3, "second-agent@north.example is not in Sales."),
        (4, "Nobody here signs in as 'stranger@north.example'."),
        (5, "Nobody here signs in as 'agent@south.example'."),
        (7, "owner@north.example is not in exactly one team; name the team too."),
    ]
    apply_import(made, by=None)
    did = Did.objects.get()
    assert (did.number, did.team, did.agent) == ("+13125550104", house.sales, house.agent)


def test_another_team_takes_the_did_from_its_agent(house: House) -> None:
    did = make_did(house.organization, team=house.sales, agent=house.agent)
    made = plan(house, "number,team\n3125550100,Support\n")
    assert made.changed[0].changes == {"team": ("Sales", "Support"), "agent": ("agent@north.example", "")}
    apply_import(made, by=None)
    did.refresh_from_db()
    assert (did.team, did.agent) == (house.support, None)


def test_missing_dids_are_shown_and_stay(house: House) -> None:
    account, other = make_account(house.organization, "One"), make_account(house.organization, "Two")
    make_did(house.organization, "+13125550100", account=account)
    make_did(house.organization, "+13125550101", account=account)
    make_did(house.organization, "+13125550102", account=other)
    made = plan(house, "number\n3125550100\n", account=account)
    assert made.missing == ["+13125550101"]
    assert plan(house, "number\n3125550100\n").missing == ["+13125550101", "+13125550102"]
    apply_import(made, by=None)
    assert Did.objects.current().count() == 3


def test_a_retired_did_that_comes_back_is_a_new_row(house: House) -> None:
    old = make_did(house.organization)
    inventory.retire([old], by=None)
    made = plan(house, "number\n3125550100\n")
    apply_import(made, by=None)
    assert len(made.new) == 1
    assert Did.objects.filter(number="+13125550100").count() == 2


def test_moving_to_another_account_switches_texting_off(house: House) -> None:
    one, two = make_account(house.organization, "One"), make_account(house.organization, "Two")
    did = make_did(house.organization, account=one, text_state=TextState.ENABLED, mms=True)
    made = plan(house, "number\n3125550100\n", account=two)
    assert made.changed[0].changes == {"carrier account": ("One", "Two")}
    apply_import(made, by=None)
    did.refresh_from_db()
    assert (did.account, did.text_state, did.mms, did.text_why) == (two, TextState.OFF, False, inventory.MOVED)


def test_a_plan_that_time_has_overtaken_changes_nothing(house: House) -> None:
    made = plan(house, "number,trunk\n3125550100,Chicago\n3125550101,Chicago\n")
    make_did(house.organization, "+13125550101")
    with pytest.raises(Stale):
        apply_import(made, by=None)
    assert (Did.objects.count(), Trunk.objects.count(), DidAssignment.objects.count()) == (1, 0, 0)
    assert AuditEvent.objects.count() == 0


def test_the_digest_is_that_of_what_would_happen(house: House) -> None:
    text = "number,label\n3125550100,A\n"
    first = plan(house, text).digest
    assert plan(house, text).digest == first
    make_did(house.organization, label="B")
    assert plan(house, text).digest != first


def test_statements_do_not_grow_with_the_file(house: House) -> None:
    def statements(count: int, area: str) -> int:
        rows = "\n".join(f"+1{area}555{number:04},Sales" for number in range(100, 100 + count))
        with CaptureQueriesContext(connection) as queries:
            apply_import(plan(house, "number,team\n" + rows), by=None)
        return len(queries)

    small, large = statements(20, "312"), statements(900, "773")
    # SQLite takes 999 parameters a statement, so it needs more of them for more rows; PostgreSQL does not.
    assert large == small if connection.vendor == "postgresql" else large < small + 40


def test_50_000_rows(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    exchanges = [(area, exchange) for area in ("312", "773", "415", "646", "305") for exchange in range(200, 300)]
    rows = [f"+1{area}{exchange}{end:04},Line {end}" for area, exchange in exchanges for end in range(100)]
    data = ("number,label\n" + "\n".join(rows)).encode()
    started = time.perf_counter()
    made = plan(house, data)
    planned = time.perf_counter()
    apply_import(made, by=house.dialer_admin.user)
    applied = time.perf_counter()
    again = plan(house, data)
    assert (len(made.new), Did.objects.count(), again.unchanged) == (50_000, 50_000, 50_000)
    with capsys.disabled():
        words = f"plan {planned - started:.1f} s, apply {applied - planned:.1f} s"
        print(f"\n50,000 DIDs on {connection.vendor}: {words}, plan again {time.perf_counter() - applied:.1f} s")
