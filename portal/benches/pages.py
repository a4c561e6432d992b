"""An inbox of any size, and how long its pages take: what `inbox` and `thread` share.

Twenty texts a conversation; one conversation in twenty is long. Requests go through every middleware, as an agent of
two teams and as an owner who sees all.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import NOT_PROVIDED, Model, OuterRef, Subquery
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging.models import Contact, Conversation, Direction, Message, Purpose, State
from portal import garbage
from portal.benches import processes, seed
from portal.benches.result import Result, at_most, percentile
from portal.models import Membership, Role, Team, User
from trunks.models import Did

SIZES = (10_000, 100_000, 1_000_000)
EMBEDDED_SIZES = SIZES[:2]  # more than one machine without a server would ever hold
EACH, MORE, LONG_EVERY = 10, 200, 20
TEAMS, DIDS = 10, 100
CHUNK = 500  # conversations written at once
REQUESTS = 200
MAX_QUERIES, MAX_GROWTH = 12, 1.3
BRACKETS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")  # around queries, and none themselves


@dataclass
class Desk:
    """The call center, its readers and its long threads."""

    house: seed.House
    teams: list[Team]
    dids: list[Did]
    clients: list[Client]
    long_threads: list[int] = field(default_factory=list)
    messages: int = 0
    conversations: int = 0

    def grow_to(self, messages: int) -> None:
        per_conversation = EACH + MORE // LONG_EVERY
        while self.messages < messages:
            count = min(CHUNK, (messages - self.messages) // per_conversation or 1)
            self._add(count)
        seed.analyze()

    def _add(self, count: int) -> None:
        threads = _threads(self, count)
        _write(Message, (text for index, thread in enumerate(threads) for text in _texts(thread, _length(index))))
        _show_newest(threads)
        self.long_threads += [thread.pk for thread in threads[::LONG_EVERY]]
        self.messages += sum(map(_length, range(count)))
        self.conversations += count


def _length(index: int) -> int:
    return EACH + MORE if index % LONG_EVERY == 0 else EACH


def open_desk() -> Desk:
    if not settings.EMBEDDED:  # pages name static files as they were collected
        call_command("collectstatic", verbosity=0, interactive=False)
    house = seed.house("http://127.0.0.1:1")
    seed.lane(house, "Campaign", dids=DIDS)
    names = (Team(organization=house.organization, name=f"Team {number}") for number in range(TEAMS - 1))
    teams = [house.team, *seed.in_bulk(names)]
    dids = list(Did.objects.order_by("pk"))
    for index, did in enumerate(dids):
        did.team = teams[index % TEAMS]
    Did.objects.bulk_update(dids, ["team"])
    agent = Membership.objects.create(
        organization=house.organization, user=User.objects.create_user("agent@bench.example"), role=Role.AGENT
    )
    agent.teams.set(teams[:2])
    return Desk(house, teams, dids, [_client(house.owner), _client(agent)])


def _client(member: Membership) -> Client:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(member.user, backend="portal.accounts.Backend")
    return client


def _threads(desk: Desk, count: int) -> list[Conversation]:
    numbers = [seed.number(646, desk.conversations + index) for index in range(count)]
    organization = desk.house.organization
    contacts = seed.in_bulk(
        Contact(organization=organization, number=number, name=f"Customer {number[-5:]}") for number in numbers
    )
    dids = [desk.dids[(desk.conversations + index) % DIDS] for index in range(count)]
    return seed.in_bulk(
        Conversation(
            organization=organization,
            did=did,
            number=contact.number,
            contact=contact,
            team_id=did.team_id,
            state=Conversation.State.CLOSED if index % 10 == 9 else Conversation.State.OPEN,
        )
        for index, (did, contact) in enumerate(zip(dids, contacts, strict=True))
    )


def _texts(thread: Conversation, count: int) -> Iterator[dict[str, Any]]:
    """Customer and call center in turn, a minute apart, the newest now or earlier."""
    newest = timezone.now() - timedelta(minutes=thread.pk % 40_000)
    for index in range(count):
        at = newest - timedelta(minutes=count - index)
        is_ours = index % 2 == 0
        yield {
            "organization_id": thread.organization_id,
            "conversation_id": thread.pk,
            "number": thread.number,
            "body": seed.BODY,
            "segments": 1,
            "created_at": at,
            "direction": Direction.OUT.value if is_ours else Direction.IN.value,
            "state": State.DELIVERED.value if is_ours else State.RECEIVED.value,
            "purpose": Purpose.REPLY.value if is_ours else "",
            "key": f"{thread.pk}-{index}" if is_ours else None,
            "due_at": at if is_ours else None,
            "valid_until": at + timedelta(hours=2) if is_ours else None,
        }


def _write(model: type[Model], rows: Iterable[dict[str, Any]]) -> None:
    """The quickest way into a table: a million rows must not cost minutes. All rows name the same columns."""
    every = iter(rows)
    first = next(every)
    usual = _defaults(model, first)
    table, columns = model._meta.db_table, ", ".join([*first, *usual])
    values = ([*row.values(), *usual.values()] for row in chain([first], every))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * (len(first) + len(usual)))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values))  # noqa: S608 - our own names


def _defaults(model: type[Model], row: dict[str, Any]) -> dict[str, Any]:
    """What Django would write into the other columns; the database has its own word for some."""
    fields = [field for field in model._meta.concrete_fields if field.attname not in row and not field.primary_key]
    own = [field for field in fields if field.db_default is NOT_PROVIDED and not field.null]
    return {field.attname: field.get_db_prep_save(field.get_default(), connection) for field in own}


def _show_newest(threads: Sequence[Conversation]) -> None:
    """The rows show their newest text; one in twenty waits for an answer, none of them a long one."""
    ids = [thread.pk for thread in threads]
    newest = Message.objects.filter(conversation=OuterRef("pk")).order_by("-id")
    rows = Conversation.objects.filter(pk__among=ids)
    rows.update(
        last_message=Subquery(newest.values("pk")[:1]),
        last_at=Subquery(newest.values("created_at")[:1]),
        last_preview=seed.BODY,
        last_direction=Direction.IN,
        last_state=State.RECEIVED,
        heard=EACH // 2,
        heard_answered=EACH // 2,
    )
    Conversation.objects.filter(pk__in=ids[LONG_EVERY // 2 :: LONG_EVERY]).update(
        waiting_since=timezone.now(), heard_answered=0
    )


# --- Measuring ---


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds of each request, those of the processor among them, and the most queries one of them made."""

    delays: list[float]
    busy: list[float]
    queries: int

    @property
    def p95(self) -> float:
        return percentile(self.delays, 0.95)


