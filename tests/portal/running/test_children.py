import os
import queue
import signal

import pytest

from portal.running.children import Child, ChildFailed


def test_a_child_that_ends_at_once_is_named_with_its_status(capfd: pytest.CaptureFixture[str]) -> None:
    ends: queue.SimpleQueue[str] = queue.SimpleQueue()
    child = Child("clock", "no_such_module", [], on_end=ends.put)
    with pytest.raises(ChildFailed, match=r"^The clock did not start \(exit status 1\)\.$"):
        child.address()
    assert ends.get(timeout=10) == "The clock ended by itself (exit status 1)."
    child.stop()
    assert "No module named" in capfd.readouterr().err


def test_a_silent_child_is_given_up_and_stopped() -> None:
    ends: list[str] = []
    child = Child("server", "http.server", ["0", "--bind", "127.0.0.1"], on_end=ends.append)
    with pytest.raises(ChildFailed, match=r"^The server did not start within 0 s\.$"):
        child.address(seconds=0.01)
    child.stop()
    assert ends == []
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, signal.SIGCONT)
