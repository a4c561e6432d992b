"""The guarded HTTP client, against real sockets on loopback: what came, what was never sent, what is unclear."""

import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Callable

import pytest

from portal import web
from portal.http import Barred, HttpAnswer, NotSent, TooLong, Unanswered
from tests.portal.peers import (
    OK,
    Peer,
    answering,
    call_all,
    close_after_reading,
    drip,
    free_port,
    get,
    post,
    resolve_as,
)

pytestmark = pytest.mark.usefixtures("hang_up")


# --- An answer ---


def test_an_answer_comes_back_whole(serve):
    peer = serve(answering(b"HTTP/1.1 422 No\r\nX-Request-Id: r1\r\nContent-Length: 3\r\n\r\nbad"))
    answer = web.call(post(peer.url + "/v2/messages?x=%2F1", headers={"Authorization": "Bearer k"}), hosts=None)
    assert answer == HttpAnswer(status=422, headers={"x-request-id": "r1", "content-length": "3"}, body=b"bad")
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v2/messages?x=%2F1 HTTP/1.1"
    assert b"Authorization: Bearer k" in lines
    assert b"Accept-Encoding: identity" in lines
    assert body == b'{"a":1}'


def test_connections_are_kept(serve):
    peer = serve(answering())
    for _ in range(3):
        web.call(post(peer.url), hosts=None)
    assert (peer.connections, len(peer.requests)) == (1, 3)


def test_redirects_are_answers_and_cookies_are_forgotten(serve):
    peer = serve(answering(b"HTTP/1.1 302 F\r\nLocation: /x\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"))
    assert [web.call(get(peer.url), hosts=None).status for _ in range(2)] == [302, 302]
    assert len(peer.requests) == 2
    assert b"cookie" not in peer.requests[1].lower()


def test_an_answer_compressed_unasked_is_read(serve):
    packed = gzip.compress(b'{"id":"m1"}')
    peer = serve(
        answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(packed), packed))
    )
    assert web.call(post(peer.url), hosts=None).body == b'{"id":"m1"}'


@pytest.mark.parametrize("compressed", [False, True])
def test_an_answer_beyond_the_bound_is_no_answer(serve, compressed):
    body = gzip.compress(b"x" * 10_000_000) if compressed else b"x" * 1001
    encoding = b"Content-Encoding: gzip\r\n" if compressed else b""
    peer = serve(answering(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (encoding, len(body), body)))
    bound = 20_000 if compressed else 1000
    with pytest.raises(TooLong, match=f"longer than {bound} bytes"):
        web.call(post(peer.url, max_answer_bytes=bound), hosts=None)


def test_an_answer_that_says_it_is_too_long_is_not_read(serve):
    """A hundred megabytes that never come: the head is enough."""
    peer = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"))
    with pytest.raises(TooLong, match="longer than 1000 bytes"):
        web.call(post(peer.url, max_answer_bytes=1000), hosts=None)


def test_an_answer_of_exactly_the_bound_is_read(serve):
    peer = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000))
    assert web.call(post(peer.url, max_answer_bytes=1000), hosts=None).body == b"x" * 1000


# --- Not sent: nothing has left us ---


def test_nobody_listens(settings):
    port = free_port()
    settings.PORTAL_PRIVATE_HOSTS = {f"127.0.0.1:{port}"}
    with pytest.raises(NotSent):
        web.call(post(f"http://127.0.0.1:{port}"), hosts=None)


