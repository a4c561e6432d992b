"""A Telnyx on loopback for tests: checks the key, keeps idempotency, answers in the documented shapes, signs webhooks.

    with telnyx() as peer:
        peer.add("+13125550100")          # a number in the profile
        peer.profile_webhook = "http://127.0.0.1:…/hooks/…"
        peer.text_from_customer("+12015550123", "+13125550100", "Hello")

`peer.values` are the account's fields. Receipts go to each text's `webhook_url`. Answers can be bent with `fail_next`
(HTTP status, code, title) and `endings` (last digits of a recipient -> final status and error code).
"""

import asyncio
import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PROFILE = "40018ff4-a29a-4d28-8ae6-0a8e9e0c1f00"
ENDINGS = {
    "0003": ("delivery_failed", "40002", "Blocked as spam - temporary"),
    "0008": ("delivery_failed", "40300", "Blocked due to STOP message"),
    "0014": ("expired", "40014", "Message expired in queue"),
}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass
class Peer:
    url: str = ""
    key: str = "KEY0190a"
    signer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    profile_webhook: str = ""
    receipts: bool = True
    fail_next: list[tuple[int, str, str]] = field(default_factory=list)
    endings: dict[str, tuple[str, str, str]] = field(default_factory=lambda: dict(ENDINGS))
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)  # by number
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)  # by id; what was really taken
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # path -> content type, content
    answered: list[int] = field(default_factory=list)  # statuses of webhook calls, 0 for none
    _by_key: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _session: aiohttp.ClientSession | None = None

    @property
    def public_key(self) -> str:
        return base64.b64encode(self.signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

    @property
    def values(self) -> dict[str, str]:
        return {"api_key": self.key, "public_key": self.public_key, "messaging_profile_id": PROFILE}

    def add(self, number: str, *, enabled: bool = True, mms: bool = True, able: bool = True) -> None:
        two_way = {"domestic_two_way": True, "international_inbound": True, "international_outbound": False}
        self.numbers[number] = {
            "record_type": "messaging_settings",
            "id": str(1_293_384_261_075_731_400 + len(self.numbers)),
            "phone_number": number,
            "messaging_profile_id": PROFILE if enabled else None,
            "features": {"sms": two_way if able else None, "mms": two_way if able and mms else None},
            "messaging_product": "A2P",
            "traffic_type": "A2P",
            "type": "longcode",
            "country_code": "US",
        }

    def sign(self, body: bytes, at: int | None = None) -> dict[str, str]:
        stamp = str(int(time.time()) if at is None else at)
        signature = base64.b64encode(self.signer.sign(stamp.encode() + b"|" + body)).decode()
        return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": signature}

    def event(self, kind: str, payload: dict[str, Any]) -> bytes:
        data = {"event_type": kind, "id": str(uuid.uuid4()), "occurred_at": now(), "payload": payload}
        meta = {"attempt": 1, "delivered_to": self.profile_webhook}
        return json.dumps({"data": {**data, "record_type": "event"}, "meta": meta}).encode()

    def text_from_customer(
        self,
        customer: str,
        did: str,
        text: str | None,
        *,
        media: list[dict[str, Any]] | None = None,
        answered: str = "",
    ) -> int:
        """A customer texts. Returns the status the webhook door answered with."""
        payload = {
            "id": str(uuid.uuid4()), "direction": "inbound", "record_type": "message",
            "type": "MMS" if media else "SMS",
            "from": {"phone_number": customer, "carrier": "T-Mobile USA", "line_type": "Wireless"},
            "to": [{"phone_number": did, "status": "webhook_delivered", "carrier": "Telnyx", "line_type": "Wireless"}],
            "cc": [], "text": text, "media": media or [], "parts": 1, "encoding": "GSM-7", "errors": [],
            "messaging_profile_id": PROFILE, "received_at": now(), "autoresponse_type": answered or None,
        }  # fmt: skip
        assert self._loop is not None
        call = self._post(self.profile_webhook, self.event("message.received", payload))
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(20)

    async def _post(self, url: str, body: bytes) -> int:
        assert self._session is not None
        headers = {"content-type": "application/json", **self.sign(body)}
        status = 0
        for pause in (0.1, 0.4, 0.0):  # three tries; Telnyx waits two seconds for each
            try:
                timeout = aiohttp.ClientTimeout(total=2)
                async with self._session.post(url, data=body, headers=headers, timeout=timeout) as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            self.answered.append(status)
            if 200 <= status < 300:
                break
            await asyncio.sleep(pause)
        return status

    # Doors

    async def send(self, request: web.Request) -> web.Response:
        raw = await request.read()
        if refusal := self._refusal(request):
            return refusal
        key = request.headers.get("idempotency-key", "")
        if key in self._by_key:
            earlier, body = self._by_key[key]
            if body != raw:
                return errors(422, "10027", "Idempotency key was used with another body")
            return web.json_response({"data": self.messages[earlier]})
        content = json.loads(raw)
        self.requests.append(("POST", request.path, content))
        if problem := self._problem(content):
            return problem
        message = self._message(content)
        self.messages[message["id"]] = message
        if key:
            self._by_key[key] = message["id"], raw
        answer = web.json_response({"data": json.loads(json.dumps(message))})
        if self.receipts and content.get("webhook_url"):
            task = asyncio.create_task(self._tell(message, content["webhook_url"]))
            request.app[TASKS].add(task)
        return answer

    def _problem(self, content: dict[str, Any]) -> web.Response | None:
        owned = self.numbers.get(content.get("from", ""))
        if not str(content.get("to", "")).startswith("+1") or str(content["to"]).endswith("0001"):
            return errors(400, "40310", "Invalid 'to' address")
        if owned is None:
            return errors(400, "40013", "Invalid source number")
        if not owned["messaging_profile_id"]:
            return errors(400, "40305", "Invalid 'from' address")
        if not content.get("text") and not content.get("media_urls"):
            return errors(422, "40316", "No content provided")
        return None

    def _message(self, content: dict[str, Any]) -> dict[str, Any]:
        to = {
            "phone_number": content["to"],
            "status": "queued",
            "carrier": "T-MOBILE USA, INC.",
            "line_type": "Wireless",
        }
        return {
            "record_type": "message", "direction": "outbound", "id": str(uuid.uuid4()),
            "type": "MMS" if content.get("media_urls") else "SMS", "messaging_profile_id": PROFILE,
            "from": {"phone_number": content["from"], "carrier": "TELNYX LLC", "line_type": "VoIP"}, "to": [to],
            "cc": [], "text": content.get("text"), "encoding": "GSM-7", "parts": 1, "tags": [],
            "media": [{"url": url, "content_type": None, "size": None} for url in content.get("media_urls", [])],
            "cost": {"amount": "0.0040", "currency": "USD"}, "received_at": now(), "sent_at": None,
            "completed_at": None, "valid_until": None, "errors": [], "webhook_url": content.get("webhook_url"),
        }  # fmt: skip

    async def _tell(self, message: dict[str, Any], url: str) -> None:
        final, code, title = self.endings.get(message["to"][0]["phone_number"][-4:], ("delivered", "", ""))
        message["to"][0]["status"], message["sent_at"] = "sent", now()
        await self._post(url, self.event("message.sent", message))
        message["to"][0]["status"], message["completed_at"] = final, now()
        if code:
            message["errors"] = [{"code": code, "title": title, "detail": title}]
        await self._post(url, self.event("message.finalized", message))

    async def show(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        message = self.messages.get(request.match_info["id"])
        return web.json_response({"data": message}) if message else errors(404, "10005", "Resource not found")

    async def list(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        wanted = request.query.get("filter[phone_number]")
        rows = [row for number, row in sorted(self.numbers.items()) if wanted in (None, number)]
        size, page = int(request.query.get("page[size]", 20)), int(request.query.get("page[number]", 1))
        meta = {
            "total_results": len(rows),
            "total_pages": -(-len(rows) // size),
            "page_number": page,
            "page_size": size,
        }
        return web.json_response({"data": rows[(page - 1) * size : page * size], "meta": meta})

    async def change(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        row = next((row for row in self.numbers.values() if row["id"] == request.match_info["id"]), None)
        if row is None:
            return errors(404, "10005", "Resource not found")
        row["messaging_profile_id"] = (await request.json())["messaging_profile_id"]
        return web.json_response({"data": row})

    async def profile(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        if request.match_info["id"] != PROFILE:
            return errors(404, "10005", "Resource not found")
        data = {"record_type": "messaging_profile", "id": PROFILE, "name": "Portal", "enabled": True}
        data |= {"whitelisted_destinations": ["US", "CA"], "webhook_api_version": "2"}
        return web.json_response({"data": data})

    async def file(self, request: web.Request) -> web.Response:
        kind, content = self.files.get(request.path, ("text/plain", b""))
        return web.Response(body=content, content_type=kind, status=200 if content else 404)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return errors(401, "10009", "Authentication failed")
        return errors(*self.fail_next.pop(0)) if self.fail_next else None


TASKS: web.AppKey[set[asyncio.Task[None]]] = web.AppKey("tasks", set)


def errors(status: int, code: str, title: str) -> web.Response:
    row = {
        "code": code,
        "title": title,
        "detail": f"{title}.",
        "meta": {"url": f"https://developers.telnyx.com/{code}"},
    }
    return web.json_response({"errors": [row]}, status=status)


@contextmanager
def telnyx() -> Iterator[Peer]:
    peer = Peer()
    peer._loop = asyncio.new_event_loop()
    thread = threading.Thread(target=peer._loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_open(peer), peer._loop).result(10)
    try:
        yield peer
    finally:
        asyncio.run_coroutine_threadsafe(_close(peer, runner), peer._loop).result(10)
        peer._loop.call_soon_threadsafe(peer._loop.stop)
        thread.join(5)
        peer._loop.close()


async def _open(peer: Peer) -> web.AppRunner:
    app = web.Application()
    app[TASKS] = set()
    app.add_routes(
        [
            web.post("/v2/messages", peer.send),
            web.get("/v2/messages/{id}", peer.show),
            web.get("/v2/phone_numbers/messaging", peer.list),
            web.patch("/v2/phone_numbers/{id}/messaging", peer.change),
            web.get("/v2/messaging_profiles/{id}", peer.profile),
            web.get("/files/{name}", peer.file),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    peer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    peer._session = aiohttp.ClientSession()
    return runner


async def _close(peer: Peer, runner: web.AppRunner) -> None:
    for task in runner.app[TASKS]:
        task.cancel()
    await asyncio.gather(*runner.app[TASKS], return_exceptions=True)
    assert peer._session is not None
    await peer._session.close()
    await runner.cleanup()
