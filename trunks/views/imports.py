"""Importing DIDs in two steps: choose a file, look at what it would do, do it."""

import csv
import io
import re
import uuid

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods

from portal.access import Can, MemberRequest, needs
from portal.htmx import render
from trunks import imports, uploads
from trunks.exports import Unreadable
from trunks.forms.dids import ImportForm
from trunks.models import CarrierAccount

SHOWN = 200  # rows of each kind; the refused ones can be had in full as a file


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.MANAGE_DIDS)
def choose(request: MemberRequest) -> HttpResponseBase:
    accounts = list(CarrierAccount.objects.filter(organization=request.organization)[:2])
    initial = {"account": accounts[0] if len(accounts) == 1 else None}
    form = ImportForm(
        request.POST or None, request.FILES or None, organization=request.organization, initial=initial
    )  # fmt: skip
    if form.is_valid():
        chosen = form.cleaned_data
        try:
            upload = uploads.keep(
                request.organization,
                name=chosen["file"].name,
                data=chosen["file"].read(),
                account=chosen["account"],
                trunk=chosen["trunk"],
            )
            return redirect("dids-import-plan", request.organization.slug, upload)
        except Unreadable as error:
            form.add_error("file", str(error))
    return render(request, "trunks/import.html", {"form": form})


def _find(request: MemberRequest, upload_id: uuid.UUID) -> tuple[uploads.Upload, imports.Plan]:
    upload = uploads.find(request.organization, upload_id)
    if upload is None:
        raise Http404("No such upload.")
    made = imports.plan_import(
        upload.export, organization=request.organization, account=upload.account, trunk=upload.trunk
    )
    return upload, made


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.MANAGE_DIDS)
def plan(request: MemberRequest, upload_id: uuid.UUID) -> HttpResponseBase:
    """The dry run; a POST with its digest carries it out."""
    upload, made = _find(request, upload_id)
    if request.method == "POST":
        if request.POST.get("digest") == made.digest and _apply(request, upload, made):
            return redirect("dids", request.organization.slug)
        messages.warning(request, "The DIDs have changed since the dry run. Nothing was imported: look at it again.")
        return redirect("dids-import-plan", request.organization.slug, upload_id)
    columns = [(imports.NAMES.get(name, name), header) for name, header in upload.export.columns.items()]
    context = {"upload": upload, "plan": made, "columns": columns, "shown": f":{SHOWN}"}
    return render(request, "trunks/plan.html", context)


def _apply(request: MemberRequest, upload: uploads.Upload, made: imports.Plan) -> bool:
    try:
        imports.apply_import(made, by=request.user, source=upload.name)
    except imports.Stale:
        return False
    refused = f" {len(made.refused):,} rows were refused." if made.refused else ""
    messages.success(request, f"Imported: {len(made.new):,} new, {len(made.changed):,} changed.{refused}")
    return True


@require_GET
@needs(Can.MANAGE_DIDS)
def refused(request: MemberRequest, upload_id: uuid.UUID) -> HttpResponseBase:
    """The refused rows as they stood in the file, each with its row number and reason, to mend and import again."""
    upload, made = _find(request, upload_id)
    text = io.StringIO()
    writer = csv.writer(text)
    if made.header:
        writer.writerow([*map(_harmless, made.header), "row", "refused because"])
    for refusal in made.refused:
        cells = [*refusal.raw, *[""] * (len(made.header) - len(refusal.raw))]
        writer.writerow([*map(_harmless, cells), refusal.line, refusal.reason])
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="refused.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula; numbers with a plus stay as they are."""
    is_number = re.fullmatch(r"[+-][\d\s().-]*", cell)
    return f"'{cell}" if cell[:1] in {*"=@\t\r+-"} and not is_number else cell
