"""The guarded HTTP client, against real sockets on loopback."""

import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from portal import web
from portal.http import HttpAnswer, HttpCall, NotSent, Unanswered

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
def _peer(script: Script) -> Iterator[Peer]:
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
        context = _peer(script)
        peer = context.__enter__()
        peers.append(context)
        settings.PORTAL_PRIVATE_HOSTS = frozenset({*settings.PORTAL_PRIVATE_HOSTS, peer.entry})
        return peer

    settings.PORTAL_PRIVATE_HOSTS = frozenset()
    yield start
    for context in peers:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module", autouse=True)
def _hang_up() -> Iterator[None]:
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
    with pytest.raises(Unanswered, match=f"longer than {bound} bytes"):
        web.call(post(peer.url, max_answer_bytes=bound), hosts=None)


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
    def unknown(*args: object, **kwargs: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
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


def close_after_reading(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)


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


def drip(peer: Peer, conn: socket.socket) -> None:
    peer.read(conn)
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not peer.stop.wait(0.05):
        conn.sendall(b".")


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
    assert [type(outcomes[3]), type(outcomes[7])] == [Unanswered, NotSent]
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


# --- The guard ---


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "224.0.1.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::808:808",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "5f00::1",
        "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
        "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "010.8.8.8", "localhost", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert web.is_public(address) is False


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111"]
)
def test_addresses_that_are_public(address):
    assert web.is_public(address) is True


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/",
        "http://0x7f.1:{port}/", "http://0177.0.0.1:{port}/", "http://127.1:{port}/", "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "http://１２７.0.0.1:{port}/", "http://①②⑦.0.0.1:{port}/",
        "http://0.0.0.0:{port}/", "http://0:{port}/", "http://[::]:{port}/", "http://LOCALHOST.:{port}/",
    ],
)  # fmt: skip
def test_loopback_in_any_spelling_is_refused(url, settings):
    settings.PORTAL_PRIVATE_HOSTS = frozenset()
    with _peer(answering()) as peer:
        with pytest.raises(NotSent):
            web.call(get(url.format(port=peer.port)), hosts=None)
        assert peer.connections == 0


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com", "", "http://",
     "http://a:b@example.com/", "http://a@example.com/", "http://example.com:99999/", "http://[::1", "http://a\\b/"],
)  # fmt: skip
def test_addresses_that_are_not_plain_web_addresses_are_refused(url):
    with pytest.raises(NotSent):
        web.call(get(url), hosts=None)


def test_a_name_is_resolved_once_and_its_address_is_the_one_judged(settings, monkeypatch):
    settings.PORTAL_PRIVATE_HOSTS = frozenset()
    asked = []

    def resolve(host: str, port: int, *args: object, **kwargs: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) == 1 else "8.8.8.8", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with _peer(answering()) as peer:
        with pytest.raises(NotSent, match=r"^127\.0\.0\.1 is not a public address$"):
            web.call(get(f"http://rebind.example:{peer.port}/"), hosts=None)
        assert peer.connections == 0
    assert asked == ["rebind.example"]


def test_exceptions_are_exact_entries(settings):
    with _peer(answering()) as peer:
        for entry in ("127.0.0.1", f"127.0.0.1:{peer.port + 1}", f"localhost:{peer.port}", f"127.0.0.1:{peer.port}0"):
            settings.PORTAL_PRIVATE_HOSTS = {entry}
            with pytest.raises(NotSent):
                web.call(get(peer.url), hosts=None)
        assert peer.connections == 0
        settings.PORTAL_PRIVATE_HOSTS = {f"localhost:{peer.port}"}
        assert web.call(get(f"http://localhost:{peer.port}/"), hosts=None).status == 200


def test_credentials_go_to_the_named_hosts_alone(serve):
    peer = serve(answering())
    hosts = frozenset({"api.carrier.example"})
    assert web.call(post(peer.url), hosts=hosts).status == 200  # the operator allowed this very entry
    for url, sentence in [
        ("https://other.example/", "credentials do not go to https://other.example"),
        (
            "https://api.carrier.example.evil.example/",
            "credentials do not go to https://api.carrier.example.evil.example",
        ),
        ("http://api.carrier.example/", "credentials do not go to http://api.carrier.example"),
        ("https://8.8.8.8/", "credentials do not go to https://8.8.8.8"),
    ]:
        with pytest.raises(NotSent) as refusal:
            web.call(post(url), hosts=hosts)
        assert str(refusal.value) == sentence


