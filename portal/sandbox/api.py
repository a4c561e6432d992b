"""The carrier's API: what a portal with an API key may do. README.md describes it for readers."""

import asyncio
import json
import random
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import aiohttp
from aiohttp import web

from portal.sandbox import media, rules
from portal.sandbox.callbacks import Outbox, look_up_data
from portal.sandbox.config import Settings
from portal.sandbox.rules import Magic, Refusal
from portal.sandbox.store import Account, Number, Store, Text, new_id, now_us

PAGE = 250
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Sandbox:
    settings: Settings
    store: Store
    session: aiohttp.ClientSession
    outbox: Outbox
    buckets: dict[str, "Bucket"] = field(default_factory=dict)
    busy: Counter[tuple[str, str]] = field(default_factory=Counter)
    jobs: set[asyncio.Task[None]] = field(default_factory=set)  # fetches under way
    base: str = ""  # where the world reaches the program

    def begin(self, text: Text) -> None:
        """Set an outgoing text on its way: pictures first, then the receipts."""
        if text.media_urls and not text.fetched_us:
            job = asyncio.create_task(self._fetch_and_tell(text))
            self.jobs.add(job)
            job.add_done_callback(self._fetched)
        else:
            self.outbox.tell_status(text)

    def _fetched(self, job: asyncio.Task[None]) -> None:
        self.jobs.discard(job)
        if not job.cancelled() and (error := job.exception()):
            traceback.print_exception(error)

    async def _fetch_and_tell(self, text: Text) -> None:
        await media.fetch_all(self.store, self.session, text)
        self.outbox.tell_status(text)

    def resume(self, text: Text) -> None:
        """After a restart: what was not told is told now."""
        if text.automatic:
            return
        if text.inbound:
            self.outbox.tell_received(text, media.links(self.store, text.media, self.base))
        else:
            self.begin(text)


SANDBOX: web.AppKey[Sandbox] = web.AppKey("sandbox", Sandbox)


