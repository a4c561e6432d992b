"""The embedded portal's one door: what is led where, and what is not even read."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from portal import asgi
from tests.portal.screens import Door, opened

pytestmark = pytest.mark.django_db(transaction=True)
HOOK = "/hooks/sandbox/00000000-0000-4000-8000-000000000000/"


class Sender:
    """A request whose body comes in so many pieces."""

    def __init__(self, piece: bytes, pieces: int, **headers: str) -> None:
        self.piece, self.left, self.read = piece, pieces, 0
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": HOOK, "raw_path": HOOK.encode(), "query_string": b"", "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 9),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        self.answer: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if self.left == 0:
            await asyncio.get_running_loop().create_future()  # it waits for its answer
        self.left -= 1
        self.read += len(self.piece)
        return {"type": "http.request", "body": self.piece, "more_body": self.left != 0}

    async def send(self, message: Any) -> None:
        self.answer.append(message)

    def run(self) -> tuple[int, bytes]:
        asyncio.run(asgi.application(self.scope, self.receive, self.send))
        return self.answer[0]["status"], b"".join(one.get("body", b"") for one in self.answer[1:])


def test_a_webhook_that_says_it_is_too_long_is_not_read(settings: Any) -> None:
    sender = Sender(b"x", 1_000, content_length=str(settings.WEBHOOK_MAX_BYTES + 1))
    assert sender.run() == (413, b"Too large.\n")
    assert sender.read == 0


def test_a_webhook_without_an_end_is_cut_off_at_the_bound(settings: Any) -> None:
    settings.WEBHOOK_MAX_BYTES = 1_000
    sender = Sender(b"x" * 100, 1_000)
    assert sender.run() == (413, b"Too large.\n")
    assert sender.read == 1_100


def test_a_webhook_of_exactly_the_bound_reaches_its_view(settings: Any) -> None:
    settings.WEBHOOK_MAX_BYTES = 1_000
    assert Sender(b"x" * 100, 10, content_length="1000", host="127.0.0.1").run() == (404, b"No such account.\n")


@pytest.fixture
def door() -> Iterator[Door]:
    with opened() as door:
        yield door


def test_the_server_hangs_up_on_a_webhook_without_an_end(door: Door) -> None:
    """Through a real server: the sender writes until it is cut off, long before it would have filled a disk."""
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", door.port), timeout=20) as conn:
        conn.sendall(f"POST {HOOK} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            conn.sendall(piece * 1_000)


def test_the_server_answers_at_once_when_the_length_is_too_much(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=20) as conn:
        conn.sendall(f"POST {HOOK} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000000\r\n\r\n".encode())
        answer = b""
        while piece := conn.recv(4096):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (head.splitlines()[0].split()[1], body) == (b"413", b"Too large.\n")
    assert b"connection: close" in head.lower().splitlines()