# --- Links ---


def by_path(answers: dict[bytes, bytes]) -> Script:
    def script(peer: Peer, conn: socket.socket) -> None:
        while data := peer.read(conn):
            conn.sendall(answers[data.split(b" ")[1]])

    return script


def moved(place: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_link_is_followed_and_credentials_stay_home(serve):
    away = serve(by_path({b"/final?s=%2Fa%2Bb": OK}))
    home = serve(by_path({b"/a": moved("/b"), b"/b": moved(f"{away.url}/final?s=%2Fa%2Bb")}))
    answer = web.fetch(home.url + "/a", headers={"Authorization": "Basic c2VjcmV0"}, timeout=5)
    assert (answer.status, answer.body) == (200, b"ok")
    assert [b"c2VjcmV0" in request for request in home.requests] == [True, True]
    assert [b"c2VjcmV0" in request for request in away.requests] == [False]


def test_every_redirect_is_judged_anew(serve, settings):
    with _peer(answering()) as inner:
        outer = serve(by_path({b"/": moved(f"http://127.0.0.1:{inner.port}/admin")}))
        with pytest.raises(NotSent, match="not a public address"):
            web.fetch(outer.url + "/", timeout=5)
        assert inner.connections == 0


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "http://[::1", "javascript:alert(1)", "http://a:b@example.com/"]
)
def test_a_redirect_to_no_web_address(serve, place):
    peer = serve(answering(moved(place)))
    with pytest.raises((NotSent, Unanswered)):
        web.fetch(peer.url, timeout=5)
    assert len(peer.requests) == 1


def test_redirects_end(serve):
    peer = serve(answering(moved("/again")))
    with pytest.raises(Unanswered, match="too many redirects"):
        web.fetch(peer.url, timeout=5, max_redirects=3)
    assert len(peer.requests) == 4


def test_a_link_that_drips_meets_the_deadline(serve):
    slow = serve(drip)
    peer = serve(answering(moved(slow.url)))
    started = time.monotonic()
    with pytest.raises(Unanswered, match="no answer in time"):
        web.fetch(peer.url, timeout=0.6)
    assert 0.5 < time.monotonic() - started < 1.5


# --- The log ---


def test_the_log_names_host_and_status_and_no_secret(serve):
    peer = serve(answering())
    request = post(peer.url + "/accounts/AC1?token=s3cret", headers={"Authorization": "Bearer s3cret"})
    with capture_logs() as lines:
        web.call(request, hosts=None)
        call_all([request, request, get("http://10.0.0.1/?token=s3cret")], hosts=None, in_flight=2)
    for line in lines:
        assert isinstance(line.pop("milliseconds"), int)
    assert lines == [
        {"event": "http call", "log_level": "info", "method": "POST", "host": "127.0.0.1", "status": 200},
        {"event": "http calls", "log_level": "info", "method": "POST", "host": "127.0.0.1", "status": 200, "calls": 2},
        {
            "event": "http calls",
            "log_level": "info",
            "method": "GET",
            "host": "10.0.0.1",
            "status": "NotSent",
            "calls": 1,
        },
    ]


def test_errors_hold_no_address(serve):
    peer = serve(close_after_reading)
    with pytest.raises(Unanswered) as error:
        web.call(post(peer.url + "/?token=s3cret"), hosts=None)
    assert "s3cret" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_waves_keep_nobody_waiting_for_a_silent_peer(serve: Callable[[Script], Peer]) -> None:
    def silent(peer: Peer, conn: socket.socket) -> None:
        peer.read(conn)
        peer.stop.wait(5)

    quick, slow = serve(answering()), serve(silent)
    calls = [post(quick.url), post(slow.url, timeout_seconds=0.6), post(quick.url)]
    waves = list(web.call_in_waves(calls, hosts=None, in_flight=3, wave_seconds=0.1))
    assert [sorted(place for place, _ in wave) for wave in waves] == [[0, 2], [1]]
    assert isinstance(waves[1][0][1], Unanswered)


def test_no_calls_make_no_waves() -> None:
    assert list(web.call_in_waves([], hosts=None, in_flight=3)) == []
