"""Carrier accounts: their health, connecting one, trying it, and reading its list of numbers."""

import csv
import io
import uuid

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import select_template
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access import Can, MemberRequest, needs
from portal.htmx import render, wants
from portal.http import NotSent, Unanswered
from trunks import accounts, queries, texting, uploads
from trunks import carriers as registry
from trunks.carriers.base import CarrierError, CarrierNumber
from trunks.forms.carriers import CarrierForm
from trunks.models import CarrierAccount


@require_GET
@needs(Can.MANAGE_CARRIERS)
def carriers(request: MemberRequest) -> HttpResponseBase:
    rows = [
        (account, accounts.carrier_of(account), accounts.webhook_url(account))
        for account in queries.accounts(request.organization)
    ]
    part = "accounts" if wants(request, "accounts") else ""
    return render(request, "trunks/carriers.html", {"rows": rows}, part=part)


@require_GET
@needs(Can.MANAGE_CARRIERS)
def choose(request: MemberRequest) -> HttpResponseBase:
    kinds = [registry.get(kind) for kind in registry.KINDS]
    return render(request, "trunks/carrier_choose.html", {"kinds": kinds})


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.MANAGE_CARRIERS)
def connect(request: MemberRequest, kind: str) -> HttpResponseBase:
    try:
        carrier = registry.get(kind)
    except LookupError as error:
        raise Http404(str(error)) from None
    form = CarrierForm(request.POST or None, carrier=carrier)
    if form.is_valid():
        try:
            account = accounts.connect_account(
                organization=request.organization,
                kind=kind,
                name=form.cleaned_data["name"],
                values=form.values(),
                base_url=form.cleaned_data["base_url"],
                by=request.user,
            )
        except accounts.AccountRefused as error:
            form.refuse(error.errors)
        else:
            messages.success(request, f"{account.name} is connected. Now enter its webhook address at the carrier.")
            return redirect("carrier", request.organization.slug, account.pk)
    return _page(request, form, kind, None)


def _account(request: MemberRequest, account_id: uuid.UUID) -> CarrierAccount:
    rows = CarrierAccount.objects.select_related("organization")
    return get_object_or_404(rows, organization=request.organization, pk=account_id)


def _page(request: MemberRequest, form: CarrierForm, kind: str, account: CarrierAccount | None) -> HttpResponseBase:
    context = {
        "form": form,
        "carrier": form.carrier,
        "account": account,
        "webhook_url": accounts.webhook_url(account) if account else "",
        "set_up": select_template([f"trunks/carriers/{kind}.html", "trunks/carriers/any.html"]),
    }
    return render(request, "trunks/carrier.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.MANAGE_CARRIERS)
def change(request: MemberRequest, account_id: uuid.UUID) -> HttpResponseBase:
    account = _account(request, account_id)
    form = CarrierForm(request.POST or None, carrier=accounts.carrier_of(account), account=account)
    if form.is_valid():
        try:
            accounts.change_account(
                account,
                name=form.cleaned_data["name"],
                values=form.values(),
                base_url=form.cleaned_data["base_url"],
                by=request.user,
            )
        except accounts.AccountRefused as error:
            form.refuse(error.errors)
        else:
            messages.success(request, f"{account.name} is saved.")
            return redirect("carriers", request.organization.slug)
    return _page(request, form, account.kind, account)


@require_POST
@needs(Can.MANAGE_CARRIERS)
def check(request: MemberRequest, account_id: uuid.UUID) -> HttpResponseBase:
    account = _account(request, account_id)
    if why := accounts.check_account(account, by=request.user):
        messages.error(request, f"{account.name}: {why}")
    else:
        messages.success(request, f"{account.name} answers, and the credentials are right.")
    return redirect("carriers", request.organization.slug)


@require_POST
@needs(Can.MANAGE_DIDS)
def numbers(request: MemberRequest, account_id: uuid.UUID) -> HttpResponseBase:
    """The carrier's own list, looked at and imported like a file."""
    account = _account(request, account_id)
    try:
        listed = texting.list_numbers(account, by=request.user)
    except CarrierError as error:
        messages.error(request, f"{account.name}: {error.sentence}")
    except (NotSent, Unanswered) as error:
        messages.error(request, accounts.unreachable(account, error))
    else:
        if listed:
            data, name = _as_file(listed), f"Numbers of {account.name}"
            upload = uploads.keep(request.organization, name=name, data=data, account=account, trunk=None)
            return redirect("dids-import-plan", request.organization.slug, upload)
        messages.info(request, f"{account.name} lists no numbers.")
    return redirect("carriers", request.organization.slug)


def _as_file(listed: list[CarrierNumber]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["phone_number", "number_id", "capabilities"])
    for one in listed:
        capabilities = ["voice", *(["sms"] if one.sms else []), *(["mms"] if one.mms else [])]
        writer.writerow([one.number, one.carrier_ref, ",".join(capabilities)])
    return text.getvalue().encode()
