"""How states climb."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import ladder, references
from messaging.models import State

STATES = [State.ACCEPTED, State.SENT, State.UNDELIVERED, State.FAILED, State.DELIVERED]


@pytest.mark.parametrize(
    ("current", "new", "provisional", "moves"),
    [
        (State.ACCEPTED, State.SENT, False, True),
        (State.SENT, State.ACCEPTED, False, False),
        (State.UNCONFIRMED, State.ACCEPTED, False, True),
        (State.SENT, State.SENT, False, False),
        (State.UNDELIVERED, State.DELIVERED, True, True),
        (State.UNDELIVERED, State.DELIVERED, False, False),
        (State.UNDELIVERED, State.FAILED, True, False),
        (State.DELIVERED, State.FAILED, True, False),
        (State.FAILED, State.SENT, False, False),
    ],
)
def test_climbs(current: State, new: State, provisional: bool, moves: bool) -> None:
    assert ladder.climbs(current, new, is_provisional=provisional) is moves


@pytest.mark.parametrize(
    ("parts", "attempt"),
    [
        ([State.DELIVERED, State.DELIVERED], State.DELIVERED),
        ([State.DELIVERED, State.SENT], State.SENT),
        ([State.DELIVERED, State.UNDELIVERED], State.UNDELIVERED),
        ([State.FAILED, State.ACCEPTED], State.ACCEPTED),
        ([State.FAILED, State.UNDELIVERED], State.FAILED),
    ],
)
def test_an_attempt_is_its_worst_part_once_all_have_spoken(parts: list[State], attempt: State) -> None:
    assert ladder.of_parts(parts) == attempt


@given(st.permutations(STATES), st.booleans())
def test_delivered_is_never_left(order: list[State], provisional: bool) -> None:
    current: State = State.DELIVERED
    for new in order:
        assert not ladder.climbs(current, new, is_provisional=provisional)


def test_a_reference_names_its_attempt() -> None:
    reference = references.make(42)
    assert references.read(reference) == 42


@pytest.mark.parametrize("forged", ["", "42", "42-", "43-{}", "-{}", "٤٢-{}", "42-{}x", "9" * 30 + "-{}"])
def test_nobody_else_can_name_an_attempt(forged: str) -> None:
    signature = references.make(42).partition("-")[2]
    assert references.read(forged.format(signature)) is None
