"""The audit trail: who did what, newest first, and the same as a file."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from portal.access import Can, MemberRequest, needs
from portal.forms.audit import AuditFilter
from portal.htmx import render
from portal.models import AuditEvent, Organization
from portal.views.audit_words import tell

PAGE = 50


@require_GET
@needs(Can.SEE_AUDIT)
def index(request: MemberRequest) -> HttpResponseBase:
    """A page of events below `before`: an id, so that news at the top shifts nothing."""
    form, events = _found(request)
    before = request.GET.get("before", "")
    if before.isdecimal():
        events = events.filter(pk__lt=int(before[:18]))
    rows = list(events[: PAGE + 1])
    older = rows[PAGE - 1].pk if len(rows) > PAGE else None
    context = {"form": form, "told": [tell(event) for event in rows[:PAGE]], "older": older}
    return render(request, "portal/audit.html", context)


@require_GET
@needs(Can.SEE_AUDIT)
def export(request: MemberRequest) -> HttpResponseBase:
    """Every event that the filters let through, as CSV, row by row."""
    _, events = _found(request)
    name = f"audit-{request.organization.slug}-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        _lines(events),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _found(request: MemberRequest) -> tuple[AuditFilter, QuerySet[AuditEvent]]:
    form = AuditFilter(request.GET, organization=request.organization)
    return form, form.narrow(of_organization(request.organization))


def of_organization(organization: Organization) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(organization=organization).select_related("by").order_by("-id")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _lines(events: QuerySet[AuditEvent]) -> Iterator[str]:
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(["at", "by", "action", "subject", "data"])
    for event in events.iterator(chunk_size=1_000):
        by = _plain(event.by.email) if event.by else ""
        data = json.dumps(event.data, sort_keys=True)
        yield writer.writerow([event.at.isoformat(), by, event.action, _plain(event.subject), data])


def _plain(text: str) -> str:
    """A cell that a spreadsheet would run as a formula is shown as text instead; a plain number stays one."""
    if text[:1] in {"=", "-", "@", "\t", "\r"} or (text[:1] == "+" and not text[1:].isdecimal()):
        return "'" + text
    return text
