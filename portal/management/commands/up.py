"""The whole portal on one machine: web, streams, worker and beat in this process, the sandbox carrier in another."""

import os
import signal
import socket
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import get_resolver

from portal.celery import app
from portal.running import addresses, lock, ports
from portal.running.children import Child, ChildFailed
from portal.running.server import STOP_SIGNALS, Server
from portal.running.worker import EmbeddedWorker

SANDBOX_ABOVE = 10  # the sandbox's port is the portal's and ten, when that is free


class Command(BaseCommand):
    help = "Starts everything on this machine and prints the address. Ctrl-C stops it all."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the pages, on 127.0.0.1; 0 takes a free one")
        parser.add_argument("--no-demo", action="store_true", help="make no demo organization")

    def handle(self, *, port: int, no_demo: bool, **options: Any) -> None:
        run = Run(self, demo=not no_demo)
        for number in STOP_SIGNALS:
            signal.signal(number, run.on_signal)
        try:
            run.everything(port)
        except (ports.PortTaken, lock.AlreadyRunning, ChildFailed) as error:
            run.failure = str(error)
        except KeyboardInterrupt:
            pass  # asked to stop before it served; what had started is stopped again
        run.end()


class Run:
    """One `up`, from the first socket to the last thread."""

    def __init__(self, command: Command, *, demo: bool) -> None:
        self.command = command
        self.demo = demo
        self.failure = ""
        self.drained = True
        self.server: Server | None = None

    def everything(self, port: int) -> None:
        with ExitStack() as stack:
            listener = stack.enter_context(ports.listen(port))
            stack.enter_context(lock.held(settings.DATA_DIR))
            sandbox = self.start_sandbox(stack, port=ports.free_near(port + SANDBOX_ABOVE) if port else 0)
            self.migrate()
            self.collect_static()
            worker = self.prepare()
            portal = ports.address(listener)
            handset = sandbox.address() if isinstance(sandbox, Child) else sandbox
            stack.enter_context(addresses.known(portal=portal, sandbox=handset))
            notes = demo_notes() if self.demo else []
            worker.start()
            stack.callback(self.stop_worker, worker)
            self.serve(listener, worker, [f"Ready: {portal}", f"Handset: {handset}/", *notes])

    def migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.say("Bringing the database up to date.")
            call_command("migrate", verbosity=0, interactive=False)

    def collect_static(self) -> None:
        """Embedded, whitenoise reads the sources; with a server, pages name files by what they hold."""
        if settings.EMBEDDED:
            Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
        else:
            call_command("collectstatic", verbosity=0, interactive=False)

    def say(self, *lines: str) -> None:
        self.command.stdout.write("\n".join(lines))
        self.command.stdout.flush()

    def start_sandbox(self, stack: ExitStack, *, port: int) -> Child | str:
        """The child, or the address of the sandbox that the operator runs elsewhere."""
        elsewhere = addresses.chosen_by_operator("PORTAL_SANDBOX_URL")
        if elsewhere:
            return elsewhere.rstrip("/")
        words = ["--port", str(port), "--data", str(settings.DATA_DIR)]
        child = Child("sandbox", "portal.sandbox", words, on_end=self.on_end)
        stack.callback(child.stop)
        return child

    def prepare(self) -> EmbeddedWorker:
        """While the sandbox starts on another core: the worker, and every page, so that the first one is quick too."""
        import_module("portal.asgi")
        assert get_resolver().url_patterns
        return EmbeddedWorker(app, on_end=self.on_end)

    def stop_worker(self, worker: EmbeddedWorker) -> None:
        self.drained = worker.stop()

    def serve(self, listener: socket.socket, worker: EmbeddedWorker, lines: list[str]) -> None:
        def started() -> None:
            if worker.wait_ready():
                self.say(*lines)
            else:
                self.on_end("The worker did not start within 20 s; its log says why.")

        self.server = Server("portal.asgi:application", on_started=started)
        if not self.failure:
            self.server.run(sockets=[listener])

    def on_signal(self, number: int, frame: object) -> None:
        if self.server is None:
            raise KeyboardInterrupt
        if self.server.should_exit:
            os._exit(1)  # asked twice; the children see the pipe close and end by themselves
        self.server.should_exit = True

    def on_end(self, sentence: str) -> None:
        """A part ended by itself: stop the others. Called in that part's thread."""
        self.failure = self.failure or sentence
        if self.server is not None:
            self.server.should_exit = True

    def end(self) -> None:
        if self.failure:
            self.command.stderr.write(self.failure)
        else:
            self.command.stdout.write("Stopped.")
        sys.stdout.flush()
        if not self.drained:
            # A thread still waits for a carrier; its claim has a lease, so nothing is lost by leaving now.
            os._exit(1)
        if self.failure:
            sys.exit(1)


def demo_notes() -> list[str]:
    """Make the demo organization if there is none, and say how to sign in."""
    from portal import demo

    return list(demo.ensure_demo().notes)
