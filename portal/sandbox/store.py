"""What the sandbox knows. Every change is one line of sandbox.jsonl; at start the lines are read back."""

import asyncio
import json
import os
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Pair = tuple[str, str]  # the account's number, the customer's number


def now_us() -> int:
    """The sandbox's own clock: microseconds since 1970."""
    return time.time_ns() // 1000


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


@dataclass(slots=True)
class Number:
    number: str
    sms: bool = True  # able to; `enabled` says whether it is switched on
    mms: bool = True
    enabled: bool = False
    campaign: str = ""


@dataclass(slots=True)
class Account:
    id: str
    name: str
    api_key: str = field(repr=False)
    signing_secret: str = field(repr=False)
    webhook_url: str = ""
    answers_stop: bool = False
    rate: float | None = None  # texts a second; 0: unlimited; None: as the program was started
    numbers: dict[str, Number] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Text:
    """One text in either direction, as the sandbox got it."""

    id: str
    account: str
    inbound: bool
    from_number: str
    to_number: str
    text: str
    received_us: int
    reference: str = ""
    webhook_url: str = ""
    segments: int = 1
    media_urls: tuple[str, ...] = ()  # what the portal handed over
    media: tuple[str, ...] = ()  # our copies
    fetched_us: int = 0  # when every media_url had been tried
    media_missing: bool = False
    keyword: str = ""  # answered by the sandbox in the account's name: STOP, START or HELP
    automatic: bool = False  # such an answer

    @property
    def pair(self) -> Pair:
        return (self.to_number, self.from_number) if self.inbound else (self.from_number, self.to_number)


@dataclass(slots=True)
class Media:
    id: str
    account: str
    content_type: str
    size: int


@dataclass(slots=True)
class Store:
    folder: Path
    accounts: dict[str, Account] = field(default_factory=dict)
    by_key: dict[str, Account] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)  # number -> account id
    texts: dict[str, Text] = field(default_factory=dict)
    by_reference: dict[tuple[str, str], list[Text]] = field(default_factory=lambda: defaultdict(list))
    threads: dict[Pair, list[Text]] = field(default_factory=lambda: defaultdict(list))
    media: dict[str, Media] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)  # events that were taken, or given up
    stopped: dict[Pair, int] = field(default_factory=dict)  # when the customer texted STOP
    after_stop: list[str] = field(default_factory=list)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # (account, code); since the start
    watchers: dict[Pair, set[asyncio.Event]] = field(default_factory=lambda: defaultdict(set))
    _file: int = -1
    _lines: list[bytes] = field(default_factory=list)

    def open(self) -> None:
        (self.folder / "sandbox-media").mkdir(parents=True, exist_ok=True)
        path = self.folder / "sandbox.jsonl"
        for kind, record in _read(path):
            self._apply[kind](record)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        _end_with_newline(self._file)

    def close(self) -> None:
        self._flush()
        os.close(self._file)

    # Changes. Each is applied and written; `flush` runs before the event loop goes on to answer anyone.

    def put_account(self, account: Account) -> None:
        self._change("account", asdict(account))

    def put_text(self, text: Text) -> None:
        self._keep_text(text)
        self._write("text", {name: getattr(text, name) for name in Text.__slots__})

    def put_media(self, media: Media, content: bytes) -> None:
        self.media_path(media.id).write_bytes(content)
        self._change("media", asdict(media))

    def media_fetched(self, text: Text, media: list[str]) -> None:
        missing = len(media) < len(text.media_urls)
        self._change("fetched", {"id": text.id, "at": now_us(), "media": media, "missing": missing})

    def mark_told(self, event: str) -> None:
        self._change("told", {"id": event})

    def media_path(self, media: str) -> Path:
        return self.folder / "sandbox-media" / media

    def ring(self, pair: Pair) -> None:
        for watcher in self.watchers.get(pair, ()):
            watcher.set()

    def _change(self, kind: str, record: dict[str, Any]) -> None:
        self._apply[kind](record)
        self._write(kind, record)

    def _write(self, kind: str, record: dict[str, Any]) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(json.dumps({"kind": kind, **record}).encode())

    def _flush(self) -> None:
        """Write what came in since the last turn of the loop. On a full disk the program dies rather than forgets."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        block = memoryview(b"\n".join(lines) + b"\n")
        try:
            while block:
                block = block[os.write(self._file, block) :]
        except OSError as error:
            os.write(2, f"The sandbox cannot write its log: {error.strerror}.\n".encode())
            os._exit(1)

    @property
    def _apply(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        return {
            "account": self._apply_account,
            "text": self._apply_text,
            "media": self._apply_media,
            "fetched": self._apply_fetched,
            "told": self._apply_told,
        }

    def _apply_account(self, record: dict[str, Any]) -> None:
        numbers = {number: Number(**facts) for number, facts in record["numbers"].items()}
        account = Account(**_without_kind(record) | {"numbers": numbers})
        old = self.accounts.get(account.id)
        if old:
            self.by_key.pop(old.api_key, None)
            for number in old.numbers:
                self.owners.pop(number, None)
        self.accounts[account.id] = self.by_key[account.api_key] = account
        self.owners.update(dict.fromkeys(numbers, account.id))

    def _apply_text(self, record: dict[str, Any]) -> None:
        text = Text(**_without_kind(record))
        text.media_urls, text.media = tuple(text.media_urls), tuple(text.media)
        self._keep_text(text)

    def _keep_text(self, text: Text) -> None:
        self.texts[text.id] = text
        self.threads[text.pair].append(text)
        if text.inbound:
            self._note_keyword(text)
        elif not text.automatic:
            self.by_reference[text.account, text.reference].append(text)
            if text.pair in self.stopped:
                self.after_stop.append(text.id)
        self.ring(text.pair)

    def _note_keyword(self, text: Text) -> None:
        word = text.text.strip().upper()
        if word in STOP_WORDS:
            self.stopped.setdefault(text.pair, text.received_us)
        elif word in START_WORDS:
            self.stopped.pop(text.pair, None)

    def _apply_media(self, record: dict[str, Any]) -> None:
        self.media[record["id"]] = Media(**_without_kind(record))

    def _apply_fetched(self, record: dict[str, Any]) -> None:
        text = self.texts[record["id"]]
        text.fetched_us, text.media, text.media_missing = record["at"], tuple(record["media"]), record["missing"]
        self.ring(text.pair)

    def _apply_told(self, record: dict[str, Any]) -> None:
        self.told.add(record["id"])


STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})


def _without_kind(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "kind"}


def _read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of the log. A line without its newline was cut by a crash; nobody was answered for it."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n") and line.strip():
                record = json.loads(line)
                yield record["kind"], record


def _end_with_newline(file: int) -> None:
    """Cut a half-written last line, so that the next one starts on its own."""
    size = os.fstat(file).st_size
    if not size or os.pread(file, 1, size - 1) == b"\n":
        return
    tail = os.pread(file, min(size, 1_000_000), max(0, size - 1_000_000))
    os.ftruncate(file, size - len(tail) + tail.rfind(b"\n") + 1)
