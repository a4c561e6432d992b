"""News for open screens. An event says what changed and who may know; the screen fetches it through its own view.

The row is the event, written in the transaction of the change. The hub (Redis, or this process) only makes it sooner:
every stream process also reads new rows each second.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import redis
import structlog
from django.conf import settings
from django.db import transaction

from portal.clock import database_now
from portal.models import LiveEvent, Membership

# Redis tells its channels to all its numbered databases; two portals on one server keep apart by theirs.
CHANNEL = f"portal:live:{urlsplit(settings.REDIS_URL).path.strip('/') or 0}"
KEPT = timedelta(minutes=5)
log = structlog.get_logger()
_listeners: list[Callable[["News"], None]] = []
_client: redis.Redis | None = None
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class News:
    """`audience`: 'org', 'team:ID' or 'user:ID'. `kind`: thread, inbox, dids, carriers, access … `refs`: ids."""

    id: int
    organization_id: int
    audience: str
    kind: str
    refs: list[Any]


def team(team_id: int | None) -> str:
    """The audience of a team's threads; threads of no team are for those who see every thread."""
    return f"team:{team_id or 0}"


def publish(organization_id: int, audience: str, kind: str, refs: Iterable[Any] = ()) -> None:
    publish_all([(organization_id, audience, kind, list(refs))])


def publish_all(items: Iterable[tuple[int, str, str, list[Any]]]) -> None:
    """Several at once: one INSERT, one ring on commit."""
    rows = LiveEvent.objects.bulk_create(
        LiveEvent(organization_id=organization_id, audience=audience, kind=kind, refs=refs)
        for organization_id, audience, kind, refs in items
    )
    news = [News(row.id, row.organization_id, row.audience, row.kind, row.refs) for row in rows]
    if news:
        transaction.on_commit(lambda: ring(news))


def session_mark(key: str) -> str:
    """Names a session in news without giving its key away."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def access_changed(user_id: int, *, organization_id: int | None = None, sessions: Iterable[str] = ()) -> None:
    """Streams of this person end at once and their pages start anew.

    organization_id: only there; None, in all of the person's organizations. sessions: keys; only these sessions.
    """
    places = Membership.objects.filter(user_id=user_id).values_list("organization_id", flat=True)
    marks = [session_mark(key) for key in sessions]
    wanted = [organization_id] if organization_id is not None else list(places)
    publish_all((place, f"user:{user_id}", "access", marks) for place in wanted)


def trim() -> int:
    """Delete what every open screen has long heard; returns how many rows went."""
    return LiveEvent.objects.filter(at__lt=database_now() - KEPT).delete()[0]


def listen(hear: Callable[[News], None]) -> None:
    """Hear the news of this process (embedded: web and worker are one). Called from any thread."""
    _listeners.append(hear)


def unlisten(hear: Callable[[News], None]) -> None:
    _listeners.remove(hear)


def ring(news: list[News]) -> None:
    """Pass news on at once. Losing a ring costs a second, so no error here may undo what was committed."""
    for one in news:
        for hear in list(_listeners):
            hear(one)
    if settings.REDIS_URL:
        try:
            _publisher().publish(CHANNEL, json.dumps([asdict(one) for one in news]))
        except redis.RedisError as error:
            log.warning("live.ring_failed", error=type(error).__name__)


def _publisher() -> redis.Redis:
    global _client
    with _lock:
        if _client is None:
            _client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
        return _client
