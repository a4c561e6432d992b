"""How the inbox words what a customer waits for."""

from datetime import timedelta

import pytest
from django.utils import timezone

from messaging.queries import look, wait_look
from messaging.templatetags.threads import told


@pytest.mark.parametrize(
    ("waited", "word", "meaning"),
    [
        (timedelta(seconds=-5), "now", "waiting"),
        (timedelta(seconds=59), "now", "waiting"),
        (timedelta(seconds=61), "1 min", "waiting"),
        (timedelta(minutes=29, seconds=30), "29 min", "waiting"),
        (timedelta(minutes=31), "31 min", "warning"),
        (timedelta(hours=47, minutes=30), "47 h", "warning"),
        (timedelta(hours=49), "2 d", "warning"),
    ],
)
def test_how_long_a_customer_waits(waited: timedelta, word: str, meaning: str) -> None:
    look = wait_look(timezone.now() - waited)
    assert (look.word, look.meaning) == (word, meaning)


def test_a_state_is_told_as_it_looks_and_none_not_at_all() -> None:
    assert told(look("failed")).startswith('<span class="state is-wrong"><svg')
    assert told(look("failed")).endswith("Failed</span>")
    assert told(None) == ""
