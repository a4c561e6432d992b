"""One conversation, and what is done to it."""

import uuid
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import reswap, retarget, trigger_client_event

from compliance import gate
from compliance.models import OptOut
from compliance.optout import record_opt_out
from messaging import conversations, doubts, outbound, queries, timeline
from messaging.conversations import ConversationRefused
from messaging.forms.composer import NameForm, ReplyForm, SaidForm
from messaging.models import Conversation, Message, Purpose
from messaging.outbound import MessageRefused
from messaging.views import lists
from portal import audit
from portal.access import Can, MemberRequest, may, needs
from portal.htmx import render, wants
from portal.models import AuditEvent, Membership, Role

TEMPLATE = "messaging/inbox.html"
OPENED = "messaging.thread.opened"
A_SHIFT = timedelta(hours=12)


@require_safe
@needs(Can.READ_THREADS)
def thread(request: MemberRequest, conversation_id: int) -> HttpResponse:
    """The page; HTMX asks for `thread` (both right panes), `entries` (news, or earlier ones: ?before=) or `list`."""
    if wants(request, "list"):
        context = lists.context(request, open_id=conversation_id)
        return render(request, TEMPLATE, context | {"is_fragment": True}, part="list")
    conversation = _find(request, conversation_id)
    if wants(request, "entries"):
        if not _has_opened_lately(request, conversation):
            _note_opening(request, conversation)
        return _entries(request, conversation)
    _opened(request, conversation)
    context = _context(request, conversation) | {"list_query": lists.Filters.read(request).query()}
    if wants(request, "thread"):
        return render(request, TEMPLATE, context | {"is_fragment": True}, part="thread")
    return render(request, TEMPLATE, context | lists.context(request, open_id=conversation.pk))


def _find(request: MemberRequest, conversation_id: int) -> Conversation:
    try:
        return queries.find_thread(request.membership, conversation_id)
    except Conversation.DoesNotExist:
        raise Http404("No such conversation.") from None


def _opened(request: MemberRequest, conversation: Conversation) -> None:
    """Whoever opens a thread has read it; where compliance reads along, the trail says so."""
    if conversation.unread:  # type: ignore[attr-defined]
        conversations.mark_read(conversation=conversation, by=request.membership)
    _note_opening(request, conversation)


def _note_opening(request: MemberRequest, conversation: Conversation) -> None:
    if request.membership.role == Role.COMPLIANCE_ADMIN:
        audit.record(
            OPENED,
            organization=request.organization,
            by=request.user,
            subject=conversation.number,
            conversation=conversation.pk,
        )


def _has_opened_lately(request: MemberRequest, conversation: Conversation) -> bool:
    """The lines may be asked for without the page around them: that is an opening too, unless they are its news."""
    if request.membership.role != Role.COMPLIANCE_ADMIN:
        return True
    seen = AuditEvent.objects.filter(organization=request.organization, by=request.user, action=OPENED)
    return seen.filter(at__gte=timezone.now() - A_SHIFT, data__conversation=conversation.pk).exists()


# --- What the page shows ---


def _context(request: MemberRequest, conversation: Conversation, form: ReplyForm | None = None) -> dict[str, Any]:
    return (
        _entries_context(request, conversation)
        | _about_context(request.membership, conversation)
        | _composer_context(request.membership, conversation, form)
    )


def _entries_context(request: MemberRequest, conversation: Conversation) -> dict[str, Any]:
    before = request.GET.get("before", "")
    is_earlier = before.isdecimal() and len(before) < 19
    return {
        "conversation": conversation,
        "open_id": conversation.pk,
        "timeline": timeline.thread_page(conversation, int(before) if is_earlier else None),
        "is_earlier": is_earlier,
        "can_text": may(request.membership, Can.TEXT),
        "may_answer": doubts.may_answer(request.membership),
    }


def _about_context(membership: Membership, conversation: Conversation) -> dict[str, Any]:
    return {
        "about_version": _about_version(membership, conversation),
        "can_move": conversations.may_move(conversation, membership),
        "people": queries.assignable(conversation),
        "sisters": conversation.sisters,  # type: ignore[attr-defined]
        "local_time": queries.local_time(conversation, timezone.now()),
    }


def _composer_context(membership: Membership, conversation: Conversation, form: ReplyForm | None) -> dict[str, Any]:
    verdict = outbound.judge(conversation, Purpose.REPLY)
    # The clock in the sentence of a text that waits is no reason to draw the composer anew under somebody's hands.
    barred = verdict.at if isinstance(verdict, gate.Later) else verdict
    drawn = may(membership, Can.TEXT), barred, conversation.did.mms, getattr(conversation, "doubt_words", None)
    return {
        "verdict": verdict,
        "composer_version": _version(*drawn),
        "form": form or ReplyForm(conversation=conversation),
    }


def _about_version(membership: Membership, conversation: Conversation) -> str:
    names = (conversation.contact.name, conversation.team_id, conversation.assignee_id, conversation.state)
    held_since = conversation.held_since  # type: ignore[attr-defined]
    return _version(*names, held_since, conversations.may_move(conversation, membership))


def _version(*facts: object) -> str:
    """Changes when what these facts draw must be drawn anew."""
    return f"{zlib.crc32(repr(facts).encode()):x}"


def _entries(request: MemberRequest, conversation: Conversation) -> HttpResponse:
    """The newest lines. Head and composer ride along only when they changed, so that nobody's typing is disturbed."""
    shown = request.GET if request.method == "GET" else request.POST
    context = _entries_context(request, conversation) | {"is_fragment": True}
    if not context["is_earlier"]:
        if shown.get("shown_about") != _about_version(request.membership, conversation):
            context |= _about_context(request.membership, conversation) | {"sends_about": True}
        composer = _composer_context(request.membership, conversation, None)
        if shown.get("shown_composer") != composer["composer_version"]:
            context |= composer | {"sends_composer": True}
    return render(request, TEMPLATE, context, part="entries")


