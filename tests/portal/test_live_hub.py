"""What was told and what waits, without a server."""

import asyncio

import pytest

from portal.live import News
from portal.live_hub import GAP_SECONDS, GAPS_KEPT, REFS_KEPT, Ledger, Seat, Stream


def stream(*heard: str) -> Stream:
    async def unused(*_: object) -> int:
        raise AssertionError

    async def made() -> Stream:
        task = asyncio.current_task()
        assert task is not None
        return Stream(Seat(1, 1, "here", frozenset(heard or {"org"})), send=unused, look=unused, reader=task)  # type: ignore[arg-type]

    one = asyncio.run(made())
    assert one.take().decode() == 'id: 0\nevent: resync\ndata: {"refs":[]}\n\n'
    return one


def news(kind: str, *refs: object, id: int = 1, audience: str = "org") -> News:
    return News(id, 1, audience, kind, list(refs))


# --- The ledger: each piece once, whatever the order ---


def test_rows_are_told_once_whoever_brings_them_first() -> None:
    ledger = Ledger()
    assert ledger.is_new(1)
    assert not ledger.is_new(1)
    assert ledger.read([1, 2], 0.0) == {2}
    assert not ledger.is_new(2)
    assert ledger.read([], 1.0) == set()


def test_a_lower_id_that_commits_later_is_still_told() -> None:
    ledger = Ledger()
    ledger.high = 10
    assert ledger.read([12, 14], 0.0) == {12, 14}
    assert sorted(ledger.gaps) == [11, 13]
    assert ledger.read([11], 1.0) == {11}
    assert ledger.is_new(13)
    assert ledger.read([13], 2.0) == set()
    assert ledger.gaps == {}


def test_a_gap_that_stays_empty_is_forgotten() -> None:
    ledger = Ledger()
    ledger.read([2], 0.0)
    ledger.read([], GAP_SECONDS)
    assert list(ledger.gaps) == [1]
    ledger.read([], GAP_SECONDS + 1)
    assert ledger.gaps == {}


def test_gaps_are_bounded() -> None:
    ledger = Ledger()
    ledger.read([10 * GAPS_KEPT], 0.0)
    ledger.read([20 * GAPS_KEPT], 0.0)
    assert len(ledger.gaps) == GAPS_KEPT
    assert ledger.high == 20 * GAPS_KEPT


# --- A stream: what waits for one reader ---


def test_what_waits_is_told_by_kind_and_only_once() -> None:
    one = stream()
    for id, what in enumerate([("thread", 1), ("inbox", 1), ("thread", 2), ("thread", 1)], start=5):
        one.hear(news(*what, id=id))
    assert one.take().decode() == (
        'id: 8\nevent: thread\ndata: {"refs":[1,2]}\n\n'  # one line for the kind, its refs once each
        'id: 8\nevent: inbox\ndata: {"refs":[1]}\n\n'
    )
    assert one.take() == b""


def test_a_slow_reader_gets_a_resync_in_place_of_a_growing_list() -> None:
    one = stream()
    for ref in range(10 * REFS_KEPT):
        one.hear(news("thread", ref))
        assert sum(len(refs) for refs in one.waiting.values()) <= REFS_KEPT
    assert one.take().decode().startswith("id: 1\nevent: resync\n")


def test_lost_access_survives_a_resync() -> None:
    one = stream("org", "user:1")
    one.hear(news("access", audience="user:1"))
    one.add("thread", range(REFS_KEPT + 1))
    assert [line for line in one.take().decode().splitlines() if line.startswith("event")] == [
        "event: resync",
        "event: access",
    ]


@pytest.mark.parametrize(("refs", "is_told"), [([], True), (["here"], True), (["elsewhere"], False)])
def test_a_session_that_ends_is_news_for_its_own_browser_alone(refs: list[str], is_told: bool) -> None:
    one = stream("user:1")
    one.hear(news("access", *refs, audience="user:1"))
    assert (one.take() != b"") is is_told
