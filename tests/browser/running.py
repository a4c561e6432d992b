"""A portal as a newcomer starts it: `manage.py up` in a process of its own, read by what it prints."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).parents[2]
START_SECONDS, STOP_SECONDS = 90, 30  # on a busy machine
PEOPLE = 6
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Portal:
    """`url` and `handset` without a slash at the end; `passwords`: {`agent1`: password}; `data`: its data folder.

    `environ` is what its process was started with.
    """

    url: str
    handset: str
    passwords: dict[str, str]
    data: Path
    environ: dict[str, str] = field(repr=False)


def until(met: Callable[[], T | None], *, seconds: float, otherwise: Callable[[], str]) -> T:
    """The first true answer of `met`."""
    end = time.monotonic() + seconds
    while not (answer := met()):
        assert time.monotonic() < end, otherwise()
        time.sleep(0.05)
    return answer


@contextmanager
def running(data: Path) -> Iterator[Portal]:
    """Start it on this data folder and on a scratch database; afterwards nothing of it runs any more."""
    out, errors = data / "up.out", data / "up.err"
    with scratch_database() as servers, out.open("w") as stdout, errors.open("w") as stderr:
        environ = _environ(data) | servers
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", "--port", "0"],
            env=environ,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            yield _started(process, data, environ)
            _stop(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def manage(portal: Portal, *words: str) -> str:
    """Run a command of `manage.py` beside the portal; what it printed."""
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    done = subprocess.run(command, env=portal.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environ(data: Path) -> dict[str, str]:
    """Nothing of this machine's settings but where programs are."""
    names = ("DATABASE_URL", "REDIS_URL", "PORTAL_PUBLIC_URL", "PORTAL_SANDBOX_URL")
    return {name: value for name, value in os.environ.items() if name not in names} | {
        "PORTAL_DATA_DIR": str(data),
        "PORTAL_ENV_FILE": os.devnull,
        "PORTAL_NO_BOOTSTRAP": "1",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def scratch_database() -> Iterator[dict[str, str]]:
    """DATABASE_URL and REDIS_URL of its own when the suite has servers; nothing for SQLite."""
    server, redis = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    if not (server and redis):
        yield {}
        return
    name = f"browser_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield {
                "DATABASE_URL": urlsplit(server)._replace(path=f"/{name}").geturl(),
                "REDIS_URL": urlsplit(redis)._replace(path=f"/{_redis_number()}").geturl(),
            }
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _redis_number() -> int:
    """8 to 15: one for each process of the suite, apart from those that other tests take."""
    return 8 + int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % 8


def _started(process: "subprocess.Popen[bytes]", data: Path, environ: dict[str, str]) -> Portal:
    def passwords() -> dict[str, str] | None:
        assert process.poll() is None, otherwise()
        found = dict(re.findall(r"^  (\w+)@demo\.example  (\S+)$", (data / "up.out").read_text(), re.MULTILINE))
        return found if len(found) == PEOPLE else None

    def otherwise() -> str:
        said = (data / "up.out").read_text()
        return f"`up` did not start. It said: {said[-2000:]}\n{(data / 'up.err').read_text()[-4000:]}"

    found = until(passwords, seconds=START_SECONDS, otherwise=otherwise)
    said = (data / "up.out").read_text()
    url, handset = _address("Ready", said), _address("Handset", said)
    return Portal(url=url, handset=handset, passwords=found, data=data, environ=environ)


def _address(word: str, said: str) -> str:
    match = re.search(rf"^{word}: (\S+)$", said, re.MULTILINE)
    assert match is not None, f"`up` did not name its {word} address: {said}"
    return match[1].rstrip("/")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask as Ctrl-C does. It stops all it started, and says so by its exit status."""
    family = _family(process.pid)
    assert len(family) > 1, "the sandbox is a process of its own"
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_SECONDS) == 0
    assert [pid for pid in family if _is_alive(pid)] == []


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = [pid]
    for parent in found:
        found.extend(child for child, above in pairs if above == parent)
    return found


def _is_alive(pid: int) -> bool:
    answer = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()[:1] not in {"", "Z"}
