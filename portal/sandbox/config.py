"""Flags of the program. Every flag may also be given as SANDBOX_<FLAG> in the environment."""

import argparse
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Span = tuple[float, float]  # seconds, from and to


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    host: str
    port: int  # 0: any free one; the program prints which
    data: Path
    operator_token: str
    accounts: Path | None = None
    latency: Span = (0.0, 0.05)  # before the answer to a send
    receipts: Span = (0.15, 0.9)  # between one receipt and the next
    rate: float = 0.0  # texts a second for accounts that name none; 0: unlimited
    disorder: bool = True
    callbacks: bool = True
    retry_seconds: float = 1.0  # first back-off of a callback nobody took; doubles, at most a minute


def settings_from(arguments: Sequence[str]) -> Settings:
    """The settings, or SystemExit(2) with a sentence."""
    flags = _parser().parse_args(arguments)
    return Settings(
        host=flags.host,
        port=flags.port,
        data=flags.data,
        operator_token=_operator_token(flags.secret_file or flags.data / "sandbox.secret"),
        accounts=flags.accounts,
        latency=flags.latency_ms,
        receipts=flags.receipt_ms,
        rate=flags.rate,
        disorder=flags.disorder,
        callbacks=flags.callbacks,
        retry_seconds=flags.retry_seconds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.sandbox", description="A carrier on this machine.")
    yes_no = argparse.BooleanOptionalAction
    add = parser.add_argument
    add("--host", default=_env("HOST", "127.0.0.1"), help="address to listen on")
    add("--port", type=int, default=_env("PORT", "8010"), help="0 takes any free port")
    add("--data", type=Path, default=_env("DATA", "var"), help="folder of sandbox.jsonl and the pictures")
    add("--secret-file", type=Path, default=_env("SECRET_FILE") or None, help="operator token; made when missing")
    add("--accounts", type=Path, default=_env("ACCOUNTS") or None, help="JSON list of accounts to have at start")
    add("--latency-ms", type=_span, default=_env("LATENCY_MS", "0-50"), help="delay of the answer: 50, or 0-50")
    add("--receipt-ms", type=_span, default=_env("RECEIPT_MS", "150-900"), help="time between receipts")
    add("--rate", type=float, default=_env("RATE", "0"), help="texts a second for each account; 0 is unlimited")
    add("--disorder", action=yes_no, default=_env("DISORDER", "1") != "0", help="receipts out of order and repeated")
    add("--callbacks", action=yes_no, default=_env("CALLBACKS", "1") != "0", help="call webhooks at all")
    add("--retry-seconds", type=float, default=_env("RETRY_SECONDS", "1"), help="first back-off of callbacks")
    return parser


def _env(name: str, default: str = "") -> str:
    return os.environ.get(f"SANDBOX_{name}", default)


def _span(text: str) -> Span:
    """`50` or `0-50` in milliseconds, as seconds."""
    low, _, high = text.partition("-")
    span = (float(low) / 1000, float(high or low) / 1000)
    if not 0 <= span[0] <= span[1]:
        raise argparse.ArgumentTypeError("give milliseconds as 50 or as 0-50")
    return span


def _operator_token(path: Path) -> str:
    if path.exists():
        token = path.read_text().strip()
        if token:
            return token
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    path.touch(mode=0o600)
    path.write_text(token + "\n")
    return token
