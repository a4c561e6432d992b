"""A whole portal under test: web, workers, ticks, broker and carrier as real processes, rows seen through the ORM.

With DATABASE_URL and REDIS_URL in the environment it runs as in production: gunicorn, Celery workers, beat, a Redis of
its own (so that it can be stopped) and a database of its own. Without, on SQLite: gunicorn, and workers as in `up`.
"""

import shutil
import signal
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from compliance.models import Brand, Campaign, CampaignDid, CampaignDidState, CampaignState
from messaging import health, inbound, outbound
from messaging.models import LIVE, Conversation, Lane, Message, State
from portal.sandbox import callbacks
from tests.faults import databases
from tests.faults.clock import Clock
from tests.faults.processes import Program, free_port, kept, until
from tests.faults.wire import Wire, wire
from tests.people import House, make_house
from tests.portal.sandbox.process import Running, sandbox
from trunks.models import CarrierAccount, Did, TextState

IS_PRODUCTION = bool(databases.SERVER)
LEASE_SECONDS, SEND_TIMEOUT_SECONDS = 6, 2
QUEUES = "dispatch,webhooks,media,upkeep"
UNDER_WAY = (State.ACCEPTED, State.SENT, State.UNCONFIRMED)
FINAL = frozenset({State.DELIVERED, State.UNDELIVERED, State.FAILED, State.CANCELED, State.EXPIRED})


