"""Texts that may be an opt-out: the queue of all threads one sees, and the answer to one of them."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from messaging import doubts
from messaging.models import Conversation, OptOutDoubt
from portal.access import Can, MemberRequest, needs, visible_threads
from portal.htmx import render, wants

PAGE = 50
TEMPLATE = "messaging/reviews.html"


@require_safe
@needs(Can.MANAGE_OPT_OUTS)
def queue(request: MemberRequest) -> HttpResponseBase:
    """The page; HTMX asks for the list (`reviews`) or for how many there are (`review-count`, `area-count`)."""
    if wants(request, "review-count", "area-count"):
        return render(request, TEMPLATE, {"waiting": doubts.count(request.membership)}, part="count")
    page = Paginator(doubts.queue(request.membership), PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "tab": "review"}
    return render(request, TEMPLATE, context, part="list" if wants(request, "reviews") else "")


@require_POST
@needs(Can.READ_THREADS)
def answer(request: MemberRequest, doubt_id: int) -> HttpResponseBase:
    """`is`: yes or no. Back to the queue, or to the thread it was answered in (`from`=thread)."""
    seen = Conversation.objects.filter(visible_threads(request.membership))
    doubt = get_object_or_404(OptOutDoubt, pk=doubt_id, conversation__in=seen)
    if not doubts.may_answer(request.membership):
        raise PermissionDenied("Your role may not say whether this is an opt-out.")
    is_opt_out = request.POST.get("is") == "yes"
    try:
        (doubts.confirm if is_opt_out else doubts.dismiss)(doubt=doubt, by=request.membership)
    except doubts.DoubtRefused as refusal:
        messages.warning(request, refusal.sentence)
    if request.POST.get("from") == "thread":
        return redirect("thread", request.organization.slug, doubt.conversation_id)
    if is_opt_out:
        messages.success(request, "Recorded as an opt-out. Nobody texts this number any more.")
    else:
        messages.success(request, "No opt-out. Automatic texts to this person go on.")
    return redirect("opt-out-reviews", request.organization.slug)
