"""What is configured, reachable, stuck or stale. A function a check; none leaves anything behind or tells a secret."""

import ipaddress
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import redis
from celery.exceptions import CeleryError
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from messaging import health
from messaging.models import Lane
from portal.celery import app
from portal.clock import database_now
from portal.running.worker import queue_names
from portal.secrets import CannotDecrypt
from trunks import accounts, carriers
from trunks.models import CarrierAccount, Did, TextState

MEGABYTE = 1_000_000
SCARCE_BYTES, FULL_BYTES = 2_000 * MEGABYTE, 200 * MEGABYTE
CLOCK_SECONDS = 2.0
WORKER_ANSWER_SECONDS = 1.0
STUCK = timedelta(seconds=60)
PENDING = timedelta(minutes=15)
LATELY = timedelta(days=1)
ERRORS_KEPT = timedelta(days=7)
UNHEARD = timedelta(minutes=15)


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject`: what it is about. `help`: what to do, where something is to be done."""

    level: Level
    subject: str
    sentence: str
    help: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def ok(subject: str, sentence: str) -> Finding:
    return Finding(Level.OK, subject, sentence)


def note(subject: str, sentence: str, help: str = "") -> Finding:
    return Finding(Level.NOTE, subject, sentence, help)


def problem(subject: str, sentence: str, help: str) -> Finding:
    return Finding(Level.PROBLEM, subject, sentence, help)


def examine() -> list[Finding]:
    """Every finding, in the order of the checks. Without a usable database, what can be said without one."""
    findings = [finding for check in GROUND for finding in check()]
    findings += database()
    if all(finding.level != Level.PROBLEM for finding in findings if finding.subject == "database"):
        now = database_now()
        findings += [finding for check in ROWS for finding in check(now)]
    return findings


def ago(span: timedelta) -> str:
    """In the one unit that fits: 40 s, 12 min, 5 h, 3 days."""
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((172_800, 86_400), (7_200, 3_600), (120, 60)):
        if seconds >= size:
            return f"{seconds // unit} {({86_400: 'days', 3_600: 'h', 60: 'min'})[unit]}"
    return f"{seconds} s"


def some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# --- The ground ---


def database() -> list[Finding]:
    """Its kind and version, what waits to be migrated, and its clock."""
    try:
        connection.ensure_connection()
        waiting = _unapplied()
    except DatabaseError as error:
        sentence = f"The database cannot be used ({type(error).__name__})."
        return [problem("database", sentence, "Check that its server runs and what DATABASE_URL says.")]
    if waiting:
        sentence = f"{some(waiting, 'migration')} not applied yet."
        return [problem("database", sentence, "Run `manage.py migrate`, or start `up`, which does it.")]
    version = ".".join(map(str, connection.get_database_version()))
    return [ok("database", f"{connection.display_name} {version}, up to date."), *_clock()]


def _unapplied() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _clock() -> list[Finding]:
    """How far this machine's clock is from the database's, which judges leases and validity."""
    before = timezone.now()
    there = database_now()
    after = timezone.now()
    apart = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    if apart <= CLOCK_SECONDS:
        return []
    sentence = f"The clocks of this machine and of the database are {apart:.1f} s apart."
    return [problem("clock", sentence, "Keep both in time (NTP): signatures and quiet hours are judged by them.")]


def broker() -> Iterator[Finding]:
    """The broker, cache and doorbell, and who takes tasks from it."""
    if not settings.REDIS_URL:
        if not settings.EMBEDDED:
            sentence = "REDIS_URL is missing: processes cannot ring each other, and each counts its own rate limits."
            yield problem("redis", sentence, "Set REDIS_URL for web, worker and beat alike.")
        return
    try:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        version = client.info("server")["redis_version"]
    except redis.RedisError as error:
        sentence = f"Redis cannot be reached ({type(error).__name__}); texts go out up to a second later each."
        yield problem("redis", sentence, "Check that its server runs and what REDIS_URL says.")
        return
    yield ok("redis", f"Redis {version} answers.")
    yield from _queues_nobody_takes()


def _queues_nobody_takes() -> Iterator[Finding]:
    try:
        answers = app.control.inspect(timeout=WORKER_ANSWER_SECONDS).active_queues() or {}
    except (CeleryError, OSError) as error:
        yield problem("workers", f"The workers could not be asked ({type(error).__name__}).", "Look at Redis first.")
        return
    taken = {queue["name"] for queues in answers.values() for queue in queues}
    idle = sorted(queue_names(app) - taken)
    if idle:
        sentence = f"No worker takes tasks from: {', '.join(idle)}."
        yield problem("workers", sentence, "Start a Celery worker with `-Q` and these queues.")
    else:
        yield ok("workers", f"{len(answers)} answer, and every queue is taken.")


def storage() -> Iterator[Finding]:
    """Pictures must be writable, and the disk must have room."""
    try:
        name = default_storage.save(f"doctor-{uuid.uuid4().hex}", ContentFile(b"doctor"))
        default_storage.delete(name)
    except Exception as error:  # each storage raises errors of its own; whatever it is, it is the finding
        sentence = f"Pictures cannot be stored ({type(error).__name__})."
        yield problem(
            "storage", sentence, "Check the rights and the room of the media folder, or PORTAL_MEDIA_OPTIONS."
        )
    else:
        yield ok("storage", "Pictures can be stored.")
    free = shutil.disk_usage(settings.DATA_DIR if Path(settings.DATA_DIR).exists() else settings.BASE_DIR).free
    if free < SCARCE_BYTES:
        tell = problem if free < FULL_BYTES else note
        yield tell("disk", f"The disk has {free // MEGABYTE} MB left.", "Make room before texts cannot be recorded.")


def secret_files() -> Iterator[Finding]:
    """Keys, tokens and sign-ins on disk are for the portal's own user alone."""
    folder = Path(settings.DATA_DIR)
    names = (
        folder / "secrets.env",
        folder / "sandbox.secret",
        folder / "demo-sign-ins.txt",
        settings.BASE_DIR / ".env",
    )
    open_files = [path for path in names if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    for path in open_files:
        yield problem("secrets", f"{path.name} can be read by other users.", f"Run `chmod 600 {path}`.")


def debugging() -> Iterator[Finding]:
    if settings.DEBUG and not _is_loopback(settings.PORTAL_PUBLIC_URL):
        sentence = "PORTAL_DEBUG is on while the portal has a public address: error pages show settings."
        yield problem("debug", sentence, "Unset PORTAL_DEBUG.")


def mail() -> Iterator[Finding]:
    if settings.EMAIL_BACKEND.endswith("filebased.EmailBackend") and not _is_loopback(settings.PORTAL_PUBLIC_URL):
        sentence = "Mail is written to a folder and reaches nobody."
        yield note("mail", sentence, "Set EMAIL_URL, so that invitations and password resets arrive.")


def _is_loopback(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- Workers ---


def heartbeat(now: datetime) -> Iterator[Finding]:
    """The tick of a second: beat has sent it, and a worker has run it."""
    silence = health.silence(health.TICK, now)
    if silence is not None and silence < timedelta(seconds=health.SILENT_SECONDS):
        yield ok("tick", "Beat and a worker of the queue `upkeep` are alive.")
        return
    since = "has never come" if silence is None else f"last came {ago(silence)} ago"
    help = "Start `up`; in production start the worker and beat, both are needed."
    yield problem("tick", f"The tick of a second {since}: beat or the worker is down.", help)


# --- Carrier accounts ---


def public_url(now: datetime) -> Iterator[Finding]:
    """A carrier out in the world cannot call a loopback address."""
    if not _is_loopback(settings.PORTAL_PUBLIC_URL):
        return
    real = [one for one in _accounts() if one.is_active and not _is_loopback(one.base_url)]
    if real:
        sentence = f"PORTAL_PUBLIC_URL is {settings.PORTAL_PUBLIC_URL}, where {_names(real)} cannot send webhooks."
        yield problem("public address", sentence, "Set PORTAL_PUBLIC_URL to the address the world reaches.")


def _accounts() -> list[CarrierAccount]:
    return list(CarrierAccount.objects.select_related("organization").defer("values").order_by("pk"))


def _names(rows: Iterable[CarrierAccount]) -> str:
    return ", ".join(f"{account.name} of {account.organization.slug}" for account in rows)


def carrier_accounts(now: datetime) -> Iterator[Finding]:
    refused = health.refused_webhooks(now - LATELY)
    for account in _accounts():
        subject = f"carrier {_names([account])}"
        if not account.is_active:
            yield note(subject, "It is switched off.")
            continue
        found = [*_credentials(subject, account, now), *_silence(subject, account, now)]
        if account.pk in refused:
            found.append(_refusals(subject, account, *refused[account.pk], now))
        if all(finding.level != Level.PROBLEM for finding in found):
            found.append(
                ok(
                    subject,
                    f"{_when('sent', account.last_sent_at, now)}; {_when('heard', account.last_heard_at, now)}.",
                )
            )
        yield from found


def _when(what: str, at: datetime | None, now: datetime) -> str:
    return f"{what} {ago(now - at)} ago" if at else f"nothing {what} yet"


def _credentials(subject: str, account: CarrierAccount, now: datetime) -> Iterator[Finding]:
    try:
        carriers.get(account.kind)
        account.refresh_from_db(fields=["values"])
    except LookupError as error:
        yield problem(subject, str(error), "This version of the portal cannot use the account; switch it off.")
        return
    except CannotDecrypt as error:
        yield problem(subject, str(error), "Add the old key to PORTAL_CREDENTIAL_KEYS, or enter the credentials anew.")
        return
    if account.check_error and account.checked_at:
        sentence = f"Its credentials failed {ago(now - account.checked_at)} ago: {account.check_error}"
        yield problem(subject, sentence, "Mend and check them under Carriers.")
    elif account.checked_at is None and account.last_heard_at is None:
        yield note(subject, "Its credentials have never been tried.", "Check them under Carriers.")


def _silence(subject: str, account: CarrierAccount, now: datetime) -> Iterator[Finding]:
    """Texts go out and no receipt comes back: the carrier does not know our address, or cannot reach it."""
    sent, heard = account.last_sent_at, account.last_heard_at
    if sent is None or now - sent < timedelta(minutes=2) or (heard and sent - heard < UNHEARD):
        return
    when = f"its last webhook came {ago(now - heard)} ago" if heard else "it has never sent a webhook"
    sentence = f"Texts went out {ago(now - sent)} ago, and {when}."
    yield problem(subject, sentence, f"Enter {accounts.webhook_url(account)} at the carrier.")


def _refusals(subject: str, account: CarrierAccount, at: datetime, why: str, now: datetime) -> Finding:
    sentence = (
        f"{some(account.refused_webhooks, 'webhook')} without proof of who sent it, the last {ago(now - at)} ago: {why}"
    )
    return problem(subject, sentence, "Compare the signing key with the carrier's; strangers may also knock.")


# --- Texts ---


def lanes(now: datetime) -> Iterator[Finding]:
    """Roads that are closed, and those nobody sends on."""
    for lane in health.paused_lanes(now):
        assert lane.paused_until is not None, "paused_lanes has only such"
        closed = f"Closed for {ago(lane.paused_until - now)} more, after {some(lane.failures, 'failure')} in a row"
        sentence = f"{closed}: {lane.paused_why}"
        yield problem(_lane(lane), sentence, "It opens by itself; the carrier's status page may say more.")
    for queue in health.queues(now):
        yield from _queue(queue, now)


def _lane(lane: Lane) -> str:
    campaign = f", {lane.campaign.name}" if lane.campaign else ""
    return f"lane {_names([lane.account])}{campaign}"


def _queue(queue: health.Queue, now: datetime) -> Iterator[Finding]:
    waited, lane = now - queue.since, queue.lane
    if waited < STUCK or (lane.paused_until and lane.paused_until > now):
        return
    sentence = f"{some(queue.count, 'due text')} waiting, the oldest for {ago(waited)}."
    if lane.next_slot_at > now - STUCK:
        help = "The lane moves, at its campaign's rate; spread texts over more campaigns, or register a higher rate."
        yield note(_lane(lane), sentence, help)
    else:
        yield problem(_lane(lane), f"{sentence} Nothing leaves.", "Look at `workers` and `tick` above.")


def doubtful_texts(now: datetime) -> Iterator[Finding]:
    found = health.unconfirmed()
    if found.for_a_person:
        sentence = f"{some(found.for_a_person, 'text')} not confirmed, and the carrier was asked in vain."
        yield problem("unconfirmed", sentence, "Open their threads: a person decides whether to send them again.")
    if found.count > found.for_a_person and found.since:
        texts = some(found.count - found.for_a_person, "text")
        sentence = f"{texts} being looked up, the oldest sent {ago(now - found.since)} ago."
        yield note("unconfirmed", sentence)


# --- What carriers told us ---


def deliveries(now: datetime) -> Iterator[Finding]:
    """Webhooks that wait, and those that said something we could not use."""
    count, since = health.unprocessed(now)
    if since and now - since >= STUCK:
        sentence = f"{some(count, 'webhook')} waiting to be worked off, the oldest for {ago(now - since)}."
        yield problem("webhooks", sentence, "Look at `workers` and `tick` above: nobody takes the queue `webhooks`.")
    names = {account.pk: _names([account]) for account in _accounts()}
    for told in health.troubled_deliveries(now - ERRORS_KEPT):
        tell = note if told.is_unknown_word else problem
        sentence = f"{told.count} from {names[told.account_id]}, the last {ago(now - told.newest)} ago: {told.error}"
        yield tell(
            "webhooks", sentence, "They are kept whole and can be replayed in the admin once the portal knows them."
        )


def parked(now: datetime) -> Iterator[Finding]:
    """Texts to numbers that are no DIDs of ours, and receipts of texts we never sent."""
    names = {account.pk: _names([account]) for account in _accounts()}
    for told in health.parked_texts():
        sentence = f"{some(told.count, 'text')} to {told.number} by {names[told.account_id]}, which is no DID here."
        yield problem("unknown DID", sentence, "Import the DID; its texts are then put into their threads.")
    receipts = health.parked_receipts(now)
    if receipts:
        sentence = f"{some(receipts, 'receipt')} of the last day for no text of this portal."
        yield note("receipts", sentence, "Another system may send by the same carrier account.")


def pending_dids(now: datetime) -> Iterator[Finding]:
    rows = Did.objects.current().filter(text_state=TextState.PENDING, text_changed_at__lte=now - PENDING)
    for account in (
        CarrierAccount.objects.select_related("organization").defer("values").filter(pk__in=rows.values("account"))
    ):
        mine = rows.filter(account=account).order_by("text_changed_at")
        oldest = mine.first()
        if oldest is not None and oldest.text_changed_at is not None:
            why = f" {oldest.text_why}" if oldest.text_why else ""
            waiting = f"{some(mine.count(), 'DID')} waiting for {_names([account])}"
            sentence = f"{waiting}, the oldest for {ago(now - oldest.text_changed_at)}.{why}"
            yield problem("pending DIDs", sentence, "Ask the carrier, or switch them off and on again.")


GROUND: tuple[Callable[[], Iterable[Finding]], ...] = (secret_files, debugging, mail, storage, broker)
ROWS: tuple[Callable[[datetime], Iterable[Finding]], ...] = (
    heartbeat,
    public_url,
    carrier_accounts,
    lanes,
    doubtful_texts,
    deliveries,
    parked,
    pending_dids,
)
