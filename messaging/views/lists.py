"""The left two panes, which every page of the inbox shows."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse

from messaging import queries
from messaging.queries import Folder
from portal.access import MemberRequest


def words(request: HttpRequest, name: str) -> str:
    """What somebody looks for; no database looks for a NUL."""
    return request.GET.get(name, "").replace("\0", "").strip()[:100]


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks the list for."""

    folder: Folder = Folder.ALL
    did_id: int | None = None
    q: str = ""
    cursor: str = ""

    @classmethod
    def read(cls, request: HttpRequest) -> "Filters":
        folder, did = request.GET.get("folder", ""), request.GET.get("did", "")
        return cls(
            folder=Folder(folder) if folder in list(Folder) else Folder.ALL,
            did_id=int(did) if did.isdecimal() and len(did) < 18 else None,
            q=words(request, "q"),
            cursor=request.GET.get("cursor", ""),
        )

    def query(self, *, with_cursor: bool = True) -> str:
        """`?…`, or nothing, so that a thread opened from a list keeps the list."""
        kept = {"folder": "" if self.folder == Folder.ALL else self.folder.value, "did": self.did_id, "q": self.q}
        if with_cursor:
            kept["cursor"] = self.cursor
        query = urlencode({name: value for name, value in kept.items() if value})
        return f"?{query}" if query else ""


def context(request: MemberRequest, *, open_id: int | None = None) -> dict[str, Any]:
    """Rows, folders and DIDs: three queries."""
    filters = Filters.read(request)
    page = queries.inbox_page(
        request.membership, folder=filters.folder, did_id=filters.did_id, q=filters.q, cursor=filters.cursor
    )
    folders = queries.folder_counts(request.membership)
    inbox_url, list_query = reverse("inbox", args=[request.organization.slug]), filters.query()
    return {
        "inbox_url": inbox_url,
        "filters": filters,
        "list_query": list_query,
        # A thread's address is the inbox's and its id: fifty look-ups would tell no more.
        "rows": [(row, f"{inbox_url}{row.pk}/{list_query}") for row in page.rows],
        "next_query": _next_query(filters, page),
        "folders": folders,
        "folder": next(one for one in folders if one.folder == filters.folder),
        "unread_threads": next(one for one in folders if one.folder == Folder.UNREAD).shown,
        "dids": queries.did_links(request.membership),
        "did_limit": queries.DID_LIMIT,
        "open_id": open_id,
    }


def _next_query(filters: Filters, page: queries.Page) -> str:
    if page.next_cursor is None:
        return ""
    return Filters(filters.folder, filters.did_id, filters.q, str(page.next_cursor)).query()


def open_thread_id(request: MemberRequest) -> int | None:
    """Which thread the browser shows beside the list that it asks for."""
    try:
        path = request.htmx.current_url_abs_path or ""
        match = resolve(path.partition("?")[0])
    except (Resolver404, ValueError):  # ValueError: the header holds no address
        return None
    return match.kwargs.get("conversation_id") if match.url_name == "thread" else None
