"""The programs of a bench: worker, beat, servers and peers, each a process that ends with the bench."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from django.conf import settings
from django.db import connection

from messaging import health
from messaging.models import Heartbeat
from portal.celery import app
from portal.clock import database_now
from portal.running.worker import queue_names

START_SECONDS = 60.0
HOST = "127.0.0.1"


class Failed(Exception):
    """A program of the bench did not do its part. The text says which one, with the end of its log."""


def port(name: str) -> int:
    """A port set aside for this bench: peer, web or stream."""
    return int(os.environ[f"BENCH_{name.upper()}_PORT"])


@contextmanager
def program(name: str, module: str, *words: str, **environ: str) -> Iterator[int]:
    """Run a Python module until the end of the block; gives its process id. Its output goes to a log of that name."""
    log = Path(settings.DATA_DIR) / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", "portal.running.kept", module, *words],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **environ},
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(met: Callable[[], object], what: str, *, seconds: float = START_SECONDS, pause: float = 0.05) -> None:
    """Wait for a condition. Raises Failed when it does not come about."""
    ends = time.monotonic() + seconds
    while not met():
        if time.monotonic() > ends:
            raise Failed(f"{what} did not happen within {seconds:g} s.\n{_logs()}")
        time.sleep(pause)


def _logs() -> str:
    """The last lines of every program's log."""
    logs = sorted(Path(settings.DATA_DIR).glob("*.log"))
    return "\n".join(f"{log.name}: {line}" for log in logs for line in log.read_text().splitlines()[-5:])


# --- Workers ---


@contextmanager
def workers(count: int = 1) -> Iterator[list[int]]:
    """Celery workers that take every queue, and beat; gives the workers' process ids once the tick is heard."""
    Heartbeat.objects.all().delete()
    with ExitStack() as stack:
        if settings.REDIS_URL:
            pids = [stack.enter_context(_worker(number)) for number in range(count)]
            words = ("-A", "portal.celery", "beat", "--pidfile=", "-l", "WARNING")
            stack.enter_context(program("beat", "celery", *words))
            until(lambda: _answering() == count, "the start of the workers")
        else:
            pids = [stack.enter_context(program("worker", "portal.benches.embedded_worker"))]
        until(lambda: health.is_worker_alive(database_now()), "the first tick")
        yield pids


@contextmanager
def _worker(number: int) -> Iterator[int]:
    words = ["-A", "portal.celery", "worker", "-n", f"bench{number}@%h", "-P", "threads", "-l", "WARNING"]
    with program(f"worker{number}", "celery", *words, "-Q", ",".join(sorted(queue_names(app)))) as pid:
        yield pid


def _answering() -> int:
    return len(app.control.ping(timeout=0.5))


# --- Servers ---


@contextmanager
def wsgi(module: str, *, number: int, workers: int = 2, threads: int = 4, **environ: str) -> Iterator[int]:
    """gunicorn with threads, as in production."""
    words = [module, "-b", f"{HOST}:{number}", "-k", "gthread", "-w", str(workers), "--threads", str(threads)]
    with program("web", "gunicorn", *words, "--log-level", "warning", **environ) as pid:
        until(lambda: answers(number, "/healthz"), "the start of the web server")
        yield pid


def answers(number: int, path: str) -> bool:
    connection = HTTPConnection(HOST, number, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


# --- What the system says of a process ---


def resident_kilobytes(pids: Sequence[int]) -> int:
    """Memory of these processes and their descendants, each page that several share counted in part (PSS)."""
    return sum(_field(pid, "smaps_rollup", "Pss:") for pid in family(pids))


def threads(pid: int) -> int:
    return _field(pid, "status", "Threads:")


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time that these processes and their descendants have used."""
    ticks = 0
    for pid in family(pids):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def family(pids: Sequence[int]) -> list[int]:
    """These processes and all below them."""
    found = list(pids)
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split() if int(child) not in found]
    return found


def _field(pid: int, file: str, name: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise Failed(f"/proc/{pid}/{file} has no {name}")


def database_name() -> str:
    return connection.display_name + (" and Redis" if settings.REDIS_URL else "")
