"""The customer's telephone: a page on which a visitor reads what the portal sent and writes back, pictures included."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from portal.sandbox import media, rules
from portal.sandbox.api import SANDBOX, Sandbox, answering, reply
from portal.sandbox.rules import E164, Refusal
from portal.sandbox.store import HELP_WORDS, START_WORDS, STOP_WORDS, Account, Pair, Text, new_id, now_us

HERE = Path(__file__).parent
SHOWN = 200  # newest texts of a conversation
LONGEST_WAIT = 25.0
AUTOMATIC = {
    "STOP": "You will get no more texts from this number. Reply START to get them again.",
    "START": "You get texts from this number again. Reply STOP to end.",
    "HELP": "This is an automatic answer. Reply STOP to get no more texts.",
}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " \
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"  # fmt: skip


async def page(request: web.Request) -> web.StreamResponse:
    return _file("handset.html", "text/html", {"content-security-policy": POLICY, "referrer-policy": "no-referrer"})


async def script(request: web.Request) -> web.StreamResponse:
    return _file("handset.js", "text/javascript", {})


async def style(request: web.Request) -> web.StreamResponse:
    return _file("handset.css", "text/css", {})


async def icon(request: web.Request) -> web.StreamResponse:
    return _file("handset.svg", "image/svg+xml", {})


def _file(name: str, kind: str, headers: dict[str, str]) -> web.Response:
    headers = {"x-content-type-options": "nosniff", "cache-control": "no-cache", **headers}
    return web.Response(text=(HERE / name).read_text(), content_type=kind, headers=headers)


async def dids(request: web.Request) -> web.StreamResponse:
    """The numbers a customer can write to, those that can answer first."""
    accounts = request.app[SANDBOX].store.accounts.values()
    rows = [
        {"number": number.number, "account": account.name, "enabled": number.enabled}
        for account in accounts
        for number in account.numbers.values()
    ]
    return reply({"data": sorted(rows, key=lambda row: (not row["enabled"], row["number"]))})


@answering
async def thread(request: web.Request) -> web.StreamResponse:
    """The conversation of a handset with a DID. Waits, at most 25 s, until it differs from what `seen` names."""
    sandbox, pair = request.app[SANDBOX], _pair(request, request.query)
    seen = request.query.get("seen")
    ends = asyncio.get_running_loop().time() + LONGEST_WAIT
    watcher = asyncio.Event()
    watchers = sandbox.store.watchers[pair]
    watchers.add(watcher)
    try:
        while True:
            watcher.clear()
            shown, next_us = _shown(sandbox, pair)
            cursor = f"{len(shown)}.{shown[-1].id if shown else ''}"
            left = ends - asyncio.get_running_loop().time()
            if cursor != seen or left <= 0:
                return reply({"seen": cursor, "data": [_bubble(sandbox, text) for text in shown]})
            await _wait(watcher, left if next_us is None else min(left, (next_us - now_us()) / 1_000_000 + 0.005))
    finally:
        watchers.discard(watcher)
        if not watchers:
            sandbox.store.watchers.pop(pair, None)


async def _wait(watcher: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(watcher.wait(), max(0.005, seconds))
    except TimeoutError:
        return


def _shown(sandbox: Sandbox, pair: Pair) -> tuple[list[Text], int | None]:
    """Texts the handset has by now, in the order it got them, and when the next one arrives."""
    now, next_us = now_us(), None
    shown: list[tuple[int, Text]] = []
    for text in sandbox.store.threads.get(pair, [])[-SHOWN:]:
        at = text.received_us if text.inbound else rules.arrives_us(text, sandbox.settings.receipts)
        if at is not None and at <= now:
            shown.append((at, text))
        elif at is not None:
            next_us = at if next_us is None else min(at, next_us)
    shown.sort(key=lambda each: each[0])
    return [text for _, text in shown], next_us


def _bubble(sandbox: Sandbox, text: Text) -> dict[str, Any]:
    known = [sandbox.store.media[each] for each in text.media]
    return {
        "id": text.id,
        "mine": text.inbound,
        "text": text.text,
        "at_ms": text.received_us // 1000,
        "media": [
            {"url": f"/handset-media/{one.id}", "picture": one.content_type in media.SHOWABLE, "type": one.content_type}
            for one in known
        ],
    }


@answering
async def write(request: web.Request) -> web.StreamResponse:
    """The customer texts: form fields `did`, `text` and any number of `picture` files."""
    _same_origin(request)
    sandbox, form = request.app[SANDBOX], await request.post()
    pair = _pair(request, form)
    account = _owner(sandbox, pair[0])
    body = str(form.get("text", ""))
    kept = _keep_pictures(sandbox, account, form.getall("picture", []))
    if not body.strip() and not kept:
        raise Refusal(400, "no_content", "Write something, or attach a picture.")
    text = receive(sandbox, account, pair, body, kept)
    return reply({"data": _bubble(sandbox, text)}, 201)


def receive(sandbox: Sandbox, account: Account, pair: Pair, body: str, kept: tuple[str, ...]) -> Text:
    keyword = _keyword(body) if account.answers_stop else ""
    text = Text(
        id=new_id("txt"), account=account.id, inbound=True, from_number=pair[1], to_number=pair[0], text=body,
        received_us=now_us(), media=kept, keyword=keyword,
    )  # fmt: skip
    sandbox.store.put_text(text)
    sandbox.outbox.tell_received(text, media.links(sandbox.store, kept, sandbox.base))
    if keyword:
        _answer_keyword(sandbox, text)
    return text


def _answer_keyword(sandbox: Sandbox, asked: Text) -> None:
    answer = Text(
        id=new_id("txt"), account=asked.account, inbound=False, from_number=asked.to_number,
        to_number=asked.from_number, text=AUTOMATIC[asked.keyword], received_us=now_us(), automatic=True,
    )  # fmt: skip
    sandbox.store.put_text(answer)


def _keep_pictures(sandbox: Sandbox, account: Account, files: list[Any]) -> tuple[str, ...]:
    kept = []
    for file in files:
        if isinstance(file, web.FileField) and (content := file.file.read()):
            kept.append(media.keep(sandbox.store, account.id, file.content_type, content).id)
    return tuple(kept)


def _keyword(body: str) -> str:
    word = body.strip().upper()
    groups = {"STOP": STOP_WORDS, "START": START_WORDS, "HELP": HELP_WORDS}
    return next((name for name, words in groups.items() if word in words), "")


@answering
async def picture(request: web.Request) -> web.StreamResponse:
    store = request.app[SANDBOX].store
    found = store.media.get(request.match_info["id"])
    if found is None:
        raise Refusal(404, "not_found", "There is no such picture.")
    return media.serve(store, found)


def _pair(request: web.Request, fields: Any) -> Pair:
    did, handset = str(fields.get("did", "")), request.match_info["number"]
    if not E164.fullmatch(did) or not E164.fullmatch(handset):
        raise Refusal(400, "invalid_number", "Both numbers must look like +12015550123.")
    return did, handset


def _owner(sandbox: Sandbox, did: str) -> Account:
    owner = sandbox.store.owners.get(did)
    if owner is None:
        raise Refusal(404, "not_in_service", "Nobody has that number.")
    return sandbox.store.accounts[owner]


def _same_origin(request: web.Request) -> None:
    """A page of another site must not text in the visitor's name."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Refusal(403, "foreign_page", "Texts come from the handset page only.")


DOORS = (
    web.get("/", page),
    web.get("/handset/{number}", page),
    web.get("/handset/{number}/thread", thread),
    web.post("/handset/{number}/texts", write),
    web.get("/handset-media/{id}", picture),
    web.get("/handset-dids", dids),
    web.get("/handset.js", script),
    web.get("/handset.css", style),
    web.get("/handset.svg", icon),
)
