"""How a lane is dispatched by several threads of a process."""

from typing import Any

import pytest

from messaging import claims, dispatch, doorbell
from messaging.models import Lane, Message, State
from tests.messaging.desk import Desk
from trunks.models import CarrierAccount

Ring = tuple[float, list[str]]


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[Ring]:
    """In how many seconds a lane was rung, and how the texts stood at that moment."""
    rung: list[Ring] = []

    def ring(task: str, *, after: float, lane_id: int) -> None:
        rung.append((after, sorted(Message.objects.values_list("state", flat=True))))

    monkeypatch.setattr(doorbell, "ring", ring)
    return rung


@pytest.fixture
def lane_id(desk: Desk) -> int:
    """A lane of five a second with two texts to two people."""
    CarrierAccount.objects.update(texts_a_second=5)
    desk.queue(desk.thread())
    desk.queue(desk.thread())
    key: int = Lane.objects.get().pk
    return key


def test_the_next_slot_does_not_wait_for_the_carriers_answer(lane_id: int, rings: list[Ring]) -> None:
    assert dispatch.dispatch(lane_id) == 1
    after, states = rings[0]
    assert states == [State.QUEUED, State.SENDING]
    assert 0 < after <= 0.2
    assert dispatch._rooms[lane_id].taken == 0


def test_no_more_than_the_lanes_room_is_claimed(
    lane_id: int, settings: Any, monkeypatch: pytest.MonkeyPatch, rings: list[Ring]
) -> None:
    settings.MESSAGING_IN_FLIGHT = 3
    limits: list[int] = []
    claim = claims.claim

    def counted(lane_id: int, *, limit: int) -> claims.Claim:
        limits.append(limit)
        return claim(lane_id, limit=limit)

    monkeypatch.setattr(claims, "claim", counted)
    assert dispatch._take_room(lane_id) == 3
    assert dispatch.dispatch(lane_id) == 0
    assert dispatch._give_back(lane_id, 2)  # it was rung meanwhile
    assert dispatch.dispatch(lane_id) == 1
    dispatch._give_back(lane_id, 1)
    assert limits[0] == 2


def test_a_ring_during_an_empty_claim_is_heard(
    lane_id: int, monkeypatch: pytest.MonkeyPatch, rings: list[Ring]
) -> None:
    """Its text may be newer than what the claim has seen."""
    Message.objects.update(state=State.CANCELED)
    claim, looks = claims.claim, 0

    def rung_meanwhile(lane_id: int, *, limit: int) -> claims.Claim:
        nonlocal looks
        looks += 1
        found = claim(lane_id, limit=limit)
        if looks == 1:
            Message.objects.update(state=State.QUEUED)
            assert dispatch.dispatch(lane_id) == 0  # as another thread would
        return found

    monkeypatch.setattr(claims, "claim", rung_meanwhile)
    assert dispatch.dispatch(lane_id) == 1


def test_room_comes_back_when_a_claim_fails(lane_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(lane_id: int, *, limit: int) -> claims.Claim:
        raise RuntimeError

    monkeypatch.setattr(claims, "claim", fail)
    with pytest.raises(RuntimeError):
        dispatch.dispatch(lane_id)
    assert dispatch._rooms[lane_id].taken == 0
