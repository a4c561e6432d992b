"""The machine and what the portal stands on: database, clock, broker, storage, disk, keys, mail."""

import ipaddress
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
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

from portal.celery import app
from portal.clock import database_now
from portal.doctor.findings import Finding, Level, note, ok, problem, some
from portal.running.worker import queue_names

MEGABYTE = 1_000_000
SCARCE_BYTES, FULL_BYTES = 2_000 * MEGABYTE, 200 * MEGABYTE
CLOCK_SECONDS = 2.0
WORKER_ANSWER_SECONDS = 1.0


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
    found = list(redis_server())
    yield from found
    if found and found[-1].level == Level.OK:
        yield from _queues_nobody_takes()


def redis_server() -> Iterator[Finding]:
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
    """Pictures must be writable."""
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


def disk() -> Iterator[Finding]:
    """The disk of the data folder must have room."""
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
    if settings.DEBUG and not is_loopback(settings.PORTAL_PUBLIC_URL):
        sentence = "PORTAL_DEBUG is on while the portal has a public address: error pages show settings."
        yield problem("debug", sentence, "Unset PORTAL_DEBUG.")


def mail() -> Iterator[Finding]:
    if settings.EMAIL_BACKEND.endswith("filebased.EmailBackend") and not is_loopback(settings.PORTAL_PUBLIC_URL):
        sentence = "Mail is written to a folder and reaches nobody."
        yield note("mail", sentence, "Set EMAIL_URL, so that invitations and password resets arrive.")


def is_loopback(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (secret_files, debugging, mail, storage, disk, broker)
