"""Pictures: fetched from the portal as a carrier would, kept, and served again to the account that owns them."""

import asyncio
import re
from typing import Any

import aiohttp
from aiohttp import web

from portal.sandbox.store import Media, Store, Text, new_id

LARGEST = 5_000_000
TRIES = 3
PATIENCE = aiohttp.ClientTimeout(total=20)
SHOWABLE = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")


async def fetch_all(store: Store, session: aiohttp.ClientSession, text: Text) -> None:
    """Fetch every picture of an outgoing text; what cannot be had makes the text fail."""
    kept = [await _fetch(store, session, text.account, url) for url in text.media_urls]
    store.media_fetched(text, [media for media in kept if media])


async def _fetch(store: Store, session: aiohttp.ClientSession, account: str, url: str) -> str:
    for tried in range(TRIES):
        try:
            async with session.get(url, timeout=PATIENCE) as answer:
                content = await answer.content.read(LARGEST + 1)
                while not answer.content.at_eof() and len(content) <= LARGEST:
                    content += await answer.content.read(LARGEST + 1)
                if answer.status == 200 and 0 < len(content) <= LARGEST:
                    return keep(store, account, answer.content_type, content).id
                if answer.status < 500:
                    return ""
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            pass  # the next try, or the empty answer below, says so
        await asyncio.sleep(0.5 * 2**tried)
    return ""


def keep(store: Store, account: str, content_type: str, content: bytes) -> Media:
    kind = content_type.lower().split(";")[0].strip()
    if not _TYPE.fullmatch(kind):
        kind = "application/octet-stream"
    media = Media(new_id("med"), account, kind, len(content))
    store.put_media(media, content)
    return media


def links(store: Store, media: tuple[str, ...], base: str) -> list[dict[str, Any]]:
    """Media as inbound callbacks name them. Fetching needs the account's API key."""
    known = [store.media[each] for each in media]
    return [{"url": f"{base}/media/{one.id}", "content_type": one.content_type, "size": one.size} for one in known]


def serve(store: Store, media: Media) -> web.StreamResponse:
    """The file itself. What a browser might run as a page is handed over as a download."""
    headers = {"content-type": media.content_type, "x-content-type-options": "nosniff"}
    if media.content_type not in SHOWABLE:
        headers["content-disposition"] = "attachment"
    return web.Response(body=store.media_path(media.id).read_bytes(), headers=headers)
