"""Asking carriers to switch texting on."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from portal.http import Unanswered
from portal.models import AuditEvent, LiveEvent
from tests.people import House
from tests.trunks.makers import make_account, make_did, make_dids
from trunks import accounts, inventory, tasks, texting
from trunks.carriers.base import CarrierError, NumberResult
from trunks.models import CarrierAccount, Did, TextState

ELSEWHERE = "The number is text-enabled with another provider. Have it released there first."


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """The tasks that were started, instead of starting them."""
    started: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(tasks.enable_texting, "delay", lambda account, ids: started.append((account, ids)))
    return started


def pending(account: CarrierAccount, count: int = 1, **fields: Any) -> list[Did]:
    now = timezone.now()
    return make_dids(
        account.organization,
        count,
        **{"account": account, "text_state": TextState.PENDING, "text_ask_at": now, "text_changed_at": now, **fields},
    )


def ask(account: CarrierAccount, dids: list[Did]) -> None:
    texting.ask_carrier(str(account.pk), [did.pk for did in dids])


def fresh(did: Did) -> Did:
    return Did.objects.get(pk=did.pk)


def test_a_request_makes_dids_pending_and_rings_a_task_for_each_batch(
    house: House, rung: list[tuple[str, list[int]]], django_capture_on_commit_callbacks: Any
) -> None:
    one, two = make_account(house.organization, "One"), make_account(house.organization, "Two")
    dids = make_dids(house.organization, 230, account=one)
    other = make_did(house.organization, "+12065550100", account=two)
    on = make_did(house.organization, "+12065550101", account=two, text_state=TextState.ENABLED)
    bare = make_did(house.organization, "+12065550102")
    with django_capture_on_commit_callbacks(execute=True):
        asked = texting.request_texting([*dids, other, on, bare], by=house.dialer_admin.user)
    assert asked == texting.Asked(asked=231, already=1, without_account=1)
    assert Counter((account, len(ids)) for account, ids in rung) == {
        (str(one.pk), 100): 2, (str(one.pk), 30): 1, (str(two.pk), 1): 1,
    }  # fmt: skip
    assert Did.objects.filter(text_state=TextState.PENDING).count() == 231
    assert (fresh(bare).text_state, fresh(bare).text_why) == (TextState.REFUSED, texting.NO_ACCOUNT)
    assert fresh(on).text_state == TextState.ENABLED
    events = AuditEvent.objects.filter(action="trunks.did.text_pending", by=house.dialer_admin.user)
    assert events.count() == 231
    again = texting.request_texting(dids, by=None)
    assert again == texting.Asked(asked=0, already=230, without_account=0)


def test_a_broker_that_is_down_loses_no_request(
    house: House, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def down(*args: object) -> None:
        raise OperationalError

    monkeypatch.setattr(tasks.enable_texting, "delay", down)
    did = make_did(house.organization, account=make_account(house.organization))
    with django_capture_on_commit_callbacks(execute=True):
        texting.request_texting([did], by=None)
    assert fresh(did).text_state == TextState.PENDING
    started: list[list[int]] = []
    monkeypatch.setattr(tasks.enable_texting, "delay", lambda account, ids: started.append(ids))
    assert texting.sweep_pending() == 1
    assert started == [[did.pk]]


def test_the_carrier_says_yes_or_no_to_each(account: CarrierAccount) -> None:
    dids = pending(account, 100)
    tasks.enable_texting.run(str(account.pk), [did.pk for did in dids])
    assert Counter(Did.objects.values_list("text_state", flat=True)) == {TextState.ENABLED: 98, TextState.REFUSED: 2}
    refused = dict(Did.objects.filter(text_state=TextState.REFUSED).values_list("number", "text_why"))
    assert list(refused) == ["+13125550166", "+13125550177"]
    assert refused["+13125550166"] == ELSEWHERE
    enabled = fresh(dids[0])
    assert (enabled.mms, enabled.can_text, enabled.text_ask_at) == (True, True, None)
    events = Counter(AuditEvent.objects.values_list("action", "by"))
    assert events == {("trunks.did.text_enabled", None): 98, ("trunks.did.text_refused", None): 2}
    assert LiveEvent.objects.filter(kind="dids").exists()


def test_asking_twice_changes_nothing_more(account: CarrierAccount) -> None:
    dids = pending(account, 3)
    ask(account, dids)
    events = AuditEvent.objects.count()
    ask(account, dids)
    assert AuditEvent.objects.count() == events == 3


def test_a_refused_did_can_be_tried_again(account: CarrierAccount, rung: list[tuple[str, list[int]]]) -> None:
    did = make_did(account.organization, "+13125550166", account=account)
    for _ in range(2):
        assert texting.request_texting([did], by=None).asked == 1
        ask(account, [did])
        assert (fresh(did).text_state, fresh(did).text_why) == (TextState.REFUSED, ELSEWHERE)
    assert AuditEvent.objects.filter(action="trunks.did.text_refused").count() == 2


def test_a_carrier_that_cannot_be_reached_is_asked_again_after_longer_and_longer(house: House) -> None:
    account = make_account(house.organization, base_url="http://127.0.0.1:1")
    (did,) = pending(account)
    waits = []
    for _ in range(texting.TRIES - 1):
        ask(account, [did])
        now = fresh(did)
        assert (now.text_state, now.text_ask_at is not None) == (TextState.PENDING, True)
        assert now.text_why.endswith("The portal asks again.")
        assert now.text_ask_at is not None
        waits.append(round((now.text_ask_at - timezone.now()).total_seconds()))
        Did.objects.update(text_ask_at=timezone.now())
    assert waits == [15, 30, 60, 120, 240, 480, 960]
    ask(account, [did])
    assert fresh(did).text_state == TextState.REFUSED
    assert fresh(did).text_why.startswith("Given up after 8 tries. Sandbox could not be reached at 127.0.0.1")


def test_nobody_asks_while_somebody_asks_or_before_the_time(
    house: House, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, list[int]]]
) -> None:
    account = make_account(house.organization)
    dids = pending(account, 2)
    asked: list[int] = []

    def while_asking(account: CarrierAccount, steps: Any) -> list[NumberResult]:
        asked.append(1)
        ask(account, dids)
        assert texting.sweep_pending() == 0
        raise Unanswered("no answer in time")

    monkeypatch.setattr(accounts, "run_steps", while_asking)
    ask(account, dids)
    ask(account, dids)
    assert (len(asked), rung) == (1, [])


def test_a_worker_that_died_is_replaced_when_its_lease_is_over(
    house: House, rung: list[tuple[str, list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(house.organization)
    (did,) = pending(account)

    def die(account: CarrierAccount, steps: Any) -> list[NumberResult]:
        raise KeyboardInterrupt

    monkeypatch.setattr(accounts, "run_steps", die)
    with pytest.raises(KeyboardInterrupt):
        ask(account, [did])
    assert texting.sweep_pending() == 0
    Did.objects.update(text_ask_at=timezone.now() - timedelta(seconds=1))
    assert texting.sweep_pending() == 1


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (CarrierError("The key is wrong.", retryable=False), TextState.REFUSED, "The key is wrong."),
        (
            CarrierError("Too fast.", retryable=True, retry_after_seconds=300),
            TextState.PENDING,
            "Too fast. The portal asks again.",
        ),
    ],
)
def test_what_the_carrier_says_decides_between_no_and_later(
    house: House, monkeypatch: pytest.MonkeyPatch, error: CarrierError, state: TextState, words: str
) -> None:
    account = make_account(house.organization)
    (did,) = pending(account)

    def refuse(account: CarrierAccount, steps: Any) -> list[NumberResult]:
        raise error

    monkeypatch.setattr(accounts, "run_steps", refuse)
    ask(account, [did])
    now = fresh(did)
    assert (now.text_state, now.text_why) == (state, words)
    if now.text_ask_at is not None:
        assert round((now.text_ask_at - timezone.now()).total_seconds()) == 300


def test_numbers_the_carrier_does_not_mention_stay_pending(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account(house.organization)
    first, second = pending(account, 2)
    answer = [NumberResult(number=first.number, enabled=True, mms=False)]
    monkeypatch.setattr(accounts, "run_steps", lambda account, steps: answer)
    ask(account, [first, second])
    assert (fresh(first).text_state, fresh(first).mms) == (TextState.ENABLED, False)
    assert (fresh(second).text_state, fresh(second).text_why) == (
        TextState.PENDING, "Sandbox said nothing about this number. The portal asks again.",
    )  # fmt: skip


@pytest.mark.parametrize("meanwhile", ["switched off", "moved", "retired"])
def test_a_late_yes_does_not_undo_what_a_person_did(
    house: House, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    account, other = make_account(house.organization), make_account(house.organization, "Other")
    (did,) = pending(account)

    def answer_late(account: CarrierAccount, steps: Any) -> list[NumberResult]:
        if meanwhile == "switched off":
            texting.stop_texting([did], by=None)
        elif meanwhile == "moved":
            inventory.move_to_account([fresh(did)], other)
        else:
            inventory.retire([did], by=None)
        return [NumberResult(number=did.number, enabled=True, mms=True)]

    monkeypatch.setattr(accounts, "run_steps", answer_late)
    ask(account, [did])
    assert (fresh(did).text_state, fresh(did).can_text, fresh(did).mms) == (TextState.OFF, False, False)


def test_switching_off_asks_nobody(house: House) -> None:
    did = make_did(
        house.organization, account=make_account(house.organization), text_state=TextState.ENABLED, mms=True
    )  # fmt: skip
    assert texting.stop_texting([did], by=house.dialer_admin.user) == 1
    assert (fresh(did).text_state, fresh(did).can_text) == (TextState.OFF, False)
    event = AuditEvent.objects.get()
    assert (event.action, event.by, event.subject) == (
        "trunks.did.text_off", house.dialer_admin.user, "+13125550100",
    )  # fmt: skip


def test_the_carriers_own_list(account: CarrierAccount) -> None:
    numbers = texting.list_numbers(account, by=None)
    assert [number.number for number in numbers] == [f"+131255501{end:02}" for end in range(100)]
