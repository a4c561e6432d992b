"""`manage.py up` as a person uses it: real processes, real signals, a data folder of its own."""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from urllib.parse import urlencode, urlsplit

import psycopg
import pytest

ROOT = Path(__file__).parents[3]
SECONDS = 40  # the longest a start may take on a busy machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


class Up:
    """A started `up`. Leaving the block kills whatever is left of it."""

    def __init__(self, environ: dict[str, str], *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", "--port", "0", *words],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_err, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> "Up":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def line(self) -> str:
        try:
            line = self._lines.get(timeout=SECONDS)
        except queue.Empty:
            line = None
        assert line is not None, f"nothing more was said; standard error: {''.join(self.errors)[-3000:]}"
        return line

    def address(self, word: str) -> str:
        """What stands behind `word: ` in the output, once it is there."""
        while not (line := self.line()).startswith(f"{word}: "):
            pass
        return line.removeprefix(f"{word}: ").strip()

    def wait(self) -> int:
        status = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return status

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)


def family(pid: int) -> list[int]:
    """The process and all below it."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = [pid]
    for parent in found:
        found.extend(child for child, above in pairs if above == parent)
    return found


def is_alive(pid: int) -> bool:
    """A process that ended counts as gone, also when nobody has asked for its status yet."""
    answer = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()[:1] not in {"", "Z"}


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.05)


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        body: bytes = answer.read()
        return body


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """'' for SQLite; a new database of the server when the suite runs on PostgreSQL."""
    server = os.environ.get("DATABASE_URL", "")
    if not server:
        yield ""
        return
    name = f"up_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def environ(database: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, str]:
    """The same data folder for all tests here, so that the first start alone migrates."""
    values = dict(os.environ) | {
        "PORTAL_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "PORTAL_NO_BOOTSTRAP": "1",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONUNBUFFERED": "1",
    }
    if database:
        values["DATABASE_URL"] = database
    if os.environ.get("REDIS_URL"):
        number = 1 + int(worker_id.removeprefix("gw") or 0) if worker_id != "master" else 1
        values["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()
    return values


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_a_signal_stops_everything(environ: dict[str, str], number: signal.Signals) -> None:
    with Up(environ, "--no-demo") as up:
        ready, handset = up.address("Ready"), up.address("Handset")
        assert get(ready + "/healthz") == b"ok\n"
        assert b"<html" in get(handset)
        processes = family(up.process.pid)
        assert len(processes) == 2
        up.process.send_signal(number)
        assert up.wait() == 0
        assert [pid for pid in processes if is_alive(pid)] == []
    assert not Path(environ["PORTAL_DATA_DIR"], "running.env").exists()


def test_a_killed_parent_leaves_no_child(environ: dict[str, str]) -> None:
    with Up(environ, "--no-demo") as up:
        up.address("Ready")
        [parent, child] = family(up.process.pid)
        os.kill(parent, signal.SIGKILL)
        assert up.process.wait(SECONDS) == -signal.SIGKILL
        until(lambda: not is_alive(child))


def test_a_dead_sandbox_stops_the_rest_and_is_named(environ: dict[str, str]) -> None:
    with Up(environ, "--no-demo") as up:
        up.address("Ready")
        [_, child] = family(up.process.pid)
        os.kill(child, signal.SIGKILL)
        assert up.wait() == 1
        assert up.errors[-1] == "The sandbox ended by itself (exit status -9).\n"


def test_a_taken_port_is_said_in_one_sentence(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Up(environ, "--no-demo", "--port", str(port)) as up:
            assert up.wait() == 1
    sentence = f"Port {port} is taken, perhaps by another `up`; stop that one or choose another port with --port.\n"
    assert up.errors == [sentence]


def test_what_runs_beside_it(environ: dict[str, str]) -> None:
    """Commands know its addresses; a second `up` on the same data is refused."""
    code = (
        "from django.conf import settings as s; "
        "print(s.PORTAL_PUBLIC_URL, s.PORTAL_SANDBOX_URL, *sorted(s.PORTAL_PRIVATE_HOSTS))"
    )
    with Up(environ, "--no-demo") as up:
        ready, handset = up.address("Ready"), up.address("Handset").rstrip("/")
        beside = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
        )
        assert beside.stdout.split() == [ready, handset, urlsplit(handset).netloc]
        with Up(environ, "--no-demo") as second:
            assert second.wait() == 1
        folder = Path(environ["PORTAL_DATA_DIR"]).resolve()
        assert second.errors == [f"Another `up` already runs on the data in {folder}; stop it first.\n"]
        up.process.send_signal(signal.SIGINT)
        assert up.wait() == 0


def test_the_first_start_prints_sign_ins_that_open_the_portal(environ: dict[str, str]) -> None:
    with Up(environ) as up:
        ready = up.address("Ready")
        up.address("Handset")
        assert up.line().startswith("Demo sign-ins (also in ")
        email, password = up.line().split()
        assert email == "owner@demo.example"
        assert sign_in(ready, email, password + "x") == "/accounts/login/"
        assert sign_in(ready, email, password).startswith("/demo/")
        up.process.send_signal(signal.SIGINT)
        assert up.wait() == 0
    kept = Path(environ["PORTAL_DATA_DIR"], "demo-sign-ins.txt")
    assert kept.stat().st_mode & 0o777 == 0o600
    with Up(environ) as again:
        again.address("Handset")
        assert again.line().strip() == f"Demo sign-ins: {kept}"
        again.process.send_signal(signal.SIGINT)
        assert again.wait() == 0


def sign_in(portal: str, email: str, password: str) -> str:
    """The path where a browser lands that fills in the sign-in form."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = browser.open(f"{portal}/accounts/login/", timeout=10).read().decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    fields = {"csrfmiddlewaretoken": found[1], "login": email, "password": password}
    with browser.open(f"{portal}/accounts/login/", urlencode(fields).encode(), timeout=10) as answer:
        return urlsplit(answer.geturl()).path
