"""The one door to other people's servers.

Every HTTP request to an address that a user, a carrier or a web page gave goes through here. The host is resolved once
and the connection goes to that very address, which must be a public one, except for the exact host:port entries of
`settings.PORTAL_PRIVATE_HOSTS`.

One event loop per process, in a thread of its own, owns one session with kept connections. It starts on first use, so
after any fork; views and tasks call it synchronously.

`NotSent` and `Unanswered` (portal/http.py) decide whether a text may be sent again, so the line between them is sharp:
until a connection is in hand, nothing of the request has left us. From then on it may have.
"""

import asyncio
import atexit
import ipaddress
import os
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import structlog
from aiohttp.abc import AbstractCookieJar
from django.conf import settings
from yarl import URL

from portal.http import Barred, HttpAnswer, HttpCall, NotSent, Steps, TooLong, Unanswered
from portal.loops import new_event_loop

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["call", "call_in_waves", "fetch", "is_public", "run"]

T = TypeVar("T")
Outcome = HttpAnswer | NotSent | Unanswered
Wave = list[tuple[int, Outcome]]  # the place of a call among its batch, and what came of it
Road = tuple[URL, bool]  # a judged address, and whether the operator allowed it although private
Kind = tuple[str, str, int | str]  # method, address or host, status
log = structlog.get_logger(__name__)

# Below the 5 s after which the hastiest servers hang up (Node's default): no request shall meet a closing connection.
KEEP_ALIVE_SECONDS = 4.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "2001::/23",  # protocol assignments, Teredo among them, RFC 2928, RFC 4380
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4: an IPv4 address in disguise, RFC 3056
        "3fff::/20",  # documentation, RFC 9637
    )
)
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # mapped IPv4, NAT64 and local IPv6 all lie outside


# --- The guard ---