def test_an_unknown_name(settings, monkeypatch):
    def unknown(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolve_as(monkeypatch, unknown)
    with pytest.raises(NotSent):
        web.call(post("http://nobody.example"), hosts=None)


def test_a_connection_that_never_comes_about(settings):
    """A listener whose queue is full: the handshake stays open until our deadline."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        settings.PORTAL_PRIVATE_HOSTS = {f"127.0.0.1:{port}"}
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            started = time.monotonic()
            with pytest.raises(NotSent, match="no answer in time"):
                web.call(post(f"http://127.0.0.1:{port}", timeout_seconds=0.4), hosts=None)
            assert time.monotonic() - started < 2
        finally:
            for filler in fillers:
                filler.close()


def test_tls_that_fails_before_the_request(serve):
    peer = serve(lambda peer, conn: conn.sendall(b"I do not speak TLS\r\n"))
    with pytest.raises(NotSent):
        web.call(post(f"https://127.0.0.1:{peer.port}"), hosts=None)
    assert peer.requests == []


def test_too_late_to_write(serve):
    peer = serve(answering())
    assert web.call(post(peer.url), hosts=None).status == 200
    late, later = call_all([post(peer.url)] * 2, hosts=None, in_flight=1, write_by=time.monotonic() - 0.001)
    assert (str(late), str(later)) == ("too late: the time to write this request had passed",) * 2
    assert isinstance(late, NotSent)
    assert isinstance(later, NotSent)
    assert call_all([post(peer.url)], hosts=None, in_flight=1, write_by=time.monotonic() + 5) == [
        HttpAnswer(status=200, headers={"content-length": "2"}, body=b"ok")
    ]
    assert (len(peer.requests), peer.connections) == (2, 1)


def test_a_header_that_would_split_the_request(serve):
    peer = serve(answering())
    with pytest.raises(NotSent):
        web.call(post(peer.url, headers={"X-Name": "a\r\nX-Evil: b"}), hosts=None)
    assert peer.requests == []


# --- Unanswered: it may have arrived ---


def close_before_reading(peer: Peer, conn: socket.socket) -> None:
    conn.shutdown(socket.SHUT_RDWR)


def reset_after_reading(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def never_answer(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    peer.stop.wait(10)


def talk_garbage(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    conn.sendall(b"220 mail.example ESMTP\r\n\r\n")


def half_an_answer(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def half_a_chunked_answer(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")


def half_a_head(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-")


def broken_gzip(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")


@pytest.mark.parametrize(
    "script",
    [
        close_before_reading,
        close_after_reading,
        reset_after_reading,
        never_answer,
        talk_garbage,
        half_an_answer,
        half_a_chunked_answer,
        half_a_head,
        drip,
        broken_gzip,
    ],
)
def test_a_connection_without_a_whole_answer(serve, script):
    peer = serve(script)
    started = time.monotonic()
    with pytest.raises(Unanswered):
        web.call(post(peer.url, timeout_seconds=0.5), hosts=None)
    assert time.monotonic() - started < 2
    assert peer.connections == 1
    assert len(peer.requests) <= 1


def test_a_post_on_a_kept_connection_that_dies_is_never_sent_again(serve):
    def one_answer_then_silence(peer: Peer, conn: socket.socket) -> None:
        peer.read(conn)
        conn.sendall(OK)
        peer.read(conn)  # the second request arrives whole, and the connection closes without a word

    peer = serve(one_answer_then_silence)
    assert web.call(post(peer.url), hosts=None).status == 200
    with pytest.raises(Unanswered):
        web.call(post(peer.url), hosts=None)
    assert (peer.connections, len(peer.requests)) == (1, 2)


def test_a_kept_connection_known_to_be_closed_is_replaced(serve):
    closed = threading.Event()

    def one_answer(peer: Peer, conn: socket.socket) -> None:
        peer.read(conn)
        conn.sendall(OK)
        conn.shutdown(socket.SHUT_RDWR)
        closed.set()

    peer = serve(one_answer)
    assert web.call(post(peer.url), hosts=None).status == 200
    assert closed.wait(5)
    _wait_until(lambda: not _kept_connections(peer.port))
    assert web.call(post(peer.url), hosts=None).status == 200
    assert (peer.connections, len(peer.requests)) == (2, 2)


def _kept_connections(port: int) -> list[object]:
    """The kept connections to a port that the client still holds open, seen from its own loop."""

    async def look() -> list[object]:
        kept = web._get_engine().session.connector._conns  # type: ignore[union-attr]
        return [proto for key, conns in kept.items() for proto, _ in conns if key.port == port and proto.is_connected()]

    return web._get_engine().submit(look()).result()


def _wait_until(met: Callable[[], bool]) -> None:
    ends = time.monotonic() + 5
    while not met():
        assert time.monotonic() < ends, "it did not come about in time"


# --- Many at once ---


def test_outcomes_keep_their_order(serve):
    def echo(peer: Peer, conn: socket.socket) -> None:
        while data := peer.read(conn):
            number = int(data.split(b" ")[1].strip(b"/"))
            if number == 3:
                return
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%d" % (len(str(number)), number))

    peer = serve(echo)
    requests = [post(f"{peer.url}/{number}") for number in range(20)]
    requests[7] = post("http://10.0.0.1/7")
    outcomes = call_all(requests, hosts=None, in_flight=5)
    assert [type(outcomes[3]), type(outcomes[7])] == [Unanswered, Barred]
    rest = [number for number in range(20) if number not in (3, 7)]
    assert [outcomes[number].body for number in rest] == [str(number).encode() for number in rest]
    assert len(peer.requests) == 19


def test_no_more_than_asked_are_in_flight(serve):
    present, seen, lock = 0, [], threading.Lock()
    full = threading.Barrier(4, timeout=5)

    def count(peer: Peer, conn: socket.socket) -> None:
        nonlocal present
        while peer.read(conn):
            with lock:
                present += 1
                seen.append(present)
            full.wait()  # answers only when four are here
            with lock:
                present -= 1
            full.wait()
            conn.sendall(OK)

    peer = serve(count)
    outcomes = call_all([post(peer.url)] * 12, hosts=None, in_flight=4)
    assert [outcome.status for outcome in outcomes] == [200] * 12
    assert max(seen) == 4
    assert peer.connections == 4


def test_no_calls_no_outcomes():
    assert call_all([], hosts=None, in_flight=10) == []


def test_threads_share_one_loop(serve):
    peer = serve(answering())
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(web.call(post(peer.url), hosts=None).status)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert [thread.name for thread in threading.enumerate()].count("web") == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_its_own_connections(serve):
    peer = serve(answering())
    assert web.call(post(peer.url), hosts=None).status == 200
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if web.call(post(peer.url), hosts=None).status == 200 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert web.call(post(peer.url), hosts=None).status == 200
    assert (peer.connections, len(peer.requests)) == (2, 3)


# --- Steps ---


def test_steps_are_driven_to_their_result(serve):
    peer = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7"))

    def steps():
        first = yield post(peer.url + "/1")
        try:
            yield post("http://10.0.0.1/")
        except NotSent as error:
            refusal = str(error)
        last = yield post(peer.url + "/2")
        return json.loads(first.body), json.loads(last.body), refusal

    assert web.run(steps(), hosts=None) == (7, 7, "10.0.0.1 is not a public address")
    assert [request.split(b" ")[1] for request in peer.requests] == [b"/1", b"/2"]