Ask = Callable[[Desk, int], tuple[str, dict[str, str]]]  # turn -> path and headers


def measure(asks: dict[str, Ask], target: float, size: int | None) -> Iterator[Result]:
    """The pages of these names at ten thousand messages and at every tenfold; `size` ends it there."""
    usual = EMBEDDED_SIZES if settings.EMBEDDED else SIZES
    sizes = usual if size is None else (*(one for one in SIZES if one < size), size)
    desk = open_desk()
    garbage.settle()  # as the web server does
    small: dict[str, Taken] = {}
    for messages in sizes:
        desk.grow_to(messages)
        shell = _take(desk, lambda desk, turn: ("/healthz", {}))
        for name, ask in asks.items():
            taken = _take(desk, ask)
            yield _result(name, target, desk, taken, small.setdefault(name, taken), shell)


def _result(name: str, target: float, desk: Desk, taken: Taken, small: Taken, shell: Taken) -> Result:
    growth = taken.p95 / small.p95
    return at_most(
        target,
        name=name,
        value=taken.p95,
        unit="ms",
        ceiling=shell.p95,
        detail={
            "database": processes.database_name(),
            "messages": desk.messages,
            "conversations": desk.conversations,
            "p50_ms": percentile(taken.delays, 0.5),
            "cpu_p50_ms": percentile(taken.busy, 0.5),
            "queries": taken.queries,
            "growth": growth,
            "growth_met": growth <= MAX_GROWTH,
            "queries_met": taken.queries <= MAX_QUERIES,
            "ceiling_is": "a page without content through every middleware",
        },
    )


def _take(desk: Desk, ask: Ask) -> Taken:
    for turn in range(20):
        _get(desk, turn, *ask(desk, turn))
    counts = []
    for turn in range(4):
        path, headers = ask(desk, turn)
        with CaptureQueriesContext(connection) as queries:
            _get(desk, turn, path, headers)
        counts.append(sum(not query["sql"].startswith(BRACKETS) for query in queries.captured_queries))
    delays, busy = zip(*(_get(desk, turn, *ask(desk, turn)) for turn in range(REQUESTS)), strict=True)
    return Taken(list(delays), list(busy), max(counts))


def _get(desk: Desk, turn: int, path: str, headers: dict[str, str]) -> tuple[float, float]:
    """Milliseconds until the answer was there, and those of this process's processor time."""
    client = desk.clients[turn % len(desk.clients)]
    started, busy = time.perf_counter(), time.thread_time()
    answer = client.get(path, headers=headers)
    seconds, busy = time.perf_counter() - started, time.thread_time() - busy
    if answer.status_code != 200:
        raise processes.Failed(f"{path} was answered {answer.status_code}.")
    return seconds * 1_000, busy * 1_000