def is_public(address: str) -> bool:
    """Whether `address`, an IP address in plain spelling, belongs to the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    if ip.version == 6 and ip not in GLOBAL_UNICAST:
        return False
    return not any(ip in network for network in REFUSED_NETWORKS)


class _RefusedAddress(OSError):
    """The name leads to an address we do not talk to."""


class _Trip:
    """What one call needs to know on its way, and how far it came.

    private: it may go to a private address. write_by: until when. barred: a private address was refused, and no other
    tried. connected: it has a connection.
    """

    __slots__ = ("barred", "connected", "private", "seconds", "write_by")

    def __init__(self, *, seconds: float, write_by: float | None = None) -> None:
        self.private = False
        self.seconds = seconds
        self.write_by = write_by
        self.barred: bool | None = None
        self.connected = False


_trip: ContextVar[_Trip] = ContextVar("trip")


def _guarded_socket(addr_info: Any) -> socket.socket:
    """Open the socket for one resolved address; every connection of the session is made here and nowhere else."""
    family, kind, proto, _, sockaddr = addr_info
    trip = _trip.get()
    if not (is_public(sockaddr[0]) or trip.private):
        trip.barred = trip.barred is not False
        raise _RefusedAddress(f"{sockaddr[0]} is not a public address")
    trip.barred = False
    return socket.socket(family, kind, proto)


class _Connector(aiohttp.TCPConnector):
    """Notes the moment a call gets its connection: what fails later may have reached the other side."""

    async def connect(self, req: "ClientRequest", traces: "list[Trace]", timeout: "ClientTimeout") -> "Connection":
        connection = await super().connect(req, traces, timeout)
        trip = _trip.get()
        if trip.write_by is not None and time.monotonic() > trip.write_by:
            connection.release()
            raise NotSent("too late: the time to write this request had passed")
        trip.connected = True
        return connection


def _judge(url: str, hosts: Collection[str] | None, home: str | None) -> tuple[URL, bool]:
    """The parsed address and whether the operator allowed it although private. Barred when it may not be called."""
    try:
        target = _parse(url)
        host, entry = target.host, _entry(target)
    except ValueError:
        raise Barred("this is not a web address") from None
    if target.scheme not in ("http", "https") or not host:
        raise Barred("only http and https addresses are called")
    if target.user is not None or target.password is not None:
        raise Barred("an address that holds a user name is not called")
    private = entry in settings.PORTAL_PRIVATE_HOSTS and (home is None or entry == _entry(_parse(home)))
    if hosts is not None and not private and (host not in hosts or target.scheme != "https"):
        raise Barred(f"credentials do not go to {target.scheme}://{host}")
    return target, private


def _parse(url: str) -> URL:
    """The address as written: quoting it anew would break the signature that many media links carry."""
    return URL(url, encoded=url.isascii() and url.isprintable() and " " not in url)


def _entry(url: URL) -> str:
    """Host and port as PORTAL_PRIVATE_HOSTS writes them."""
    return f"[{url.host}]:{url.port}" if ":" in (url.host or "") else f"{url.host}:{url.port}"


# --- The engine: one loop and one session a process ---


class _Engine:
    def __init__(self) -> None:
        self.loop = new_event_loop()
        self.session: aiohttp.ClientSession
        self.thread = threading.Thread(target=self.loop.run_forever, name="web", daemon=True)
        self.thread.start()
        self.submit(self._open()).result()

    async def _open(self) -> None:
        self.session = aiohttp.ClientSession(
            connector=_Connector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, socket_factory=_guarded_socket),
            cookie_jar=_no_cookies(),
            headers={"User-Agent": "texting-portal", "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
        )

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def close(self) -> None:
        self.submit(self.session.close()).result(timeout=5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=5)
        self.loop.close()


def _no_cookies() -> AbstractCookieJar:
    return aiohttp.DummyCookieJar()


_engine: _Engine | None = None
_starting = threading.Lock()
_left_behind: list[_Engine | None] = []


def _get_engine() -> _Engine:
    global _engine
    with _starting:
        if _engine is None:
            _engine = _Engine()
        return _engine


def _after_fork() -> None:
    """A child starts its own loop. It keeps the parent's unused: closing it would close the parent's connections."""
    global _engine, _starting
    _left_behind.append(_engine)
    _engine, _starting = None, threading.Lock()


def close() -> None:
    """Close the kept connections and stop the loop; the next call starts a new one."""
    global _engine
    with _starting:
        engine, _engine = _engine, None
    if engine is not None:
        engine.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close)


def _wait(work: Coroutine[Any, Any, T]) -> T:
    future = _get_engine().submit(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()  # a caller that is interrupted leaves nothing running
        raise


# --- Calls ---


def call(request: HttpCall, *, hosts: Collection[str] | None) -> HttpAnswer:
    """Make one call and wait for its whole answer, whatever its status; redirects are answers too.

    hosts: the lower-case names that may see this call's credentials, over https only; None when it carries none.
    Raises NotSent or Unanswered.
    """
    started = time.monotonic()
    outcome = _wait(_once(_get_engine().session, request, hosts))
    _log(request, outcome, started)
    if isinstance(outcome, HttpAnswer):
        return outcome
    raise outcome


def call_in_waves(
    requests: Sequence[HttpCall],
    *,
    hosts: Collection[str] | None,
    in_flight: int,
    write_by: float | None = None,
    timeout_seconds: float | None = None,
    wave_seconds: float = 0.25,
) -> Iterator[Wave]:
    """Make many calls, `in_flight` at once, and yield (place, outcome) pairs in waves as they come; none is raised.

    One call without an answer keeps nobody waiting: what has come within `wave_seconds` of a wave's first is told.
    write_by: a time of `time.monotonic()`; calls whose turn to be written comes later are NotSent.
    timeout_seconds: one deadline for each of them, in place of their own.
    """
    engine = _get_engine()
    told: SimpleQueue[Wave | None] = SimpleQueue()
    work = _all(engine.session, requests, hosts, in_flight, write_by, timeout_seconds, _Teller(told.put, wave_seconds))
    future = engine.submit(work)
    future.add_done_callback(lambda ended: told.put(None))  # also when it failed: nobody waits on
    while wave := told.get():
        yield wave
    future.result()


class _Teller:
    """Gathers outcomes on the loop and hands them over together: a thread that wakes for each would cost more."""

    def __init__(self, tell: "Callable[[Wave], None]", seconds: float) -> None:
        self._tell = tell
        self._seconds = seconds
        self._wave: Wave = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, place: int, outcome: Outcome) -> None:
        self._wave.append((place, outcome))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self.flush)

    def flush(self) -> None:
        wave, self._wave = self._wave, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wave:
            self._tell(wave)


def run(steps: Steps[T], *, hosts: Collection[str] | None, timeout_seconds: float | None = None) -> T:
    """Make the calls that `steps` yields, one after another, and return its result.

    timeout_seconds: the deadline of each call, when not its own.
    """
    try:
        request = next(steps)
        while True:
            try:
                timed = replace(request, timeout_seconds=timeout_seconds or request.timeout_seconds)
                answer = call(timed, hosts=hosts)
            except (NotSent, Unanswered) as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result


async def _all(
    session: aiohttp.ClientSession,
    requests: Sequence[HttpCall],
    hosts: Collection[str] | None,
    in_flight: int,
    write_by: float | None,
    timeout_seconds: float | None,
    teller: _Teller,
) -> None:
    kinds: Counter[Kind] = Counter()
    queue = iter(enumerate(requests))
    started = time.monotonic()
    roads: dict[str, Road] = {}

    async def work() -> None:
        for place, request in queue:
            trip = _Trip(write_by=write_by, seconds=timeout_seconds or request.timeout_seconds)
            outcome = await _outcome(session, request, hosts, trip, roads)
            teller.add(place, outcome)
            kinds[request.method, request.url, _status(outcome)] += 1

    await asyncio.gather(*(work() for _ in range(min(in_flight, len(requests)))))
    teller.flush()
    _log_all(kinds, started)


async def _once(
    session: aiohttp.ClientSession, request: HttpCall, hosts: Collection[str] | None, home: str | None = None
) -> Outcome:
    return await _outcome(session, request, hosts, _Trip(seconds=request.timeout_seconds), {}, home)


async def _outcome(
    session: aiohttp.ClientSession,
    request: HttpCall,
    hosts: Collection[str] | None,
    trip: _Trip,
    roads: "dict[str, Road]",
    home: str | None = None,
) -> Outcome:
    """roads: the addresses of this batch that have been judged already."""
    try:
        road = roads.get(request.url)
        if road is None:
            road = roads[request.url] = _judge(request.url, hosts, home)
        if not all(map(str.isprintable, request.headers.values())):
            raise NotSent("a header holds a line break or another control character")
        target, trip.private = road
        return await _carry(session, request, target, trip)
    except (NotSent, Unanswered) as error:
        return error


async def _carry(session: aiohttp.ClientSession, request: HttpCall, target: URL, trip: _Trip) -> HttpAnswer:
    _trip.set(trip)
    try:
        async with session.request(
            request.method,
            target,
            data=request.body or None,
            headers=request.headers,
            allow_redirects=False,
            timeout=_timeout(trip.seconds),
        ) as response:
            body = await _read(response, request.max_answer_bytes)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(status=response.status, headers=headers, body=body)
    except (aiohttp.ClientError, OSError, ValueError, EOFError, zlib.error) as error:
        is_barred = trip.barred or isinstance(error, aiohttp.InvalidURL)
        kind = Unanswered if trip.connected else Barred if is_barred else NotSent
        # From None: the messages of some of these errors hold the whole address.
        raise kind(_why(error)) from None


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body, of `limit` bytes at most, also when the server compressed it unasked."""
    if (response.content_length or 0) > limit:
        raise TooLong(f"the answer is longer than {limit} bytes")
    content = response.content
    body = await content.readany()
    while not content.at_eof():
        if len(body) > limit:
            break
        body += await content.readany()
    if response.headers.get("Content-Encoding", "identity").lower() in ("gzip", "x-gzip", "deflate"):
        body = _inflate(body, limit)
    if len(body) > limit:
        raise TooLong(f"the answer is longer than {limit} bytes")
    return body


