"""The DID list, and one DID."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from portal import ids
from portal.access import Can, MemberRequest, needs
from portal.htmx import render, wants
from trunks import inventory, queries
from trunks.forms.dids import DidForm
from trunks.models import Did, TextState

PAGE = "trunks/dids.html"


@require_GET
@needs(Can.SEE_DIDS)
def dids(request: MemberRequest) -> HttpResponseBase:
    """The list; HTMX fetches `list` when a filter changes and `rows` when the inventory does."""
    chosen = queries.DidFilter.read(request.GET)
    page = Paginator(queries.dids(request.organization, chosen), queries.PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "chosen": chosen,
        "filter_query": _query(request),
        "counts": queries.counts(request.organization),
        "picked": set(ids.read_all(request.GET.getlist("pick"))),
    }
    if wants(request, "did-rows"):
        return render(request, PAGE, context | {"is_rows": True}, part="rows")
    context |= {
        "assignees": queries.assignees(request.organization),
        "trunks": queries.trunks(request.organization),
        "states": TextState.choices,
    }
    return render(request, PAGE, context, part="list" if wants(request, "did-list") else "")


def _query(request: MemberRequest) -> str:
    """The address of what is shown, without what was ticked."""
    query = request.GET.copy()
    query.pop("pick", None)
    return query.urlencode()


@require_GET
@needs(Can.SEE_DIDS)
def did(request: MemberRequest, did_id: int) -> HttpResponseBase:
    row = _did(request, did_id)
    return _page(request, row, DidForm(instance=row))


@require_POST
@needs(Can.MANAGE_DIDS)
def relabel(request: MemberRequest, did_id: int) -> HttpResponseBase:
    row = _did(request, did_id)
    form = DidForm(request.POST, instance=row)
    if not form.is_valid():
        return _page(request, row, form)
    inventory.relabel(Did.objects.get(pk=row.pk), **form.cleaned_data, by=request.user)
    messages.success(request, "Saved.")
    return redirect("did", request.organization.slug, row.pk)


def _did(request: MemberRequest, did_id: int) -> Did:
    rows = Did.objects.select_related("organization", "trunk", "account", "team", "agent__user")
    return get_object_or_404(rows, organization=request.organization, pk=did_id)


def _page(request: MemberRequest, row: Did, form: DidForm) -> HttpResponseBase:
    context = {
        "did": row,
        "form": form,
        "assignments": queries.assignments(row),
        "events": queries.happenings(row),
        "assignees": queries.assignees(request.organization),
        "trunks": queries.trunks(request.organization),
    }
    return render(request, "trunks/did.html", context, part="facts" if wants(request, "did-facts") else "")
