"""A bare carrier: takes any text and answers after 50 ms. `python -m portal.benches.peer PORT`.

It speaks just enough HTTP for its callers in this folder, so that it is never what is measured. It counts what it took:
`GET /stats` gives {from number: [texts, first, last]} in seconds of its clock, and how many references came twice.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable

ANSWER_SECONDS = 0.05
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
SENDER = re.compile(rb'"from":"([^"]+)"')
REFERENCE = re.compile(rb'"client_reference":"([^"]+)"')


class Book:
    """What was taken."""

    def __init__(self) -> None:
        self.texts: dict[str, list[float]] = {}
        self.references: set[bytes] = set()
        self.twice = 0
        self.count = 0

    def take(self, body: bytes) -> bytes:
        self.count += 1
        sender, reference = SENDER.search(body), REFERENCE.search(body)
        if sender:
            now = time.time()
            row = self.texts.setdefault(sender[1].decode(), [0, now, now])
            row[0] += 1
            row[2] = now
        if reference:
            self.twice += reference[1] in self.references
            self.references.add(reference[1])
        return b'{"data":{"id":"bench-%d","status":"queued","segments":1}}' % self.count

    def stats(self) -> bytes:
        return json.dumps({"texts": self.texts, "twice": self.twice, "count": self.count}).encode()


class Door(asyncio.Protocol):
    """One connection, one request after another."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not end or len(rest) < size:
            return
        self.buffer = rest[size:]
        if head.startswith(b"GET"):
            self.answer(b"200 OK", self.book.stats())
        else:
            body = self.book.take(rest[:size])
            asyncio.get_running_loop().call_later(ANSWER_SECONDS, self.answer, b"202 Accepted", body)

    def answer(self, status: bytes, body: bytes) -> None:
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(head % (status, len(body)) + body)


async def serve(port: int, door: Callable[[], Door]) -> None:
    server = await asyncio.get_running_loop().create_server(door, "127.0.0.1", port, backlog=4_096)
    await server.serve_forever()


if __name__ == "__main__":
    book = Book()
    asyncio.run(serve(int(sys.argv[1]), lambda: Door(book)))
