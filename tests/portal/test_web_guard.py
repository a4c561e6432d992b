"""The guarded HTTP client: which addresses it calls, which links it follows, what it logs."""

import socket
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from portal import web
from portal.http import Barred, NotSent, Unanswered
from tests.portal.peers import (
    OK,
    Peer,
    Script,
    answering,
    call_all,
    close_after_reading,
    drip,
    get,
    opened_peer,
    post,
    resolve_as,
)

pytestmark = pytest.mark.usefixtures("hang_up")


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
    with opened_peer(answering()) as peer:
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


def test_a_name_that_leads_nowhere_public_is_barred_for_good(settings, monkeypatch):
    """Unlike one that has a public address too: that one may answer tomorrow."""
    settings.PORTAL_PRIVATE_HOSTS = frozenset()
    places = ["127.0.0.1", "10.0.0.1"]
    make = socket.socket

    class Unreachable(socket.socket):
        def __init__(self, *args: int, **more: int) -> None:
            if len(args) == 3:  # as the guard opens one
                raise ConnectionRefusedError
            make.__init__(self, *args, **more)

    resolve_as(monkeypatch, lambda host: places)
    with pytest.raises(Barred):
        web.call(get("http://inside.example/"), hosts=None)
    monkeypatch.setattr(web.socket, "socket", Unreachable)
    for extra in ("8.8.8.8", "10.0.0.2"):
        places.append(extra)
        with pytest.raises(NotSent) as refusal:
            web.call(get("http://both.example/"), hosts=None)
        assert type(refusal.value) is NotSent


def test_a_name_is_resolved_once_and_its_address_is_the_one_judged(settings, monkeypatch):
    settings.PORTAL_PRIVATE_HOSTS = frozenset()
    asked = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1" if len(asked) == 1 else "8.8.8.8"]

    resolve_as(monkeypatch, resolve)
    with opened_peer(answering()) as peer:
        with pytest.raises(NotSent, match=r"^127\.0\.0\.1 is not a public address$"):
            web.call(get(f"http://rebind.example:{peer.port}/"), hosts=None)
        assert peer.connections == 0
    assert asked == ["rebind.example"]


def test_exceptions_are_exact_entries(settings):
    with opened_peer(answering()) as peer:
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


def test_a_carriers_link_leads_to_the_carriers_own_private_host_alone(serve):
    """Of those the operator allowed: the sandbox's pictures must not become a way to the other entries."""
    carrier, other = serve(by_path({b"/p": OK, b"/r": OK})), serve(answering())
    carrier_too = serve(by_path({b"/away": moved(other.url)}))
    assert web.fetch(f"{carrier.url}/p", home=f"{carrier.url}/v1", timeout=5).body == b"ok"
    for link, home in [
        (other.url, carrier.url),
        (f"{carrier_too.url}/away", carrier_too.url),
        (other.url, "https://api.carrier.example"),
        (other.url, ""),
    ]:
        with pytest.raises(Barred):
            web.fetch(link, home=home, timeout=5)
    assert other.connections == 0


def test_every_redirect_is_judged_anew(serve, settings):
    with opened_peer(answering()) as inner:
        outer = serve(by_path({b"/": moved(f"http://127.0.0.1:{inner.port}/admin")}))
        with pytest.raises(NotSent, match="not a public address"):
            web.fetch(outer.url + "/", timeout=5)
        assert inner.connections == 0


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "http://[::1", "javascript:alert(1)", "http://a:b@example.com/"]
)
def test_a_redirect_to_no_web_address(serve, place):
    peer = serve(answering(moved(place)))
    with pytest.raises(Barred):
        web.fetch(peer.url, timeout=5)
    assert len(peer.requests) == 1


def test_redirects_end(serve):
    peer = serve(answering(moved("/again")))
    with pytest.raises(Barred, match="too many redirects"):
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
            "status": "Barred",
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


def test_waves_keep_nobody_waiting_for_a_silentopened_peer(serve: Callable[[Script], Peer]) -> None:
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
