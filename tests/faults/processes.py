"""Programs of a portal under test: started, waited for, paused, killed, and surely gone at the end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


def until(met: Callable[[], T], *, seconds: float = 45.0, what: Callable[[], object] = lambda: "") -> T:
    """What `met` returns, once that is true; AssertionError with what `what` says when it never is."""
    end = monotonic() + seconds
    while not (value := met()):
        assert monotonic() < end, f"it did not happen within {seconds:g} s. {what()}"
        sleep(0.05)
    return value


class Program:
    """One program with its log in a file. A Python module runs `kept`: it ends when this process does."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        log: Path,
        fds: Sequence[int] = (),
        user: str | None = None,
    ):
        """`user`: whom a program of root's steps down to."""
        self.name, self.log = name, log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                command,
                cwd="/" if user else ROOT,
                env=dict(environ),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                pass_fds=fds,
                user=user,
                group=user,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def pause(self) -> None:
        """SIGSTOP, and wait until the system says it stands still."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._reap(10)

    def ask_to_end(self) -> None:
        if self.process.poll() is None:
            self.resume()
            self.process.terminate()

    def stop(self, seconds: float = 15.0) -> None:
        """Ask it to end, as an operator would; kill it when it does not."""
        self.ask_to_end()
        try:
            self._reap(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def _reap(self, seconds: float) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        self.process.wait(seconds)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def kept(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "portal.running.kept", module, *words]
