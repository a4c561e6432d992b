"""Doors of whoever runs the sandbox: accounts and counts. They need the operator token; counts also open to a key."""

import hmac
import json
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

from aiohttp import web

from portal.sandbox.api import SANDBOX, Sandbox, account_of, answering, json_of, reply
from portal.sandbox.rules import E164, Refusal
from portal.sandbox.store import Account, Number, Store, new_id


@answering
async def put_account(request: web.Request) -> web.StreamResponse:
    """Create an account, or change the one with this id. What is left out stays as it was, or is made up.

    Body: `{"id", "name", "api_key", "signing_secret", "webhook_url", "answers_stop", "rate", "numbers"}`; a number is
    a string or `{"number", "sms", "mms", "enabled", "campaign"}`.
    """
    sandbox = request.app[SANDBOX]
    _require_operator(request, sandbox)
    payload = await json_of(request)
    if not isinstance(payload, dict):
        raise Refusal(400, "invalid_body", "The body must be a JSON object.")
    account = save(sandbox.store, payload)
    return reply({"data": _account_data(account)}, 201)


def load_file(store: Store, path: Path) -> None:
    """Accounts of a configuration file. An account that is known already keeps what it has learnt."""
    for entry in json.loads(path.read_text()):
        if entry.get("id") not in store.accounts:
            save(store, entry)


def save(store: Store, payload: dict[str, Any]) -> Account:
    identity = _word(payload, "id", new_id("acc"))
    old = store.accounts.get(identity)
    account = Account(
        id=identity,
        name=_word(payload, "name", old.name if old else identity),
        api_key=_word(payload, "api_key", old.api_key if old else new_id("key")),
        signing_secret=_word(payload, "signing_secret", old.signing_secret if old else secrets.token_urlsafe(24)),
        webhook_url=_word(payload, "webhook_url", old.webhook_url if old else ""),
        answers_stop=payload.get("answers_stop", old.answers_stop if old else False) is True,
        rate=_rate(payload, old),
        numbers=_numbers(payload["numbers"], old) if "numbers" in payload else dict(old.numbers) if old else {},
    )
    _refuse_double_use(store, account)
    store.put_account(account)
    return account


def _word(payload: dict[str, Any], name: str, default: str) -> str:
    value = payload.get(name, default)
    if not isinstance(value, str) or len(value) > 2000:
        raise Refusal(400, "invalid_body", f"'{name}' must be a string.")
    return value


def _rate(payload: dict[str, Any], old: Account | None) -> float | None:
    value = payload.get("rate", old.rate if old else None)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6):
        raise Refusal(400, "invalid_body", "'rate' must be a number of texts a second.")
    return value


def _numbers(entries: Any, old: Account | None) -> dict[str, Number]:
    if not isinstance(entries, list):
        raise Refusal(400, "invalid_body", "'numbers' must be a list.")
    numbers = [_one_number(entry, old) for entry in entries]
    return {number.number: number for number in numbers}


def _one_number(entry: Any, old: Account | None) -> Number:
    facts = {"number": entry} if isinstance(entry, str) else entry
    if not isinstance(facts, dict) or not E164.fullmatch(str(facts.get("number"))):
        raise Refusal(400, "invalid_number", "Every number must be E.164.")
    known = old.numbers.get(facts["number"]) if old else None
    number = Number(facts["number"]) if known is None else known
    return Number(
        number=number.number,
        sms=facts.get("sms", number.sms) is True,
        mms=facts.get("mms", number.mms) is True,
        enabled=facts.get("enabled", number.enabled) is True,
        campaign=_word(facts, "campaign", number.campaign),
    )


def _refuse_double_use(store: Store, account: Account) -> None:
    if store.by_key.get(account.api_key, account).id != account.id:
        raise Refusal(409, "taken", "Another account has this API key.")
    for number in account.numbers:
        if store.owners.get(number, account.id) != account.id:
            raise Refusal(409, "taken", f"{number} belongs to another account.")


def _account_data(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "api_key": account.api_key,
        "signing_secret": account.signing_secret,
        "webhook_url": account.webhook_url,
        "numbers": len(account.numbers),
    }


@answering
async def stats(request: web.Request) -> web.StreamResponse:
    """Counts over all accounts for the operator, over its own for an account."""
    sandbox = request.app[SANDBOX]
    account = "" if _is_operator(request, sandbox) else account_of(request).id
    return reply(counts(sandbox, account))


def counts(sandbox: Sandbox, account: str) -> dict[str, Any]:
    """`sent_twice`: references of which more than one text was taken. `after_stop`: texts taken after a STOP."""
    store = sandbox.store
    texts = [text for text in store.texts.values() if account in ("", text.account)]
    outgoing = [text for text in texts if not text.inbound and not text.automatic]
    references = Counter(text.reference for text in outgoing if text.reference)
    refused: Counter[str] = Counter()
    for (owner, code), count in store.refused.items():
        if account in ("", owner):
            refused[code] += count
    return {
        "accepted": len(outgoing),
        "references": len(references),
        "sent_twice": sorted(reference for reference, count in references.items() if count > 1),
        "inbound": sum(text.inbound for text in texts),
        "after_stop": [each for each in store.after_stop if account in ("", store.texts[each].account)],
        "refused": dict(refused),
        "callbacks": {**sandbox.outbox.counts, "waiting": sandbox.outbox.waiting},
    }


def _is_operator(request: web.Request, sandbox: Sandbox) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    return hmac.compare_digest(given.encode(), sandbox.settings.operator_token.encode())


def _require_operator(request: web.Request, sandbox: Sandbox) -> None:
    if not _is_operator(request, sandbox):
        raise Refusal(401, "bad_credentials", "This door needs the operator token.")
