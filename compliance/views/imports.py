"""Importing opt-outs in two steps: choose a file, look at what it would do, do it."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from compliance import imports
from compliance.forms.opt_outs import ImportForm
from portal.access import Can, MemberRequest, needs
from portal.htmx import render
from trunks import uploads
from trunks.exports import Unreadable

SHOWN = 200
get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@get_or_post
@needs(Can.MANAGE_OPT_OUTS)
def choose(request: MemberRequest) -> HttpResponseBase:
    form = ImportForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            kept = uploads.keep(request.organization, name=file.name, data=file.read(), account=None, trunk=None)
            return redirect("opt-outs-import-plan", request.organization.slug, kept)
        except Unreadable as error:
            form.add_error("file", str(error))
    return render(request, "compliance/import.html", {"form": form}, status=422 if form.is_bound else 200)


@get_or_post
@needs(Can.MANAGE_OPT_OUTS)
def plan(request: MemberRequest, upload_id: uuid.UUID) -> HttpResponseBase:
    """The dry run; a POST with its digest carries it out."""
    upload = uploads.find(request.organization, upload_id)
    if upload is None:
        raise Http404("No such upload.")
    made = imports.plan_import(upload.export, organization=request.organization)
    if request.method == "POST":
        if request.POST.get("digest") == made.digest:
            count = imports.apply_import(made, organization=request.organization, source=upload.name, by=request.user)
            messages.success(request, f"Imported {count:,} opt-outs.")
            return redirect("opt-outs", request.organization.slug)
        messages.warning(request, "The opt-outs have changed since the dry run. Nothing was imported: look again.")
        return redirect("opt-outs-import-plan", request.organization.slug, upload_id)
    return render(request, "compliance/plan.html", {"upload": upload, "plan": made, "shown": f":{SHOWN}"})
