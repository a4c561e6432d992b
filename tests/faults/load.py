"""Steady load on a portal: pages looked at, replies posted, customers' texts told, each with words of its own."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from messaging.models import Conversation
from tests.faults.browser import Browser
from tests.faults.house import Site, inbound_text

PAUSE_SECONDS = 0.1  # between two requests of one kind
GOOD = {"page": 200, "reply": 302, "text": 200}
PLURAL = {"page": "pages", "reply": "replies", "text": "texts"}


@dataclass
class Caller:
    """Asks one thing over and over, each time with other words, and keeps how it was answered."""

    kind: str
    ask: Callable[[str], int]
    answers: dict[str, int] = field(default_factory=dict)  # words -> status; 0: refused or cut off
    seconds: list[float] = field(default_factory=list)  # that each answer took
    in_a_row: int = 0  # good answers
    failed: int = 0

    def turn(self) -> None:
        words = f"{self.kind} number {len(self.answers)}."
        began = time.monotonic()
        status = self.ask(words)
        self.seconds.append(time.monotonic() - began)
        is_good = status == GOOD[self.kind]
        assert is_good or status == 0 or status >= 500, (self.kind, status)
        self.answers[words] = status
        self.failed += not is_good
        self.in_a_row = self.in_a_row + 1 if is_good else 0

    def call_until(self, ended: threading.Event) -> None:
        while not ended.wait(PAUSE_SECONDS):
            self.turn()

    def ask_again(self) -> None:
        """What a person or a carrier does with a request that failed: the same once more."""
        for words, status in self.answers.items():
            if status != GOOD[self.kind]:
                assert self.ask(words) == GOOD[self.kind]


def everything(portal: Site, agent: Browser, to: Conversation, of: Conversation) -> tuple[Caller, Caller, Caller]:
    """The inbox looked at, replies in one thread, a customer's texts in another."""
    return look(portal, agent), reply(portal, to), write(portal, of)


def look(portal: Site, agent: Browser) -> Caller:
    return Caller("page", lambda words: agent.ask("GET", f"/{agent.slug}/inbox/")[0])


def reply(portal: Site, thread: Conversation) -> Caller:
    agent, forms = Browser(portal, portal.house.agent), dict[str, dict[str, str]]()
    token = agent.form(thread.pk)["csrfmiddlewaretoken"]

    def ask(words: str) -> int:
        form = forms.setdefault(words, {"csrfmiddlewaretoken": token, "key": f"{len(forms):032x}"})
        return agent.reply(thread.pk, words, form)

    return Caller("reply", ask)


def write(portal: Site, thread: Conversation) -> Caller:
    def ask(words: str) -> int:
        event = words.replace(" ", "-")
        return portal.hook(inbound_text(event, did=thread.did.number, customer=thread.number, text=words))

    return Caller("text", ask)


@contextmanager
def calling(*jobs: Callable[[threading.Event], None]) -> Iterator[None]:
    """These go on until the end of the block; what they raise is raised then."""
    ended = threading.Event()
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(job, ended) for job in jobs]
        try:
            yield
        finally:
            ended.set()
    for job in running:
        job.result()


def summary(callers: Sequence[Caller]) -> str:
    parts = (
        f"{len(one.answers)} {PLURAL[one.kind]}, {one.failed} failed, median {median(one.seconds):.2f} s, "
        f"slowest {max(one.seconds):.1f} s"
        for one in callers
    )
    return "; ".join(parts)
