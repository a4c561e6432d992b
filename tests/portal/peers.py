"""Servers on loopback that do exactly what a script says; for tests of the guarded HTTP client."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import ThreadedResolver
from aiohttp.abc import ResolveResult

from portal import web
from portal.http import HttpCall

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[["Peer", socket.socket], None]


@dataclass
class Peer:
    """A server that does exactly what its script says, a thread a connection, and keeps what it read."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def entry(self) -> str:
        return f"127.0.0.1:{self.port}"

    def read(self, conn: socket.socket) -> bytes:
        """One whole request, or b"" when the other side hung up."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = conn.recv(65536)
            if not chunk:
                return b""
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        while len(body) < sum(lengths):
            body += conn.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return data


@contextmanager
def opened_peer(script: Script) -> Iterator[Peer]:
    listener = socket.create_server(("127.0.0.1", 0))
    peer = Peer(listener.getsockname()[1])

    def serve(conn: socket.socket) -> None:
        with conn:
            try:
                script(peer, conn)
            except OSError:
                return  # the client hung up first, as some tests make it do

    def accept() -> None:
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            peer.connections += 1
            threading.Thread(target=serve, args=(conn,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield peer
    finally:
        peer.stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def serve(settings) -> Iterator[Callable[[Script], Peer]]:
    """Start peers that the operator allowed."""
    peers = []

    def start(script: Script) -> Peer:
        context = opened_peer(script)
        peer = context.__enter__()
        peers.append(context)
        settings.PORTAL_PRIVATE_HOSTS = frozenset({*settings.PORTAL_PRIVATE_HOSTS, peer.entry})
        return peer

    settings.PORTAL_PRIVATE_HOSTS = frozenset()
    yield start
    for context in peers:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def hang_up() -> Iterator[None]:
    yield
    web.close()


def answering(answer: bytes = OK) -> Script:
    def script(peer: Peer, conn: socket.socket) -> None:
        while peer.read(conn):
            conn.sendall(answer)

    return script


def post(url: str, **kwargs: object) -> HttpCall:
    return HttpCall(method="POST", url=url, body=b'{"a":1}', **{"timeout_seconds": 5.0, **kwargs})  # type: ignore[arg-type]


def call_all(calls: list[HttpCall], **words: object) -> list[object]:
    """The outcomes in the order of the calls."""
    told = dict(one for wave in web.call_in_waves(calls, **words) for one in wave)  # type: ignore[arg-type]
    return [told[place] for place in range(len(calls))]


def get(url: str, **kwargs: object) -> HttpCall:
    return HttpCall(method="GET", url=url, **{"timeout_seconds": 5.0, **kwargs})  # type: ignore[arg-type]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def drip(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not peer.stop.wait(0.05):
        conn.sendall(b".")


def close_after_reading(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)


def resolve_as(monkeypatch: pytest.MonkeyPatch, addresses: Callable[[str], list[str]]) -> None:
    """Have the HTTP client find these IPv4 addresses for a name. OSError: the name is unknown."""

    async def resolve(
        self: object, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=6, flags=0)
            for one in addresses(host)
        ]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
