"""Who must not be texted, since when and why; recorded and lifted by hand with a reason."""

import re

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from compliance import optout
from compliance.forms.opt_outs import LiftForm, OptOutForm
from compliance.models import OptOut, Suppression
from portal.access import Can, MemberRequest, needs, sees_every_thread, team_ids
from portal.htmx import render, wants
from portal.models import Membership
from trunks.models import Did

PAGE = 50
get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_GET
@needs(Can.MANAGE_OPT_OUTS)
def index(request: MemberRequest) -> HttpResponseBase:
    q = request.GET.get("q", "")
    found = _of_member(request.membership).order_by("-since", "-pk")
    digits = re.sub(r"\D", "", q)
    if digits or q:
        found = found.filter(number__contains=digits) if digits else found.none()
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "q": q, "readable": readable_numbers(request.membership)}
    part = "list" if wants(request, "opt-outs-list") else ""
    return render(request, "compliance/opt_outs.html", context, part=part)


@get_or_post
@needs(Can.MANAGE_OPT_OUTS)
def new(request: MemberRequest) -> HttpResponseBase:
    form = OptOutForm(request.POST or None)
    if form.is_valid():
        number, why = form.cleaned_data["number"], form.cleaned_data["why"]
        source = OptOut.Source.STAFF
        optout.record_opt_out(
            organization=request.organization, number=number, source=source, by=request.user, why=why
        )  # fmt: skip
        messages.success(request, "Recorded. Nobody texts this number any more.")
        return redirect("opt-outs", request.organization.slug)
    return render(request, "compliance/opt_out_new.html", {"form": form}, status=422 if form.is_bound else 200)


@get_or_post
@needs(Can.MANAGE_OPT_OUTS)
def opt_out(request: MemberRequest, pk: int) -> HttpResponseBase:
    """One number with everything that was ever heard, and the form that lifts the suppression."""
    suppression = get_object_or_404(_of_member(request.membership), pk=pk)
    form = LiftForm(request.POST or None)
    if form.is_valid():
        optout.lift(
            organization=request.organization,
            number=suppression.number,
            source=OptOut.Source.STAFF,
            by=request.user,
            why=form.cleaned_data["why"],
        )
        messages.success(request, "Lifted. This number may be texted again.")
        return redirect("opt-outs", request.organization.slug)
    log = OptOut.objects.filter(organization=request.organization, number=suppression.number).order_by("-pk")
    context = {"suppression": suppression, "log": log.select_related("by"), "form": form}
    context["readable"] = readable_numbers(request.membership)
    return render(request, "compliance/opt_out.html", context, status=422 if form.is_bound else 200)


def _of_member(membership: Membership) -> QuerySet[Suppression]:
    mine = Suppression.objects.filter(organization_id=membership.organization_id)
    return mine.select_related("opt_out", "opt_out__by")


class Everything:
    """Holds whatever one asks for."""

    def __contains__(self, item: object) -> bool:
        return True


def readable_numbers(membership: Membership) -> Everything | frozenset[str]:
    """The DIDs whose customers' own words the member may read: the words of a thread belong to those who see it."""
    if sees_every_thread(membership):
        return Everything()
    dids = Did.objects.filter(organization_id=membership.organization_id, team_id__in=team_ids(membership))
    return frozenset(dids.values_list("number", flat=True))
