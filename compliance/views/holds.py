"""Legal holds: what may not be deleted, by whom and why; lifted with a reason."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from compliance import holds
from compliance.forms.holds import HoldForm, LiftHoldForm, Scope
from compliance.models import LegalHold
from portal.access import Can, MemberRequest, needs
from portal.htmx import render

PAGE = 50
get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_GET
@needs(Can.MANAGE_HOLDS)
def index(request: MemberRequest) -> HttpResponseBase:
    """Those that hold now, and then those that were lifted."""
    found = LegalHold.objects.filter(organization=request.organization).select_related("by", "lifted__by")
    page = Paginator(found.order_by(F("lifted").asc(nulls_first=True), "-pk"), PAGE).get_page(request.GET.get("page"))
    return render(request, "compliance/holds.html", {"page": page})


@get_or_post
@needs(Can.MANAGE_HOLDS)
def new(request: MemberRequest) -> HttpResponseBase:
    """The form; `?number=` and `?our_number=` fill it in (the link in a thread)."""
    form = HoldForm(request.POST or None, organization=request.organization, initial=_asked(request))
    if form.is_valid():
        names = ("number", "our_number", "reason")
        holds.place(
            organization=request.organization, by=request.user, **{name: form.cleaned_data[name] for name in names}
        )
        messages.success(request, "Held. Nothing of it is deleted until the hold is lifted.")
        return redirect("holds", request.organization.slug)
    return render(request, "compliance/hold_new.html", {"form": form}, status=422 if form.is_bound else 200)


def _asked(request: MemberRequest) -> dict[str, Any]:
    asked = {name: request.GET.get(name, "")[:40] for name in ("number", "our_number")}
    return asked | {"scope": Scope.PERSON}


@get_or_post
@needs(Can.MANAGE_HOLDS)
def hold(request: MemberRequest, pk: int) -> HttpResponseBase:
    """One hold, and while it holds the form that lifts it."""
    found = get_object_or_404(
        LegalHold.objects.select_related("organization", "by", "lifted__by"), pk=pk, organization=request.organization
    )
    form = LiftHoldForm(request.POST or None)
    if form.is_valid():
        try:
            holds.lift(hold=found, why=form.cleaned_data["why"], by=request.user)
            messages.success(request, "Lifted. The retention rule counts again.")
        except holds.NotHeld as why:
            messages.error(request, str(why))
        return redirect("holds", request.organization.slug)
    return render(request, "compliance/hold.html", {"hold": found, "form": form}, status=422 if form.is_bound else 200)
