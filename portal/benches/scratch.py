"""A database, a Redis database, a data folder and ports of our own, for the length of one bench."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from cryptography.fernet import Fernet
from psycopg import sql

from portal.running import ports

PORTS = ("BENCH_PEER_PORT", "BENCH_WEB_PORT", "BENCH_STREAM_PORT")


class NoScratch(Exception):
    """The text is a sentence for the operator."""


@contextmanager
def environment() -> Iterator[dict[str, str]]:
    """The environment of a bench. Raises NoScratch; leaves nothing behind."""
    with ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="portal-bench-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        environ = dict(os.environ) | _settings(folder) | _free_ports()
        environ["PORTAL_PRIVATE_HOSTS"] = f"127.0.0.1:{environ['BENCH_PEER_PORT']}"
        environ["PORTAL_PUBLIC_URL"] = f"http://127.0.0.1:{environ['BENCH_WEB_PORT']}"
        if url := environ.get("DATABASE_URL"):
            environ["DATABASE_URL"] = stack.enter_context(_database(url))
        if url := environ.get("REDIS_URL"):
            environ["REDIS_URL"] = stack.enter_context(_redis(url))
        yield environ


def _settings(folder: str) -> dict[str, str]:
    return {
        "PORTAL_ENV_FILE": os.devnull,
        "PORTAL_DATA_DIR": folder,
        "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
        "PORTAL_LINK_KEY": secrets.token_urlsafe(32),
        "PORTAL_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
        "PORTAL_SANDBOX_URL": "",
        "PORTAL_DEBUG": "false",
        "ALLOWED_HOSTS": "127.0.0.1",
    }


def _free_ports() -> dict[str, str]:
    listeners = [ports.listen(0) for _ in PORTS]
    numbers = [str(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return dict(zip(PORTS, numbers, strict=True))


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


@contextmanager
def _database(url: str) -> Iterator[str]:
    name = f"bench_{secrets.token_hex(6)}"
    try:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise NoScratch(f"No scratch database could be made on the server of DATABASE_URL: {error}") from None
    try:
        yield _with_path(url, name)
    finally:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _redis(url: str) -> Iterator[str]:
    """A numbered database that holds nothing, from the top; emptied again at the end."""
    scratch = next((place for number in range(15, 0, -1) if _is_empty(place := _with_path(url, str(number)))), "")
    if not scratch:
        raise NoScratch("Every database of the server of REDIS_URL is in use or cannot be reached; a bench needs one.")
    try:
        yield scratch
    finally:
        redis.Redis.from_url(scratch).flushdb()


def _is_empty(url: str) -> bool:
    try:
        return redis.Redis.from_url(url, socket_connect_timeout=2).dbsize() == 0
    except redis.RedisError:
        return False
