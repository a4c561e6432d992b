"""Reads the environment for `settings.py`: each reader names the setting and says what it expected."""

import ipaddress
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

KEPT_SECONDS = 600


class BadSetting(ImproperlyConfigured):
    """A setting that cannot be used. The text is a sentence for the operator."""


class Configuration:
    """The environment, `.env` and, when embedded, the random keys of the first start in `secrets.env`."""

    def __init__(self, base_dir: Path) -> None:
        environ.Env.read_env(os.environ.get("PORTAL_ENV_FILE") or str(base_dir / ".env"))
        self.env = environ.Env()
        self.data_dir = Path(os.environ.get("PORTAL_DATA_DIR") or base_dir / "var").resolve()
        if not os.environ.get("DATABASE_URL"):
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # what people wrote is nobody else's
            environ.Env.read_env(str(_ensure_keys(self.data_dir / "secrets.env")))
        running = self.data_dir / "running.env"  # where an `up` of this moment listens (portal.running.addresses)
        if running.exists():
            environ.Env.read_env(str(running))

    def text(self, name: str, default: str) -> str:
        return os.environ.get(name, default).strip()

    def boolean(self, name: str, default: bool) -> bool:
        word = self.text(name, str(default)).lower()
        if word not in {"true", "false", "1", "0", "yes", "no"}:
            raise BadSetting(f"{name} is {word!r}; write true or false.")
        return word in {"true", "1", "yes"}

    def integer(self, name: str, default: int) -> int:
        word = self.text(name, str(default))
        if not word.isdecimal() or int(word) == 0:
            raise BadSetting(f"{name} is {word!r}; write a whole number above 0.")
        return int(word)

    def words(self, name: str, default: Sequence[str]) -> list[str]:
        word = self.text(name, "")
        return [part.strip() for part in word.split(",") if part.strip()] or list(default)

    def url(self, name: str, default: str) -> str:
        word = self.text(name, default).rstrip("/")
        parts = urlsplit(word)
        if word and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path):
            raise BadSetting(f"{name} is {word!r}; write a scheme and a host, like https://texts.example.com.")
        return word

    def hosts(self, name: str) -> list[str]:
        entries = self.words(name, [])
        for entry in entries:
            if not entry.rpartition(":")[0] or not entry.rpartition(":")[2].isdecimal():
                raise BadSetting(f"{name} holds {entry!r}; write host:port entries, separated by commas.")
        return entries

    def networks(self, name: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        try:
            return tuple(ipaddress.ip_network(entry) for entry in self.words(name, []))
        except ValueError as error:
            raise BadSetting(f"{name}: {error}; write addresses or networks, separated by commas.") from error

    def secret(self, name: str) -> str:
        value = self.text(name, "")
        if not value:
            raise BadSetting(f"{name} is missing. With DATABASE_URL set, the keys must be given, not made up.")
        return value

    def token(self, name: str) -> str:
        """A secret that switches something on; empty keeps it off."""
        value = self.text(name, "")
        if value and (len(value) < 16 or not value.isascii() or not value.isprintable()):
            raise BadSetting(f"{name} can be guessed; write at least 16 random letters and digits.")
        return value

    def metrics_folder(self) -> None:
        """Where the processes of this machine keep what each measures; prometheus-client reads the environment."""
        folder = Path(os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(self.data_dir / "metrics")))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(f"PROMETHEUS_MULTIPROC_DIR is {str(folder)!r}, and cannot be made: {error}.") from error

    def secret_list(self, name: str) -> list[str]:
        keys = [key.strip() for key in self.secret(name).split(",") if key.strip()]
        for key in keys:
            try:
                Fernet(key)
            except ValueError as error:
                raise BadSetting(f"{name} holds a key that is not 32 bytes in URL-safe base64.") from error
        return keys

    @staticmethod
    def default_hosts(public_url: str) -> list[str]:
        return sorted({"127.0.0.1", "localhost", "[::1]", urlsplit(public_url).hostname or "localhost"})

    def database(self) -> dict[str, Any]:
        """SQLite with immediate transactions, or PostgreSQL through a pool (ASGI threads keep no connections).

        Threads that live long keep theirs (portal/wsgi.py): taking one from the pool and giving it back costs as much
        as a small statement.
        """
        if not os.environ.get("DATABASE_URL"):
            return _sqlite(self.data_dir / "portal.sqlite3")
        database: dict[str, Any] = self.env.db_url("DATABASE_URL")
        if not str(database["ENGINE"]).endswith("postgresql"):
            raise BadSetting("DATABASE_URL must name a PostgreSQL database; leave it out for the embedded one.")
        if self.boolean("PORTAL_KEPT_CONNECTIONS", False):
            return database | {"CONN_MAX_AGE": KEPT_SECONDS}
        size = self.integer("PORTAL_DATABASE_POOL", 16)
        # A pool that tries on doubles its pauses, and stays away about as long again as the server was; one that has
        # given up tries at the next request.
        pool = {"min_size": 1, "max_size": size, "timeout": 10, "reconnect_timeout": 5}
        database["OPTIONS"] = {**database.get("OPTIONS", {}), "pool": pool}
        return database

    @staticmethod
    def cache(redis_url: str) -> dict[str, Any]:
        if redis_url:
            return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}

    def email(self, folder: Path) -> dict[str, Any]:
        sender = {"DEFAULT_FROM_EMAIL": self.text("EMAIL_FROM", "portal@localhost")}
        if os.environ.get("EMAIL_URL"):
            return sender | dict(self.env.email_url("EMAIL_URL"))
        return sender | {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(folder),
        }

    def media_storage(self, folder: Path) -> dict[str, Any]:
        """Any Django storage: PORTAL_MEDIA_STORAGE names its class, PORTAL_MEDIA_OPTIONS holds its options as JSON."""
        backend = self.text("PORTAL_MEDIA_STORAGE", "")
        if backend:
            return {"BACKEND": backend, "OPTIONS": self.env.json("PORTAL_MEDIA_OPTIONS", default={})}
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}

    def logging(self) -> dict[str, Any]:
        level = self.text("PORTAL_LOG_LEVEL", "INFO").upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise BadSetting(f"PORTAL_LOG_LEVEL is {level!r}; write DEBUG, INFO, WARNING or ERROR.")
        return {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": "portal.logs.json_formatter"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                name: {"level": "WARNING"} for name in ("celery", "kombu", "uvicorn", "aiohttp", "asyncio", "psycopg")
            },
        }


def _sqlite(path: Path) -> dict[str, Any]:
    # Deferred transactions refuse half of all writers under load, and a longer timeout does not help them: a read that
    # wants to become a write cannot wait. Immediate ones queue.
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON",
        },
    }


def _ensure_keys(path: Path) -> Path:
    """The keys of the first start, readable by nobody else; two first starts at once agree on one file."""
    if not path.exists():
        lines = {
            "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
            "PORTAL_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
            "PORTAL_LINK_KEY": secrets.token_urlsafe(32),
        }
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".secrets")
        with os.fdopen(handle, "w") as file:
            file.writelines(f"{key}={value}\n" for key, value in lines.items())
        try:
            os.link(name, path)
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
    return path
