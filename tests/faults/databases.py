"""A database for each portal under test, copied from one that was migrated once, and this process's view of it."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
import psycopg
from django.db import connections
from django.db.utils import load_backend

from tests.faults.processes import ROOT

SERVER = os.environ.get("DATABASE_URL", "")
_numbers = itertools.count(1)


def base_environ(data: Path) -> dict[str, str]:
    """The environment of a portal with nothing of this machine's, and the keys of this test run."""
    left_out = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "PORTAL_DATA_DIR")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_ENV_FILE": os.devnull,
        "PORTAL_DATA_DIR": str(data),
    }


def _url(name: str) -> str:
    return urlsplit(SERVER)._replace(path=f"/{name}").geturl()


def _execute(statement: str) -> None:
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(statement)


def manage(command: str, *, environ: Mapping[str, str]) -> None:
    words = [sys.executable, "-m", "django", command, "--verbosity", "0", "--no-input"]
    subprocess.run(words, cwd=ROOT, env=environ, check=True, timeout=120)


@contextmanager
def template(data: Path) -> Iterator[str]:
    """A migrated database: a file, or the name of one on the server; static files collected in `data`."""
    name = f"faults_{os.getpid()}_template" if SERVER else str(data / "portal.sqlite3")
    facts = base_environ(data)
    (data / "static").mkdir()
    if SERVER:
        _execute(f'CREATE DATABASE "{name}"')
        facts["DATABASE_URL"] = _url(name)
    try:
        manage("migrate", environ=facts)
        if SERVER:  # embedded, static files are served from where they stand
            manage("collectstatic", environ=facts)
        yield name
    finally:
        if SERVER:
            _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def copy(template: str, data: Path) -> Iterator[dict[str, str]]:
    """A database of its own; what the environment of its portal must say of it."""
    if not SERVER:
        shutil.copy(template, data / "portal.sqlite3")
        yield {}
        return
    name = f"faults_{os.getpid()}_{next(_numbers)}"
    _execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield {"DATABASE_URL": _url(name)}
    finally:
        _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def seen_from_here(data: Path, facts: Mapping[str, str]) -> Iterator[None]:
    """The ORM of this thread looks into that database until the end of the block."""
    before = connections["default"]
    settings: dict[str, Any] = {**before.settings_dict, "OPTIONS": {}, "TEST": {}, **_facts(data, facts)}
    connections["default"] = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before


def _facts(data: Path, facts: Mapping[str, str]) -> dict[str, Any]:
    if url := facts.get("DATABASE_URL"):
        return dict(environ.Env.db_url_config(url))
    options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA foreign_keys=ON"}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(data / "portal.sqlite3"), "OPTIONS": options}
