"""How much of a worker one slow stranger may hold."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from messaging.hands import Hands


def test_each_key_has_so_many_hands() -> None:
    hands = Hands(2)
    with hands.on("a") as first, hands.on("a") as second, hands.on("a") as third, hands.on("b") as other:
        assert (first, second, third, other) == (True, True, False, True)
    with hands.on("a") as first, hands.on("a") as second:
        assert (first, second) == (True, True)
    assert hands._busy == {}


def test_hands_are_free_again_after_a_fault_and_counted_over_threads() -> None:
    hands, everybody = Hands(3), Barrier(8)

    def work(_: int) -> bool:
        with hands.on() as is_free:
            everybody.wait(20)
            return is_free

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == [False] * 5 + [True] * 3
    try:
        with hands.on():
            raise ZeroDivisionError
    except ZeroDivisionError:
        assert hands._busy == {}
