"""Screens that listen: the real server on a free port, and a client that reads its lines as a browser does."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from django.conf import settings

from portal.models import Membership, User
from tests.people import sign_in


@dataclass
class Screen:
    """One open stream. `status` and `headers` are the answer's; `next()` the next event."""

    connection: socket.socket
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    raw: str = ""
    ended: bool = False

    def next(self, seconds: float = 5.0) -> tuple[str, list[Any]] | None:
        """(kind, refs); None at the end of the stream. Keep-alives are passed over."""
        while (block := self.block(seconds)) is not None:
            lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if lines["event"] != "alive":
                return lines["event"], json.loads(lines["data"])["refs"]
        return None

    def block(self, seconds: float = 5.0) -> str | None:
        """The next event as it stands on the wire; None at the end of the stream."""
        while "\n\n" not in self.raw and not self.ended:
            self._read_chunk(seconds)
        block, found, self.raw = self.raw.partition("\n\n")
        return block if found else None

    def _read_chunk(self, seconds: float) -> None:
        size = int(self._line(seconds), 16)
        data = b""
        while len(data) < size + 2:
            data += self.connection.recv(size + 2 - len(data))
        self.raw += data[:-2].decode()
        self.ended = size == 0

    def _line(self, seconds: float) -> str:
        self.connection.settimeout(seconds)
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self.connection.recv(1)
            assert byte, "the server hung up in mid-answer"
            line += byte
        return line.decode("latin-1").strip()

    def read_head(self) -> None:
        self.status = int(self._line(5).split()[1])
        while line := self._line(5):
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value

    def close(self) -> None:
        self.connection.close()


def session_key(who: Membership | User) -> str:
    """The key of a fresh session of this person: another browser."""
    return sign_in(who).cookies[settings.SESSION_COOKIE_NAME].value


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


class Door:
    """The portal's ASGI door on a free port of loopback."""

    def __init__(self, port: int = 0) -> None:
        listener = socket.create_server(("127.0.0.1", port))
        self.port: int = listener.getsockname()[1]
        self.screens: list[Screen] = []
        self._server = _Server(uvicorn.Config("portal.asgi:application", log_config=None, timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        assert self._server.listens.wait(10)

    def open(self, path: str, *, key: str = "", host: str = "127.0.0.1", method: str = "GET") -> Screen:
        """A request whose answer is read up to its body."""
        screen = Screen(socket.create_connection(("127.0.0.1", self.port), timeout=5))
        self.screens.append(screen)
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {settings.SESSION_COOKIE_NAME}={key}\r\n\r\n"
        screen.connection.sendall(head.encode())
        screen.read_head()
        return screen

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()


@contextmanager
def opened(port: int = 0) -> Iterator[Door]:
    door = Door(port)
    try:
        yield door
    finally:
        for screen in door.screens:
            screen.close()
        door.stop()
