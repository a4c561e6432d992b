"""How states climb: parts make an attempt, the newest attempt makes the message, and nothing replaces delivered."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.db.models import Q
from django.db.models.functions import Now

from messaging import news
from messaging.models import Attempt, AttemptPart, Message, State
from trunks.carriers.events import Status

RANK = {
    State.SENDING: 0,
    State.UNCONFIRMED: 1,
    State.ACCEPTED: 2,
    State.SENT: 3,
    State.UNDELIVERED: 4,
    State.FAILED: 4,
    State.EXPIRED: 4,
    State.DELIVERED: 5,
}
OF_STATUS = {
    Status.QUEUED: State.ACCEPTED,
    Status.SENDING: State.ACCEPTED,
    Status.SENT: State.SENT,
    Status.DELIVERED: State.DELIVERED,
    Status.UNDELIVERED: State.UNDELIVERED,
    Status.FAILED: State.FAILED,
}
ENDS = frozenset({State.DELIVERED, State.UNDELIVERED, State.FAILED})
SEVERITY = {State.FAILED: 2, State.UNDELIVERED: 1, State.DELIVERED: 0}
# What a message may still become when its newest attempt says so. A queued one waits for a new attempt: an old
# attempt's late receipt never touches it.
MOVABLE = (State.SENDING, State.UNCONFIRMED, State.ACCEPTED, State.SENT, State.UNDELIVERED, State.EXPIRED)


def climbs(current: str, new: str, *, is_provisional: bool) -> bool:
    """Whether a part at `current` moves to `new`. `is_provisional`: the end it stands at was only a guess."""
    if current in ENDS:
        return new == State.DELIVERED and current != State.DELIVERED and is_provisional
    return RANK[State(new)] > RANK[State(current)]


def of_parts(states: Sequence[str]) -> State:
    """An attempt is its worst part once all have spoken; until then, the part that has come least far."""
    if all(state in ENDS for state in states):
        return max((State(state) for state in states), key=SEVERITY.__getitem__)
    return min((State(state) for state in states if state not in ENDS), key=RANK.__getitem__)


def lock_messages(attempt_ids: Collection[int]) -> None:
    """Hold the messages of these attempts, in one order for everybody, until the transaction ends."""
    rows = Message.objects.select_for_update(of=("self",), no_key=True).filter(attempts__among=attempt_ids)
    list(rows.order_by("pk").values_list("pk", flat=True))


def refresh(attempt_ids: Collection[int]) -> None:
    """Bring attempts, their messages and what the inbox shows in line with the parts. The caller holds the messages."""
    news.tell(move(attempt_ids))


def move(attempt_ids: Collection[int]) -> set[int]:
    """`refresh`, but the caller tells the screens: the messages that moved."""
    states: dict[int, list[str]] = defaultdict(list)
    attempts: dict[int, tuple[str, int, int]] = {}
    rows = AttemptPart.objects.filter(attempt__among=attempt_ids).values_list(
        "attempt_id", "state", "attempt__state", "attempt__number", "attempt__message_id"
    )
    for attempt_id, part_state, state, number, message_id in rows:
        states[attempt_id].append(part_state)
        attempts[attempt_id] = state, number, message_id
    moved: dict[State, list[int]] = defaultdict(list)
    for attempt_id, (state, _, _) in attempts.items():
        new = of_parts(states[attempt_id])
        if state != new:
            moved[new].append(attempt_id)
    for new, pks in moved.items():
        Attempt.objects.filter(pk__among=pks).update(state=new)
        _move_messages([attempts[pk][1:] for pk in pks], new)
    return {attempts[pk][2] for pks in moved.values() for pk in pks}


def _move_messages(attempts: Iterable[tuple[int, int]], state: State) -> None:
    """Move those messages whose newest attempt this is. `attempts`: number and message of each."""
    by_number: dict[int, list[int]] = defaultdict(list)
    for number, message_id in attempts:
        by_number[number].append(message_id)
    for number, message_ids in by_number.items():
        movable = Message.objects.filter(Q(state__in=MOVABLE), pk__among=message_ids, attempts_made=number)
        if state == State.DELIVERED:
            movable.update(state=state, token=None, lease_until=None, settled_at=Now(), reason="", why="")
        else:
            ended = {"settled_at": Now()} if state in ENDS else {}
            movable.update(state=state, token=None, lease_until=None, **ended)
