"""The sandbox as a real process on a free port, and a listener for its callbacks; for any test that needs them."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from trunks.carriers.base import Webhook

DID, CUSTOMER = "+13125550100", "+12015550123"


@dataclass
class Running:
    url: str
    token: str
    process: "subprocess.Popen[str]"
    data: Path

    def ask(self, method: str, path: str, content: Any = None, *, key: str = "") -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and lower-case headers of one request; the operator's token when no key is given."""
        headers = {"authorization": f"Bearer {key or self.token}"}
        body = None if content is None else json.dumps(content)
        status, raw, answered = self.raw(method, path, body, headers)
        return status, json.loads(raw) if raw else None, answered

    def raw(
        self, method: str, path: str, body: str | bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=40)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def account(self, **facts: Any) -> dict[str, Any]:
        status, answer, _ = self.ask("POST", "/accounts", facts)
        assert status == 201, answer
        return dict(answer["data"])

    def text_from_customer(self, did: str, customer: str, text: str) -> dict[str, Any]:
        """A customer texts `did`, without a picture, as the handset page does it."""
        form = urlencode({"did": did, "text": text})
        kind = {"content-type": "application/x-www-form-urlencoded"}
        status, raw, _ = self.raw("POST", f"/handset/{customer}/texts", form, kind)
        assert status == 201, raw
        return dict(json.loads(raw)["data"])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextmanager
def sandbox(data: Path, *flags: str) -> Iterator[Running]:
    """Start the program, wait until it listens, and stop it at the end. Quick receipts unless flags say otherwise."""
    command = [sys.executable, "-m", "portal.sandbox", "--port", "0", "--data", str(data)]
    quick = ["--latency-ms", "0", "--receipt-ms", "5-20", "--retry-seconds", "0.05", *flags]
    process = subprocess.Popen([*command, *quick], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("Ready: "), line
        yield Running(
            line.removeprefix("Ready: ").strip(), (data / "sandbox.secret").read_text().strip(), process, data
        )
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(10)
        process.stdout.close()


@dataclass
class Listener:
    """A portal's webhook door, which answers `status` and keeps what came. `files` are served to whoever fetches."""

    url: str = ""
    status: int = 200
    webhooks: list[Webhook] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # when each webhook came, in Unix seconds
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def events(self) -> list[dict[str, Any]]:
        return [event for webhook in list(self.webhooks) for event in json.loads(webhook.body)["events"]]


@contextmanager
def listener() -> Iterator[Listener]:
    heard = Listener()
    one_at_a_time = threading.Lock()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(urlsplit(self.path).query))
            webhook = Webhook(url=heard.url + self.path, headers=headers, query=query, body=body)
            with one_at_a_time:
                heard.times.append(time())
                heard.webhooks.append(webhook)
            self._answer(heard.status, "text/plain", b"")

        def do_GET(self) -> None:
            kind, content = heard.files.get(self.path, ("text/plain", b""))
            self._answer(200 if content else 404, kind, content)

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    heard.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def until(met: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """What `met` returns, once that is true; AssertionError when it never is."""
    end = monotonic() + seconds
    while not (value := met()):
        assert monotonic() < end, "it never happened"
        sleep(0.01)
    return value
