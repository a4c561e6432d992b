"""Trunks: the sets of DIDs the call center dials from."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from portal import audit
from portal.access import Can, MemberRequest, needs
from portal.htmx import render
from trunks import inventory, queries
from trunks.forms.dids import TrunkForm
from trunks.models import Did, Trunk


@require_GET
@needs(Can.SEE_DIDS)
def trunks(request: MemberRequest) -> HttpResponseBase:
    return render(request, "trunks/trunks.html", {"trunks": queries.trunks(request.organization)})


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.MANAGE_DIDS)
def add(request: MemberRequest) -> HttpResponseBase:
    return _edit(request, Trunk(organization=request.organization), "trunks.trunk.added")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.MANAGE_DIDS)
def change(request: MemberRequest, trunk_id: int) -> HttpResponseBase:
    trunk = get_object_or_404(Trunk, organization=request.organization, pk=trunk_id)
    return _edit(request, trunk, "trunks.trunk.changed")


def _edit(request: MemberRequest, trunk: Trunk, action: str) -> HttpResponseBase:
    form = TrunkForm(request.POST or None, instance=trunk, organization=request.organization)
    if form.is_valid():
        with transaction.atomic():
            saved = form.save()
            audit.record(
                action,
                organization=request.organization,
                by=request.user,
                subject=saved.name,
                trunk=saved.pk,
                account=str(saved.account_id or ""),
            )
            # The DIDs of a trunk text through its account.
            inventory.put_on_trunk(Did.objects.current().filter(trunk=saved), trunk=saved, by=request.user)
        messages.success(request, f"{saved.name} is saved.")
        return redirect("trunks", request.organization.slug)
    return render(request, "trunks/trunk.html", {"form": form, "trunk": trunk})
