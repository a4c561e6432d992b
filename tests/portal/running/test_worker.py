import threading
from collections.abc import Iterator

import pytest
from celery import Celery
from celery.worker import state

from portal.celery import app as portal
from portal.running import worker as running
from portal.running.worker import EmbeddedWorker, queue_names


class Tasks:
    """An application of its own with one task in a queue of its own. The task ends when `may_end` is set."""

    def __init__(self) -> None:
        self.app = Celery("test", broker="memory://localhost/", set_as_current=False)
        self.app.conf.update(
            broker_transport_options={"polling_interval": 0.02},
            beat_scheduler="celery.beat:Scheduler",
            task_ignore_result=True,
            worker_hijack_root_logger=False,
            task_routes={"wait": {"queue": "routed"}, "plain": {}},
        )
        self.started, self.may_end, self.ended = threading.Event(), threading.Event(), threading.Event()

        @self.app.task(name="wait", shared=False)
        def wait() -> None:
            self.started.set()
            self.may_end.wait(20)
            self.ended.set()

        self.task = wait


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    tasks = Tasks()
    yield tasks
    tasks.may_end.set()
    state.should_stop = None  # the library keeps these two for the process
    portal.set_default()


def started(tasks: Tasks, ends: list[str]) -> EmbeddedWorker:
    worker = EmbeddedWorker(tasks.app, on_end=ends.append)
    worker.start()
    assert worker.wait_ready()
    tasks.task.delay()
    assert tasks.started.wait(10)
    return worker


def test_a_stop_lets_the_running_task_end(tasks: Tasks) -> None:
    ends: list[str] = []
    worker = started(tasks, ends)
    threading.Timer(0.3, tasks.may_end.set).start()
    assert worker.stop() is True
    assert tasks.ended.is_set()
    assert ends == []


def test_a_stop_says_when_a_task_would_not_end(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS_TO_DRAIN", 0.3)
    assert started(tasks, []).stop() is False
    assert not tasks.ended.is_set()


def test_every_queue_is_taken(tasks: Tasks) -> None:
    tasks.app.conf.beat_schedule = {"tick": {"task": "wait", "schedule": 1.0, "options": {"queue": "ticked"}}}
    assert queue_names(tasks.app) == {"celery", "routed", "ticked"}
