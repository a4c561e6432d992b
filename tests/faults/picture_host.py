"""Where a carrier keeps pictures, as it should not be: a fault a path, and what the portal truly took of it."""

import random
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Event

from PIL import Image

from tests.portal.peers import Peer, opened_peer

HUGE = 100_000_000
PIECE = b"\xff" * 65_536
Script = Callable[["PictureHost", socket.socket, str], None]


class PictureHost:
    """`asked[path]`: requests. `taken[path]`: bytes that left for the portal. `held`: connections waiting for `go`."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.scripts: dict[str, Script] = {}
        self.held = 0
        self.go = Event()
        self.peer: Peer

    @property
    def url(self) -> str:
        return self.peer.url

    def answer(self, peer: Peer, conn: socket.socket) -> None:
        self.peer = peer
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        request = peer.read(conn)
        if not request:
            return
        path = request.split(b" ")[1].decode()
        self.asked[path] += 1
        self.scripts[path](self, conn, path)

    def send(self, conn: socket.socket, path: str, data: bytes) -> None:
        while data:
            gone = conn.send(data)
            self.taken[path] += gone
            data = data[gone:]


@contextmanager
def picture_host() -> Iterator[PictureHost]:
    host = PictureHost()
    with opened_peer(host.answer) as peer:
        host.peer = peer
        yield host
        host.go.set()


# --- What a path does ---


def _head(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *lines, "", ""]).encode()


def file(content: bytes, kind: str = "image/jpeg") -> Script:
    """As it should be, with a length and a type that may be a lie."""
    head = _head("200 OK", f"Content-Type: {kind}", f"Content-Length: {len(content)}")
    return lambda host, conn, path: host.send(conn, path, head + content)


def status(line: str) -> Script:
    return lambda host, conn, path: host.send(conn, path, _head(line, "Content-Length: 0"))


def moved(place: str) -> Script:
    return lambda host, conn, path: host.send(conn, path, _head("302 Found", f"Location: {place}", "Content-Length: 0"))


def huge(*, said: int) -> Script:
    """A hundred megabytes, of which it says so many."""

    def script(host: PictureHost, conn: socket.socket, path: str) -> None:
        host.send(conn, path, _head("200 OK", "Content-Type: image/jpeg", f"Content-Length: {said}"))
        for _ in range(HUGE // len(PIECE)):
            host.send(conn, path, PIECE)

    return script


def huge_in_chunks(host: PictureHost, conn: socket.socket, path: str) -> None:
    host.send(conn, path, _head("200 OK", "Content-Type: image/jpeg", "Transfer-Encoding: chunked"))
    for _ in range(HUGE // len(PIECE)):
        host.send(conn, path, b"10000\r\n" + PIECE + b"\r\n")


def breaks_off(host: PictureHost, conn: socket.socket, path: str) -> None:
    """It says a megabyte and hangs up after a little."""
    host.send(conn, path, _head("200 OK", "Content-Type: image/jpeg", "Content-Length: 1000000") + PIECE)


def drips(host: PictureHost, conn: socket.socket, path: str) -> None:
    """A byte a second."""
    host.send(conn, path, _head("200 OK", "Content-Type: image/jpeg", "Content-Length: 100000"))
    while not host.peer.stop.wait(1):
        host.send(conn, path, b"\xff")


def drips_its_head(host: PictureHost, conn: socket.socket, path: str) -> None:
    host.send(conn, path, b"HTTP/1.1 200 OK\r\nX: ")
    while not host.peer.stop.wait(1):
        host.send(conn, path, b"x")


def held(content: bytes) -> Script:
    """Silent until `go`, then as it should be."""

    def script(host: PictureHost, conn: socket.socket, path: str) -> None:
        host.held += 1
        host.go.wait(120)
        file(content)(host, conn, path)

    return script


# --- Pictures ---


def noise(side: int, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    """A picture that hardly shrinks."""
    out = BytesIO()
    Image.frombytes(mode, (side, side), _random(side * side * len(mode))).save(out, kind)
    return out.getvalue()


def _random(count: int) -> bytes:
    """The same for the same count."""
    return random.Random(count).randbytes(count)


def animation(side: int) -> bytes:
    """Kept byte for byte by the portal, unlike a still."""
    out = BytesIO()
    first, second = (Image.frombytes("L", (side, side), _random(side * side + turn)[: side * side]) for turn in (0, 1))
    first.save(out, "GIF", save_all=True, append_images=[second])
    return out.getvalue()


def empty_png(side: int) -> bytes:
    """`side` by `side` black pixels, as small as a file can say it."""
    row = b"\0" * (1 + side // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in ((b"IHDR", head), (b"IDAT", data), (b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
