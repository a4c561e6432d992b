"""Webhooks of a carrier account: which came, what they said, what became of them, and processing them once more."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from messaging import ledger, redaction, replays
from messaging.ledger import Show
from messaging.models import Delivery
from portal import audit
from portal.access import Can, MemberRequest, needs, sees_every_thread
from portal.htmx import render, wants
from trunks.models import CarrierAccount, Did

LABELS = {
    Show.ALL: "All webhooks",
    Show.WAITING: "Waiting",
    Show.TROUBLED: "Not understood",
    Show.UNKNOWN_WORDS: "Unknown words",
    Show.REFUSED: "Refused",
}
REPLAYABLE = (Show.TROUBLED, Show.UNKNOWN_WORDS)


@require_safe
@needs(Can.SEE_HEALTH)
def deliveries(request: MemberRequest, account_id: uuid.UUID) -> HttpResponseBase:
    """A page below `before`: an id, so that news at the top shifts nothing."""
    account = _account(request, account_id)
    show = _show(request.GET.get("show", ""))
    before = request.GET.get("before", "")
    rows, older = ledger.page(account, show, int(before[:18]) if before.isdecimal() else None)
    counts = ledger.counts(account)
    context = {
        "account": account,
        "show": show,
        "filters": [(each, LABELS[each], counts.get(each)) for each in Show],
        "rows": [(row, ledger.in_words(row), ledger.is_unknown(row), ledger.trouble(row)) for row in rows],
        "refusals": ledger.refusals(account) if show == Show.REFUSED else [],
        "older": older,
        "replayable": counts[show] if show in REPLAYABLE else 0,
    }
    return render(request, "messaging/deliveries.html", context, part="list" if wants(request, "list") else "")


def _show(word: str) -> Show:
    return Show(word) if word in list(Show) else Show.ALL


def _account(request: MemberRequest, account_id: uuid.UUID) -> CarrierAccount:
    rows = CarrierAccount.objects.select_related("organization").defer("values")
    return get_object_or_404(rows, organization=request.organization, pk=account_id)


def _find(request: MemberRequest, account_id: uuid.UUID, delivery_id: int) -> Delivery:
    try:
        return ledger.find(request.organization, account_id, delivery_id)
    except Delivery.DoesNotExist:
        raise Http404("No such webhook.") from None


@require_safe
@needs(Can.SEE_HEALTH)
def delivery(request: MemberRequest, account_id: uuid.UUID, delivery_id: int) -> HttpResponseBase:
    """One webhook. What people wrote stays hidden until somebody who may read every thread asks for it: `?whole=1`."""
    found = _find(request, account_id, delivery_id)
    if wants(request, "result"):
        return render(request, "messaging/delivery.html", _result(request, found), part="result")
    may_read = sees_every_thread(request.membership)
    is_whole = may_read and request.GET.get("whole") == "1"
    if is_whole:
        _note_opening(request, found)
    context = _result(request, found) | {
        "said": ledger.in_words(found),
        "path": found.url.partition("?")[0],
        "parameters": list(redaction.field_names(found.url)),
        "body": _body(found, is_whole=is_whole),
        "is_whole": is_whole,
        "may_read": may_read,
    }
    return render(request, "messaging/delivery.html", context)


def _result(request: MemberRequest, found: Delivery) -> dict[str, Any]:
    return {
        "delivery": found,
        "account": found.account,
        "results": ledger.results(found),
        "is_unknown": ledger.is_unknown(found),
        "may_open": sees_every_thread(request.membership),
    }


def _note_opening(request: MemberRequest, found: Delivery) -> None:
    audit.record(
        "messaging.delivery.read",
        organization=request.organization,
        by=request.user,
        subject=found.key,
        account=str(found.account_id),
        delivery=found.pk,
    )


def _body(found: Delivery, *, is_whole: bool) -> redaction.Body:
    raw, kind = bytes(found.body), found.headers.get("content-type", "")
    if is_whole:
        return redaction.whole(raw, kind)
    dids = Did.objects.filter(organization=found.account.organization_id, number__in=redaction.numbers_in(raw))
    heard = ledger.heard_texts(ledger.events(found))
    return redaction.hidden(raw, kind, ours=set(dids.values_list("number", flat=True)), heard=heard)


@require_POST
@needs(Can.MANAGE_CARRIERS)
def replay(request: MemberRequest, account_id: uuid.UUID, delivery_id: int) -> HttpResponseBase:
    found = _find(request, account_id, delivery_id)
    if replays.replay(found, by=request.user):
        messages.success(request, "It is processed once more. Each of its events counts once.")
    else:
        messages.info(request, "It already waits to be processed.")
    return redirect("delivery", request.organization.slug, account_id, delivery_id)


@require_POST
@needs(Can.MANAGE_CARRIERS)
def replay_all(request: MemberRequest, account_id: uuid.UUID) -> HttpResponseBase:
    """All that stand under the filter `show`."""
    account, show = _account(request, account_id), _show(request.POST.get("show", ""))
    count = replays.replay_all(account, show, by=request.user) if show in REPLAYABLE else 0
    if count:
        more = f" They are the oldest {count}; the others can follow." if count == replays.MOST else ""
        many = "1 webhook is" if count == 1 else f"{count} webhooks are"
        messages.success(request, f"{many} processed once more. Each event counts once.{more}")
    else:
        messages.info(request, "None of them waited for that.")
    response = redirect("deliveries", request.organization.slug, account_id)
    response["Location"] += f"?show={show.value}"
    return response