@dataclass(slots=True)
class Bucket:
    """Tokens of one account; holds one second's worth."""

    tokens: float
    at: float

    def take(self, rate: float) -> bool:
        now = time.monotonic()
        self.tokens = min(max(rate, 1.0), self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def answering(handler: Handler) -> Handler:
    """Turn a Refusal into its JSON answer, and answer only when what happened is written down."""

    @wraps(handler)
    async def wrapped(request: web.Request) -> web.StreamResponse:
        try:
            answer = await handler(request)
        except Refusal as refusal:
            return refused(refusal)
        await asyncio.sleep(0)  # one turn of the loop, in which the store writes its lines
        return answer

    return wrapped


def refused(refusal: Refusal) -> web.Response:
    answer = reply({"error": {"code": refusal.code, "message": refusal.sentence}}, refusal.status)
    if refusal.retry_after is not None:
        answer.headers["retry-after"] = f"{refusal.retry_after:g}"
    return answer


def reply(content: Any, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(content).encode(), status=status, content_type="application/json")


def account_of(request: web.Request) -> Account:
    """The account whose API key the request carries, or Refusal."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    account = request.app[SANDBOX].store.by_key.get(key.strip())
    if scheme.lower() != "bearer" or account is None:
        raise Refusal(401, "bad_credentials", "The API key is missing or unknown.")
    return account


async def json_of(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Refusal(400, "invalid_body", "The body must be JSON.") from None


async def send(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    code = ""
    try:
        account = account_of(request)
        payload = await json_of(request)
        received = now_us()
        try:
            _keep_to_the_rate(sandbox, account)
            text = _take(sandbox, account, payload, received)
            answer = _answer(request, text)
        except Refusal as refusal:
            code = refusal.code
            sandbox.store.refused[account.id, code] += 1
            answer = refused(refusal)
    except Refusal as refusal:
        answer = refused(refusal)
    await asyncio.sleep(random.uniform(*sandbox.settings.latency))  # at least one turn: the text is written  # noqa: S311
    return answer


def _keep_to_the_rate(sandbox: Sandbox, account: Account) -> None:
    rate = sandbox.settings.rate if account.rate is None else account.rate
    if not rate:
        return
    bucket = sandbox.buckets.setdefault(account.id, Bucket(max(rate, 1.0), time.monotonic()))
    if not bucket.take(rate):
        raise Refusal(429, "too_fast", "More texts a second than this account may send.", retry_after=1)


def _take(sandbox: Sandbox, account: Account, payload: Any, received_us: int) -> Text:
    fields = rules.check(account, payload)
    to = fields["to_number"]
    if to.endswith(Magic.BUSY):
        _refuse_while_busy(sandbox.busy, account.id, to)
    if account.answers_stop and (fields["from_number"], to) in sandbox.store.stopped:
        raise Refusal(400, "opted_out", "The recipient does not want texts from this sender.")
    text = Text(id=new_id("txt"), account=account.id, inbound=False, received_us=received_us, **fields)
    sandbox.store.put_text(text)
    sandbox.begin(text)
    return text


def _refuse_while_busy(busy: Counter[tuple[str, str]], account: str, to: str) -> None:
    busy[account, to] += 1
    if busy[account, to] <= rules.BUSY_TRIES:
        raise Refusal(429, "busy", "Too many texts to this number at the moment.", retry_after=1)
    del busy[account, to]


def _answer(request: web.Request, text: Text) -> web.Response:
    if text.to_number.endswith(Magic.HANGS_UP) and request.transport is not None:
        request.transport.abort()
    if text.to_number.endswith(Magic.GARBAGE):
        return web.Response(text="<html>Gateway says: ok?</html>", content_type="text/html")
    data = {"id": text.id, "status": "queued", "segments": text.segments, "client_reference": text.reference}
    return reply({"data": data}, 202)


@answering
async def message(request: web.Request) -> web.StreamResponse:
    account, sandbox = account_of(request), request.app[SANDBOX]
    text = sandbox.store.texts.get(request.match_info["id"])
    if text is None or text.account != account.id or text.inbound:
        raise Refusal(404, "not_found", "There is no such message.")
    return reply({"data": look_up_data(text, sandbox.settings)})


@answering
async def messages(request: web.Request) -> web.StreamResponse:
    """Every text with this client reference. An empty list proves that none was taken."""
    account, sandbox = account_of(request), request.app[SANDBOX]
    reference = request.query.get("client_reference", "")
    if not reference:
        raise Refusal(400, "invalid_query", "Name a client_reference.")
    found = sandbox.store.by_reference.get((account.id, reference), [])
    return reply({"data": [look_up_data(text, sandbox.settings) for text in found]})


@answering
async def numbers(request: web.Request) -> web.StreamResponse:
    account = account_of(request)
    page, size = _whole(request, "page", 1), min(PAGE, _whole(request, "size", PAGE))
    owned = sorted(account.numbers)
    shown = owned[(page - 1) * size : page * size]
    return reply(
        {
            "data": [_number_data(account.numbers[each]) for each in shown],
            "page": page,
            "pages": -(-len(owned) // size),
        }
    )


def _whole(request: web.Request, name: str, default: int) -> int:
    value = request.query.get(name, str(default))
    if not value.isascii() or not value.isdigit() or not 1 <= len(value) <= 6 or int(value) < 1:
        raise Refusal(400, "invalid_query", f"'{name}' must be a whole number from 1.")
    return int(value)


def _number_data(number: Number) -> dict[str, Any]:
    return {
        "id": f"num_{number.number[1:]}",
        "number": number.number,
        "sms": number.enabled and number.sms,
        "mms": number.enabled and number.mms,
        "campaign": number.campaign,
    }


@answering
async def enable(request: web.Request) -> web.StreamResponse:
    """Switch texting on: one result a number, in the order asked."""
    account, payload = account_of(request), await json_of(request)
    asked = payload.get("numbers") if isinstance(payload, dict) else None
    if not isinstance(asked, list) or not all(isinstance(each, str) for each in asked) or len(asked) > 1000:
        raise Refusal(400, "invalid_body", "'numbers' must be a list of at most 1000 numbers.")
    results = [_enable(account, number) for number in asked]
    request.app[SANDBOX].store.put_account(account)
    return reply({"data": results})


def _enable(account: Account, number: str) -> dict[str, Any]:
    owned = account.numbers.get(number)
    if owned is None:
        return _not_enabled(number, "not_your_number", "The number does not belong to this account.")
    if number.endswith(rules.ELSEWHERE):
        return _not_enabled(number, "text_enabled_elsewhere", "The number is text-enabled with another provider.")
    if number.endswith(rules.PORTING):
        return _not_enabled(number, "port_pending", "The landline port of this number is still pending.")
    owned.enabled = True
    return {"enabled": True, "code": "", "message": "", **_number_data(owned)}


def _not_enabled(number: str, code: str, sentence: str) -> dict[str, Any]:
    return {"number": number, "enabled": False, "code": code, "message": sentence}


@answering
async def accepted(request: web.Request) -> web.StreamResponse:
    """What was really taken from this account, oldest first, in pages: the proof that nothing was sent twice."""
    account, store = account_of(request), request.app[SANDBOX].store
    page, size = _whole(request, "page", 1), min(10_000, _whole(request, "size", 1000))
    mine = [
        text for text in store.texts.values() if text.account == account.id and not (text.inbound or text.automatic)
    ]
    shown = mine[(page - 1) * size : page * size]
    return reply({"data": [_accepted_data(text) for text in shown], "page": page, "pages": -(-len(mine) // size)})


def _accepted_data(text: Text) -> dict[str, Any]:
    return {
        "id": text.id,
        "client_reference": text.reference,
        "from": text.from_number,
        "to": text.to_number,
        "text": text.text,
        "segments": text.segments,
        "media": len(text.media_urls),
        "received_us": text.received_us,
    }


@answering
async def show_account(request: web.Request) -> web.StreamResponse:
    account = account_of(request)
    return reply({"data": {"id": account.id, "name": account.name, "webhook_url": account.webhook_url}})


@answering
async def change_account(request: web.Request) -> web.StreamResponse:
    """Set where texts from customers are reported: `{"webhook_url": …}`."""
    account, payload = account_of(request), await json_of(request)
    url = payload.get("webhook_url") if isinstance(payload, dict) else None
    if not isinstance(url, str) or (url and not url.startswith("http")):
        raise Refusal(400, "invalid_body", "'webhook_url' must be an http link.")
    account.webhook_url = url
    request.app[SANDBOX].store.put_account(account)
    return await show_account(request)


@answering
async def download(request: web.Request) -> web.StreamResponse:
    account, store = account_of(request), request.app[SANDBOX].store
    found = store.media.get(request.match_info["id"])
    if found is None or found.account != account.id:
        raise Refusal(404, "not_found", "There is no such picture.")
    return media.serve(store, found)
