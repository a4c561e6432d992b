"""A new conversation: from which DID, to whom, and the first text."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods
from django_htmx.http import reswap, retarget

from messaging import conversations, outbound, queries
from messaging.conversations import ConversationRefused
from messaging.forms.composer import NewConversationForm
from messaging.models import Message
from messaging.outbound import MessageRefused
from messaging.views import lists
from portal import ids
from portal.access import Can, MemberRequest, needs, textable_dids
from portal.htmx import render, wants
from trunks.models import Did

TEMPLATE = "messaging/inbox.html"


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.TEXT)
def new_conversation(request: MemberRequest) -> HttpResponseBase:
    """The form in the third pane; HTMX asks for `thread` (the pane) or `did-choices` (DIDs that match ?did_q=)."""
    if request.method == "POST":
        return _send(request)
    found = _dids(request)
    if wants(request, "did-choices"):
        return render(request, TEMPLATE, _choices(request, found), part="did-choices")
    initial = {"number": request.GET.get("to", "")[:40], "did": request.GET.get("from", "")[:20]}
    form = NewConversationForm(dids=_dids(request), initial=initial)
    return _page(request, form)


def _dids(request: MemberRequest) -> "QuerySet[Did]":
    allowed = queries.dids_to_text_from(request.membership, textable_dids(request.membership))
    return allowed.select_related("account")


def _choices(request: MemberRequest, dids: "QuerySet[Did]", chosen: str = "") -> dict[str, Any]:
    """Up to thirty DIDs that match the words, the chosen one among them."""
    words = lists.words(request, "did_q")
    found = list(queries.named(dids, words)[: queries.DID_LIMIT + 1])
    chosen_id = ids.read(chosen)
    if chosen_id is not None and not any(did.pk == chosen_id for did in found):
        found = [*dids.filter(pk=chosen_id), *found]
    return {
        "choices": found[: queries.DID_LIMIT],
        "has_more_dids": len(found) > queries.DID_LIMIT,
        "did_q": words,
        "chosen": chosen,
    }


def _page(request: MemberRequest, form: NewConversationForm) -> HttpResponse:
    context = {"form": form, "composing": True, "list_query": lists.Filters.read(request).query()}
    context |= _choices(request, _dids(request), str(form["did"].value() or ""))
    if wants(request, "thread"):
        return render(request, TEMPLATE, context | {"is_fragment": True}, part="thread")
    return render(request, TEMPLATE, context | lists.context(request))


def _send(request: MemberRequest) -> HttpResponseBase:
    form = NewConversationForm(request.POST, request.FILES, dids=_dids(request))
    if form.is_valid():
        try:
            message = _start(request, form.cleaned_data)
            return redirect("thread", request.organization.slug, message.conversation_id)
        except ConversationRefused as refusal:
            form.add_error("number", f"{refusal.sentence} {refusal.help}".strip())
        except MessageRefused as refusal:
            form.add_error(None, f"{refusal.sentence} {refusal.help}".strip())
    if request.htmx:
        response = render(request, TEMPLATE, {"form": form}, part="reply-errors")
        return reswap(retarget(response, "#reply-errors"), "innerHTML")
    return _page(request, form)


def _start(request: MemberRequest, sent: dict[str, Any]) -> Message:
    """Thread and text stand or fall together: a refused text leaves no empty thread behind."""
    with transaction.atomic():
        conversation = conversations.start_conversation(did=sent["did"], number=sent["number"], by=request.membership)
        return outbound.queue_message(
            conversation=conversation,
            body=sent["body"],
            pictures=sent["pictures"],
            key=sent["key"],
            by=request.membership,
        )