def _inflate(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    plain = inflater.decompress(body, limit + 1)
    if not inflater.eof and len(plain) <= limit:
        raise Unanswered("the answer breaks off")
    return plain


@lru_cache(maxsize=64)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    # aiohttp rounds deadlines above ceil_threshold up to whole seconds; ours are exact.
    return aiohttp.ClientTimeout(total=seconds, ceil_threshold=float("inf"))


def _why(error: BaseException) -> str:
    """What went wrong, in words that hold neither path nor query of the address."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error) or type(error.os_error).__name__
    return next((words for kinds, words in _WORDS if isinstance(error, kinds)), type(error).__name__)


_WORDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    ((aiohttp.ServerDisconnectedError, ConnectionError), "the connection was closed"),
    ((aiohttp.ClientPayloadError, EOFError, zlib.error), "the answer broke off"),
    (aiohttp.ClientResponseError, "the answer cannot be read"),
)


# --- Links that others gave us ---


def fetch(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = 5_000_000,
    timeout: float = 20.0,
    max_redirects: int = 5,
    home: str | None = None,
) -> HttpAnswer:
    """GET a link nobody vouches for and follow its redirects, each of them judged anew.

    `headers` may hold credentials: they go to the origin of `url` alone. `timeout` is in seconds, for everything
    together. `home`: the address of who gave the link; of the operator's private hosts it may lead to this one alone.
    Raises NotSent (Barred when no later try can succeed) or Unanswered (TooLong).
    """
    request = HttpCall(
        method="GET", url=url, headers=headers or {}, max_answer_bytes=max_bytes, timeout_seconds=timeout
    )
    started = time.monotonic()
    outcome = _wait(_follow(_get_engine().session, request, max_redirects, home))
    _log(request, outcome, started)
    if isinstance(outcome, HttpAnswer):
        return outcome
    raise outcome


async def _follow(session: aiohttp.ClientSession, request: HttpCall, hops: int, home: str | None) -> Outcome:
    ends = time.monotonic() + request.timeout_seconds
    outcome = await _once(session, request, None, home)
    while (place := _redirect(outcome)) is not None:
        if hops == 0:
            return Barred("too many redirects")
        hops -= 1
        try:
            request = _next_hop(request, place, ends - time.monotonic())
        except ValueError:
            return Barred("the redirect leads to no web address")
        outcome = await _once(session, request, None, home)
    return outcome


def _redirect(outcome: Outcome) -> str | None:
    if isinstance(outcome, HttpAnswer) and outcome.status in REDIRECTS:
        return outcome.headers.get("location")
    return None


def _next_hop(request: HttpCall, place: str, seconds_left: float) -> HttpCall:
    here = _parse(request.url)
    there = here.join(_parse(place))
    same_origin = (there.scheme, there.host, there.port) == (here.scheme, here.host, here.port)
    return replace(
        request,
        url=str(there),
        headers=request.headers if same_origin else {},
        timeout_seconds=max(seconds_left, 0.001),
    )


# --- The log: method, host, status, milliseconds, and nothing else ---


def _log(request: HttpCall, outcome: Outcome, started: float) -> None:
    log.info(
        "http call",
        method=request.method,
        host=_host(request.url),
        status=_status(outcome),
        milliseconds=round((time.monotonic() - started) * 1000),
    )


def _log_all(kinds: "Counter[Kind]", started: float) -> None:
    """One line for each kind of outcome: a line a call would cost more than the call."""
    milliseconds = round((time.monotonic() - started) * 1000)
    by_host: Counter[Kind] = Counter()
    for (method, url, status), calls in kinds.items():
        by_host[method, _host(url), status] += calls
    for (method, host, status), calls in by_host.items():
        log.info("http calls", method=method, host=host, status=status, calls=calls, milliseconds=milliseconds)


def _status(outcome: Outcome) -> int | str:
    return outcome.status if isinstance(outcome, HttpAnswer) else type(outcome).__name__


def _host(url: str) -> str:
    try:
        return URL(url).host or ""
    except ValueError:
        return ""