@dataclass
class Site:
    data: Path
    environ: dict[str, str]
    url: str
    listener: socket.socket
    carrier: Running
    wire: Wire
    house: House = field(init=False)
    account: CarrierAccount = field(init=False)
    programs: list[Program] = field(default_factory=list)
    broker: Program | None = None
    _ids: dict[Any, str] = field(default_factory=dict)  # of our accounts, at the carrier
    _count: int = 0

    # --- Processes ---

    def start(
        self, name: str, command: list[str], fds: tuple[int, ...] = (), environ: Mapping[str, str] | None = None
    ) -> Program:
        facts = self.environ | {"PORTAL_PROCESS": name} | dict(environ or {})
        program = Program(name, command, environ=facts, log=self.data / f"{name}.log", fds=fds)
        self.programs.append(program)
        return program

    def start_python(
        self, name: str, words: list[str], *inside: str, clock: Clock | None = None, fds: tuple[int, ...] = ()
    ) -> Program:
        """A Python module, which ends with this process; `clock`: what it takes for the time."""
        if clock is None:
            return self.start(name, [*inside, *kept(*words)], fds)
        return self.start(name, [*inside, *kept("tests.faults.wrong_clock", *words)], fds, clock.environ)

    def stop_all(self) -> None:
        """Every program asked at once, then waited for; the broker last, since the others need it to leave."""
        for program in self.programs:
            if program is not self.broker:
                program.ask_to_end()
        for program in reversed(self.programs):
            program.stop(5)

    def start_web(self, *, clock: Clock | None = None) -> Program:
        fd = self.listener.fileno()
        words = ["-k", "gthread", "-w", "2", "--preload", "--threads", "8", "--bind", f"fd://{fd}"]
        words = ["gunicorn", *words, "--no-control-socket", "portal.wsgi:application"]
        program = self.start_python("web", words, clock=clock, fds=(fd,))
        until(lambda: self.ask("GET", "/healthz")[0] == 200, what=self.logs)
        return program

    def start_worker(self, *inside: str, clock: Clock | None = None) -> Program:
        """A worker that waits for tasks. `inside`: words in front of its command, of a program that becomes it."""
        before = self._consumers()
        name, words = self._worker()
        return self._waits_for_tasks(self.start_python(name, words, *inside, clock=clock), before)

    def spare_worker(self) -> Program:
        """A worker that loads and then waits to be engaged."""
        name, words = self._worker()
        return self.start_python(name, ["tests.faults.spare_worker", *words])

    def engage(self, spare: Program) -> Program:
        until(lambda: "Loaded" in spare.said(), what=self.logs)
        before = self._consumers()
        spare.signal(signal.SIGUSR1)
        return self._waits_for_tasks(spare, before)

    def _worker(self) -> tuple[str, list[str]]:
        self._count += 1
        name = f"worker{self._count}"
        if not IS_PRODUCTION:
            return name, ["tests.faults.embedded_worker"]
        words = ["-A", "portal.celery", "worker", "-c", "8", "-Q", QUEUES, "-n", f"{name}@faults"]
        return name, ["celery", *words, "--without-mingle", "--without-gossip"]

    def _waits_for_tasks(self, worker: Program, before: set[str]) -> Program:
        if IS_PRODUCTION:
            until(lambda: self._consumers() - before, what=self.logs)
        else:
            until(lambda: "Ready" in worker.said(), what=self.logs)
        return worker

    def _consumers(self) -> set[str]:
        """The broker's clients that wait for tasks."""
        if not IS_PRODUCTION:
            return set()
        with redis.Redis.from_url(self.environ["REDIS_URL"]) as client:
            return {one["id"] for one in client.client_list() if one["cmd"] == "brpop"}

    def start_beat(self, *, clock: Clock | None = None) -> Program | None:
        """The ticks; embedded, every worker brings its own."""
        self._count += 1
        words = ["celery", "-A", "portal.celery", "beat", "--pidfile", ""]
        return self.start_python(f"beat{self._count}", words, clock=clock) if IS_PRODUCTION else None

    def start_broker(self) -> None:
        if not IS_PRODUCTION:
            return
        port = str(urlsplit(self.environ["REDIS_URL"]).port)
        server = shutil.which("redis-server")
        assert server, "a production run needs redis-server, to stop and start one"
        words = ["--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", str(self.data)]
        self.broker = self.start("redis", [server, *words])
        until(self._broker_answers, what=self.logs)

    def _broker_answers(self) -> bool:
        with redis.Redis.from_url(self.environ["REDIS_URL"]) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def start_streams(self) -> str:
        """The server of /live/; its address."""
        port = free_port()
        self.start_python("streams", ["uvicorn", "portal.asgi:application", "--port", str(port)])
        until(lambda: is_open(port), what=self.logs)
        return f"http://127.0.0.1:{port}"

    def rings_waiting(self, queue: str) -> int:
        with redis.Redis.from_url(self.environ["REDIS_URL"]) as client:
            return int(client.llen(queue))

    def empty_broker(self) -> None:
        with redis.Redis.from_url(self.environ["REDIS_URL"]) as client:
            client.flushdb()

    def start_all(self) -> Program:
        """Web, one worker, the ticks. The worker is what it returns."""
        self.start_web()
        self.start_beat()
        return self.start_worker()

    def logs(self) -> str:
        """The ends of all logs and how the texts stand, for a failure's message."""
        ends = [f"--- {program.name}\n{program.said()[-1500:]}" for program in self.programs]
        ticked = f"last tick {health.silences(timezone.now()).get(health.TICK)} ago"
        lanes = [f"{lane.account.name}: {lane.failures} failures, {lane.paused_why}" for lane in self.lanes()]
        attempts = Counter(self.messages().values_list("attempts_made", flat=True))
        return "\n".join([str(self.states()), f"tries {attempts}", *lanes, str(self.counts()), ticked, *ends])

    # --- What belongs to the call center ---

    @contextmanager
    def opened(self, slug: str) -> Iterator["Site"]:
        """A new call center in the portal, whose rows this process sees until the end of the block."""
        with databases.seen_from_here(self.data, self.environ):
            self.house = make_house(slug, f"{slug.title()} Calls")
            self.account = self.open_account()
            yield self

    def did(self, *, account: CarrierAccount | None = None) -> Did:
        self._count += 1
        account = account or self.account
        did = Did.objects.create(
            organization=self.house.organization,
            number=f"+1305555{self._count:04d}",
            account=account,
            text_state=TextState.ENABLED,
            mms=True,
            team=self.house.sales,
        )
        self.tell_carrier(account)
        return did

    def campaign_did(self, brand: Brand, *, rate: float = 50) -> Did:
        """A DID of a campaign of its own, and so of a lane of its own."""
        did = self.did()
        campaign = Campaign.objects.create(
            organization=brand.organization,
            brand=brand,
            account=self.account,
            name=f"Care {did.number}",
            state=CampaignState.LIVE,
            texts_a_second=rate,
        )
        CampaignDid.objects.create(campaign=campaign, did=did, state=CampaignDidState.ASSIGNED)
        return did

    def open_account(self, *, rate: float = 200, base_url: str = "", name: str = "Sandbox") -> CarrierAccount:
        """An account of the house at the carrier, reached over the wire unless an address is given."""
        facts = self.carrier.account(name=name)
        account = CarrierAccount.objects.create(
            organization=self.house.organization,
            kind="sandbox",
            name=name,
            base_url=base_url or self.wire.url,
            values={"api_key": facts["api_key"], "signing_secret": facts["signing_secret"]},
            texts_a_second=rate,
        )
        self.carrier.account(id=facts["id"], webhook_url=f"{self.url}/hooks/sandbox/{account.pk}/")
        self._ids[account.pk] = facts["id"]
        return account

    def tell_carrier(self, account: CarrierAccount) -> None:
        numbers = [
            {"number": number, "enabled": True}
            for number in Did.objects.filter(account=account).values_list("number", flat=True)
        ]
        self.carrier.account(id=self._ids[account.pk], numbers=numbers)

    def customer(self, ending: str = "") -> str:
        """A number with no rule of the carrier's behind it, or one with that of an ending."""
        self._count += 1
        return (
            f"+1{212 + self._count // 100}55{self._count % 100:02d}{ending}"
            if ending
            else f"+1646555{self._count + 1_000}"
        )

    def threads(self, did: Did, count: int) -> list[Conversation]:
        with transaction.atomic():
            return [inbound.thread_for(did, self.customer()) for _ in range(count)]

    def threads_with(self, number: str, did: Did) -> Conversation:
        return inbound.thread_for(did, number)

    def queue(self, threads: list[Conversation], each: int = 1) -> list[Message]:
        """`each` texts for every thread, in turns, seen by the workers at once."""
        with transaction.atomic():
            return [self.text(thread, f"Text {turn}.") for turn in range(each) for thread in threads]

    def text(self, thread: Conversation, body: str = "Your order is ready.") -> Message:
        self._count += 1
        return outbound.queue_message(conversation=thread, body=body, by=self.house.agent, key=f"key-{self._count}")

    # --- What happened ---

    def messages(self) -> "QuerySet[Message]":
        """The texts that this call center sends."""
        return Message.objects.filter(organization=self.house.organization, direction="out")

    def lanes(self) -> "QuerySet[Lane]":
        return Lane.objects.filter(account__organization=self.house.organization).select_related("account")

    def states(self) -> Counter[str]:
        return Counter(self.messages().values_list("state", flat=True))

    def in_state(self, *states: str) -> int:
        return self.messages().filter(state__in=states).count()

    def all_final(self) -> bool:
        return not self.messages().exclude(state__in=FINAL).exists()

    def wait_final(self, seconds: float = 60.0, each_time: Callable[[], object] = lambda: None) -> None:
        def met() -> bool:
            each_time()
            return self.all_final()

        until(met, seconds=seconds, what=self.logs)

    def counts(self, account: CarrierAccount | None = None) -> dict[str, Any]:
        """The carrier's own of the account: accepted, references, sent_twice, after_stop, refused, callbacks."""
        key = (account or self.account).values["api_key"]
        return dict(self.carrier.ask("GET", "/stats", key=key)[1])

    def accepted(self, account: CarrierAccount | None = None) -> list[dict[str, Any]]:
        """What truly reached the carrier, in its order and by its clock (`received_us`)."""
        key = (account or self.account).values["api_key"]
        return list(self.carrier.ask("GET", "/v1/accepted?size=10000", key=key)[1]["data"])

    def wait_leaving_over(self, seconds: float = 60.0) -> None:
        """Until nothing is due any more and what left is settled."""
        now = timezone.now
        due = self.messages().filter(state__in=LIVE)
        met = lambda: not due.filter(due_at__lte=now()).exists() and not self.in_state(*UNDER_WAY)  # noqa: E731
        until(met, seconds=seconds, what=self.logs)

    def each_once(self, messages: int) -> None:
        """Every text reached the carrier, and none twice: by reference, and by recipient and words."""
        counts = self.counts()
        assert counts["sent_twice"] == []
        assert (counts["accepted"], counts["references"]) == (messages, messages)
        taken = Counter((one["from"], one["to"], one["text"]) for one in self.accepted())
        assert [one for one, count in taken.items() if count > 1] == []

    # --- Doors ---

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, list[tuple[str, str]]]:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=15)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheaders()
        except (ConnectionError, TimeoutError) as error:
            return 0, str(error).encode(), []
        finally:
            connection.close()

    def hook(
        self, body: bytes, headers: Mapping[str, str] | None = None, *, account: CarrierAccount | None = None
    ) -> int:
        """Post a webhook as the carrier would, signed unless `headers` say otherwise; the status of the answer."""
        account = account or self.account
        sent = callbacks.signature(account.values["signing_secret"], body) | dict(headers or {})
        sent = {name: value for name, value in sent.items() if value}
        path = f"/hooks/sandbox/{account.pk}/"
        return self.ask("POST", path, body, {"content-type": "application/json", **sent})[0]

    def allow(self, *entries: str) -> None:
        """More private hosts, for programs that start from now on."""
        self.environ["PORTAL_PRIVATE_HOSTS"] = ",".join([self.environ["PORTAL_PRIVATE_HOSTS"], *entries])

    def customer_texts(self, thread: Conversation, text: str) -> int:
        """The customer of a thread writes to its DID; the status of the webhook's answer."""
        event = f"in-{uuid.uuid4().hex}"
        return self.hook(inbound_text(event, did=thread.did.number, customer=thread.number, text=text))