def _after(request: MemberRequest, conversation_id: int) -> HttpResponseBase:
    """An action inside the page: HTMX gets what changed, everybody else the page."""
    if request.htmx:
        return _entries(request, _find(request, conversation_id))
    return redirect("thread", request.organization.slug, conversation_id)


# --- Reply ---


@require_POST
@needs(Can.TEXT)
def reply(request: MemberRequest, conversation_id: int) -> HttpResponseBase:
    conversation = _find(request, conversation_id)
    form = ReplyForm(request.POST, request.FILES, conversation=conversation)
    if not form.is_valid():
        return _not_sent(request, conversation, form)
    try:
        outbound.queue_message(
            conversation=conversation,
            body=form.cleaned_data["body"],
            pictures=form.cleaned_data["pictures"],
            key=form.cleaned_data["key"],
            by=request.membership,
        )
    except MessageRefused as refusal:
        form.add_error(None, f"{refusal.sentence} {refusal.help}".strip())
        return _not_sent(request, conversation, form)
    conversations.mark_read(conversation=conversation, by=request.membership)
    response = _after(request, conversation_id)
    if request.htmx:
        trigger_client_event(cast(HttpResponse, response), "reply:sent", {"key": uuid.uuid4().hex})
    return response


def _not_sent(request: MemberRequest, conversation: Conversation, form: ReplyForm) -> HttpResponseBase:
    """The sentences go beside the field, so that text and chosen pictures stay where they are."""
    if request.htmx:
        response = render(request, TEMPLATE, {"form": form}, part="reply-errors")
        return reswap(retarget(response, "#reply-errors"), "innerHTML")
    context = _context(request, conversation, form) | lists.context(request, open_id=conversation.pk)
    return render(request, TEMPLATE, context)


# --- Moves ---


@require_POST
@needs(Can.READ_THREADS)
def read(request: MemberRequest, conversation_id: int) -> HttpResponse:
    """A text came in while this person looked at the thread."""
    conversations.mark_read(conversation=_find(request, conversation_id), by=request.membership)
    return HttpResponse(status=204)


def _move(request: MemberRequest, conversation_id: int, act: Callable[[Conversation], object]) -> HttpResponseBase:
    try:
        act(_find(request, conversation_id))
    except (ConversationRefused, MessageRefused) as refusal:
        messages.error(request, f"{refusal.sentence} {refusal.help}".strip())
    return _after(request, conversation_id)


@require_POST
@needs(Can.TEXT)
def assign(request: MemberRequest, conversation_id: int) -> HttpResponseBase:
    """`to`: a membership of this organization, or nothing for nobody."""
    to = _member(request, request.POST.get("to", ""))
    return _move(
        request, conversation_id, lambda found: conversations.assign(conversation=found, to=to, by=request.membership)
    )


def _member(request: MemberRequest, text: str) -> Membership | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise Http404("No such person.")
    return get_object_or_404(Membership.objects.select_related("user"), pk=text, organization=request.organization)


@require_POST
@needs(Can.TEXT)
def close(request: MemberRequest, conversation_id: int) -> HttpResponseBase:
    return _move(request, conversation_id, lambda found: conversations.close(conversation=found, by=request.membership))


@require_POST
@needs(Can.TEXT)
def reopen(request: MemberRequest, conversation_id: int) -> HttpResponseBase:
    return _move(
        request, conversation_id, lambda found: conversations.reopen(conversation=found, by=request.membership)
    )


@require_POST
@needs(Can.TEXT)
def name(request: MemberRequest, conversation_id: int) -> HttpResponseBase:
    """What the customer is called."""
    form = NameForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["name"])))
        return _after(request, conversation_id)
    words = form.cleaned_data["name"]
    return _move(
        request,
        conversation_id,
        lambda found: conversations.name_contact(conversation=found, name=words, by=request.membership),
    )


@require_POST
@needs(Can.TEXT)
def opt_out(request: MemberRequest, conversation_id: int) -> HttpResponseBase:
    """The person said it in another way, on the telephone say: `why` tells how."""
    form = SaidForm(request.POST)

    def act(found: Conversation) -> None:
        if not form.is_valid():
            raise ConversationRefused("Write down how they said it.")
        record_opt_out(
            organization=request.organization,
            number=found.number,
            source=OptOut.Source.STAFF,
            our_number=found.did.number,
            by=request.user,
            why=form.cleaned_data["why"],
        )

    return _move(request, conversation_id, act)


@require_POST
@needs(Can.TEXT)
def cancel(request: MemberRequest, conversation_id: int, message_id: int) -> HttpResponseBase:
    def act(found: Conversation) -> None:
        if not outbound.cancel_message(message=_message(found, message_id), by=request.membership):
            messages.warning(request, "Too late: this text is already on its way.")

    return _move(request, conversation_id, act)


@require_POST
@needs(Can.TEXT)
def retry(request: MemberRequest, conversation_id: int, message_id: int) -> HttpResponseBase:
    def act(found: Conversation) -> None:
        if not outbound.retry_message(message=_message(found, message_id), by=request.membership):
            messages.warning(request, "This text is being sent already, or has arrived.")

    return _move(request, conversation_id, act)


def _message(conversation: Conversation, message_id: int) -> Message:
    related = Message.objects.select_related("conversation__did__account", "conversation__organization")
    return get_object_or_404(related, pk=message_id, conversation=conversation, direction="out")
