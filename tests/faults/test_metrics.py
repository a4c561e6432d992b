"""Metrics of several processes on one machine: whichever is asked, the figures are those of all."""

import contextlib
import os
import signal
import socket
import subprocess
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.house import Site, free_port
from tests.faults.processes import kept, until
from tests.portal.screens import session_key

TOKEN = "a-token-of-the-test-0123456789"
NOBODY = "/hooks/sandbox/7d444840-9dc0-11d1-b245-5ffdce74fad2/"


def figure(portal: Site, name: str) -> float | None:
    """The sum of a metric's samples at one scrape; None when there is none."""
    status, body, _ = portal.ask("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert status == 200, body
    families = text_string_to_metric_families(body.decode())
    found = [sample.value for family in families for sample in family.samples if sample.name == name]
    return sum(found) if found else None


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def listens(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


@pytest.mark.postgres
def test_whichever_process_is_asked_tells_of_all(portal: Site) -> None:
    portal.environ["PORTAL_METRICS_TOKEN"] = TOKEN
    web = portal.start_web()
    for _ in range(40):
        assert portal.ask("GET", NOBODY)[0] == 405
    assert len(list((portal.data / "metrics").glob("histogram_*.db"))) == 2  # both workers have answered
    assert {figure(portal, "portal_webhook_seconds_count") for _ in range(10)} == {40}

    workers = children(web.pid)
    os.kill(workers[0], signal.SIGKILL)
    until(lambda: len(set(children(web.pid)) - {workers[0]}) == 2, what=portal.logs)
    for _ in range(20):
        portal.ask("GET", NOBODY)
    assert {figure(portal, "portal_webhook_seconds_count") for _ in range(10)} == {60}


@pytest.mark.postgres
def test_streams_are_counted_where_they_are_and_forgotten_with_their_process(portal: Site) -> None:
    portal.environ["PORTAL_METRICS_TOKEN"] = TOKEN
    portal.start_web()
    assert figure(portal, "portal_open_streams") is None
    port = free_port()
    streams = portal.start("streams", kept("uvicorn", "--port", str(port), "portal.asgi:application"))
    until(lambda: listens(port), what=portal.logs)
    key = session_key(portal.house.agent)
    with ExitStack() as stack:
        for _ in range(3):
            one = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=10)))
            one.request("GET", "/live/north/", headers={"Cookie": f"sessionid={key}"})
            assert one.getresponse().status == 200
        assert figure(portal, "portal_open_streams") == 3
        one.close()
        until(lambda: figure(portal, "portal_open_streams") == 2, what=portal.logs)
        streams.kill()
        assert figure(portal, "portal_open_streams") is None
