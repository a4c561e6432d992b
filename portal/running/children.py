"""Processes beside the portal's own, such as the sandbox carrier. Each ends with its parent (`kept`)."""

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

READY = "Ready: "


class ChildFailed(Exception):
    """A child did not start. The text is a sentence for the person who started it."""


class Child:
    """A Python module in a process of its own that prints `Ready: http://…` once it listens."""

    def __init__(self, name: str, module: str, words: Sequence[str], *, on_end: Callable[[str], None]) -> None:
        """`on_end` gets a sentence when the child ends before `stop`. It is called in another thread."""
        self.name = name
        self._on_end = on_end
        self._stopping = False
        self._addresses: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "portal.running.kept", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which stops all in order
        )
        self._reader = threading.Thread(target=self._read, name=f"{name} output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def address(self, seconds: float = 20.0) -> str:
        """The address it listens on. Raises ChildFailed when it ends or stays silent for `seconds`."""
        try:
            address = self._addresses.get(timeout=seconds)
        except queue.Empty:
            raise ChildFailed(f"The {self.name} did not start within {seconds:.0f} s.") from None
        if address is None:
            raise ChildFailed(f"The {self.name} did not start (exit status {self._process.wait()}).")
        return address

    def stop(self, seconds: float = 5.0) -> None:
        """Close its standard input, which asks it to end; kill it when it does not."""
        self._stopping = True
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(READY):
                self._addresses.put(line.removeprefix(READY).strip())
            else:
                sys.stderr.write(f"{self.name}: {line}")
        self._addresses.put(None)
        status = self._process.wait()
        if not self._stopping:
            self._on_end(f"The {self.name} ended by itself (exit status {status}).")
