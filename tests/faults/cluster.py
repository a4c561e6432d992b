"""A PostgreSQL of the test's own, from the installed programs, which may be stopped and crashed."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests import components
from tests.faults import databases
from tests.faults.processes import Program, free_port, until

# Rows need not outlive this machine, but what was committed must outlive the server.
OPTIONS = {"listen_addresses": "127.0.0.1", "fsync": "off", "full_page_writes": "off", "max_connections": "200"}


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self._server: Program
        if self.user:
            shutil.chown(folder, self.user, self.user)
        words = ["-U", "app", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            [self._program("initdb"), "-D", str(folder / "data"), *words],
            cwd="/", user=self.user, group=self.user, check=True, capture_output=True,
        )  # fmt: skip

    def _program(self, name: str) -> str:
        folder = components.postgres_programs()
        assert folder is not None
        return str(folder / name)

    def url(self, database: str) -> str:
        return f"postgres://app@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        facts = OPTIONS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        words = [word for name, value in facts.items() for word in ("-c", f"{name}={value}")]
        command = [self._program("postgres"), "-D", str(self.folder / "data"), *words]
        log = self.folder / "server.log"
        self._server = Program("postgres", command, environ={"LC_ALL": "C.UTF-8"}, log=log, user=self.user)
        until(self._answers, what=self._server.said)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """As `pg_ctl -m fast stop`: sessions are ended and what they had begun is undone."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """As `pg_ctl -m immediate stop`: all processes leave at once; the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def _end(self, number: int) -> None:
        self._server.signal(number)
        self._server.process.wait(30)

    def close(self) -> None:
        if self._server.process.poll() is None:
            self.crash()

    @contextmanager
    def database(self, data: Path) -> Iterator[dict[str, str]]:
        """A migrated database; what the environment of its portal must say of it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE portal")
        facts = {"DATABASE_URL": self.url("portal")}
        databases.manage("migrate", environ=databases.base_environ(data) | facts)
        yield facts


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running server. Its folder lies where the user it runs as can walk to, which a test's own does not."""
    with tempfile.TemporaryDirectory(prefix="faults-postgres-") as folder:
        one = Cluster(Path(folder))
        one.start()
        try:
            yield one
        finally:
            one.close()