def inbound_text(
    event: str, *, did: str, customer: str, text: str, pictures: Sequence[str] = (), said: float = 0.0
) -> bytes:
    """A customer's text. `pictures`: their links. `said`: how many seconds from now the carrier's clock puts it."""
    media = [{"url": link, "content_type": "image/jpeg", "size": 1_000} for link in pictures]
    data = {"id": event, "from": customer, "to": did, "text": text, "media": media, "answered": ""}
    return callbacks.envelope(event, "message.received", time.time_ns() // 1_000 + int(said * 1_000_000), data)


def status(
    event: str,
    *,
    carrier_id: str,
    word: str,
    reference: str = "",
    final: bool = False,
    at: int = 0,
    provisional: bool = False,
) -> bytes:
    """A receipt. `at`: seconds after a fixed moment, so that order in time and order of arrival can differ."""
    data = {"id": carrier_id, "client_reference": reference, "status": word, "code": "", "final": final}
    data |= {"provisional": True} if provisional else {}
    return callbacks.envelope(event, "message.status", 1_790_000_000_000_000 + at * 1_000_000, data)


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return False
    return True


@contextmanager
def site(
    template: str,
    static: Path,
    data: Path,
    *,
    flags: tuple[str, ...] = (),
    database: AbstractContextManager[dict[str, str]] | None = None,
) -> Iterator[Site]:
    """A portal whose processes are not started yet, save its carrier and broker.

    `database`: where its rows are, unless in a copy of the template.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
        carrier = stack.enter_context(sandbox(data, *flags))
        between = stack.enter_context(wire(carrier.url))
        rows = stack.enter_context(database or databases.copy(template, data))
        facts = databases.base_environ(data) | rows
        facts |= {
            "PORTAL_PUBLIC_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "PORTAL_PRIVATE_HOSTS": f"{urlsplit(carrier.url).netloc},{urlsplit(between.url).netloc}",
            "PORTAL_SANDBOX_URL": carrier.url,
            "MESSAGING_LEASE_SECONDS": str(LEASE_SECONDS),
            "MESSAGING_SEND_TIMEOUT_SECONDS": str(SEND_TIMEOUT_SECONDS),
            "PORTAL_LOG_LEVEL": "WARNING",
        }
        if IS_PRODUCTION:
            facts["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
        (data / "static").symlink_to(static)
        portal = Site(
            data=data, url=facts["PORTAL_PUBLIC_URL"], environ=facts, listener=listener, carrier=carrier, wire=between
        )
        stack.callback(portal.stop_all)
        portal.start_broker()
        yield portal
