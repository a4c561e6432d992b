"""What is done to picked DIDs, or to all that match the filter."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponseBadRequest, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from portal import ids
from portal.access import Can, MemberRequest, needs
from portal.htmx import render
from portal.models import AuditEvent, Membership, Team
from portal.phone import pretty
from trunks import inventory, queries, texting
from trunks.models import Did, Trunk


@require_POST
@needs(Can.MANAGE_DIDS)
def act(request: MemberRequest) -> HttpResponseBase:
    """POST `act`, `pick` (ids) or `all`, and `filter` (the list's query string)."""
    do = ACTS.get(request.POST.get("act", ""))
    if do is None:
        return HttpResponseBadRequest("Unknown act.")
    dids = _picked(request)
    if not dids:
        messages.warning(request, "Nothing is selected.")
        return _back(request)
    try:
        return do(request, dids) or _back(request)
    except inventory.NotPossible as error:
        messages.error(request, str(error))
        return _back(request)


def _picked(request: MemberRequest) -> list[Did]:
    if request.POST.get("all"):
        return list(
            queries.dids(request.organization, queries.DidFilter.read(QueryDict(request.POST.get("filter", ""))))
        )
    picks = ids.read_all(request.POST.getlist("pick"))
    return list(Did.objects.current().filter(organization=request.organization, pk__in=picks))


def _back(request: MemberRequest) -> HttpResponseBase:
    """To the page the act was done on: one DID, or the list as it was filtered."""
    did_id = ids.read(request.POST.get("did", ""))
    if did_id is not None:
        return redirect("did", request.organization.slug, did_id)
    query = QueryDict(request.POST.get("filter", "")).urlencode()
    return redirect(reverse("dids", args=[request.organization.slug]) + (f"?{query}" if query else ""))


def _many(dids: list[Did], count: int | None = None) -> str:
    if count is None and len(dids) == 1:
        return pretty(dids[0].number)
    number = len(dids) if count is None else count
    return f"{number:,} DID{'' if number == 1 else 's'}"


def _text_on(request: MemberRequest, dids: list[Did]) -> None:
    done = texting.request_texting(dids, by=request.user)
    if done.asked:
        messages.success(request, f"Asking the carrier to switch texting on for {_many(dids, done.asked)}.")
    elif not done.without_account:
        messages.info(request, "Texting is on already, or the carrier is being asked.")
    if done.without_account:
        messages.warning(request, f"{_many(dids, done.without_account)} cannot text: {texting.NO_ACCOUNT}")


def _text_off(request: MemberRequest, dids: list[Did]) -> None:
    count = texting.stop_texting(dids, by=request.user)
    messages.success(request, f"Texting is off for {_many(dids, count)}.")


def _assign(request: MemberRequest, dids: list[Did]) -> None:
    team, agent = _assignee(request)
    event = inventory.assign(dids, team=team, agent=agent, by=request.user)
    if event is None:
        messages.info(request, "They were assigned so already.")
        return
    count = sum(len(group["dids"]) for group in event.data["before"])
    whom = f"{agent} ({team})" if agent else str(team or "nobody")
    undo_url = reverse("dids-undo", args=[request.organization.slug, event.pk])
    messages.success(request, f"{_many(dids, count)} assigned to {whom}.", extra_tags=undo_url)


def _assignee(request: MemberRequest) -> tuple[Team | None, Membership | None]:
    """`nobody`, `3` (a team) or `3:14` (an agent in it)."""
    word = request.POST.get("assign_to", "")
    if word == "nobody":
        return None, None
    team_word, _, agent_word = word.partition(":")
    team_id, agent_id = ids.read(team_word), ids.read(agent_word)
    if team_id is None or (agent_word and agent_id is None):
        raise inventory.NotPossible("Choose a team or an agent.")
    team = get_object_or_404(Team, organization=request.organization, pk=team_id)
    people = Membership.objects.select_related("user").filter(organization=request.organization)
    return team, get_object_or_404(people, pk=agent_id) if agent_id is not None else None


def _put_on_trunk(request: MemberRequest, dids: list[Did]) -> None:
    word = request.POST.get("trunk", "")
    trunk_id = ids.read(word)
    if trunk_id is None and word != queries.NONE:
        raise inventory.NotPossible("Choose a trunk.")
    trunks = Trunk.objects.filter(organization=request.organization).select_related("account")
    trunk = None if trunk_id is None else get_object_or_404(trunks, pk=trunk_id)
    count = inventory.put_on_trunk(dids, trunk=trunk, by=request.user)
    messages.success(request, f"{_many(dids, count)} {'put on ' + trunk.name if trunk else 'taken off their trunk'}.")


def _retire(request: MemberRequest, dids: list[Did]) -> HttpResponseBase | None:
    """Asks once: a retired DID does not come back."""
    if request.POST.get("confirmed") != str(len(dids)):
        context = {
            "dids": dids[:20],
            "count": len(dids),
            "texting": sum(did.can_text for did in dids),
            "picks": [] if request.POST.get("all") else [did.pk for did in dids],
            "post": request.POST,
        }
        return render(request, "trunks/retire.html", context)
    count = inventory.retire(dids, by=request.user)
    messages.success(request, f"{_many(dids, count)} retired. Their threads stay.")
    return None


ACTS: dict[str, Callable[[MemberRequest, list[Did]], HttpResponseBase | None]] = {
    "text-on": _text_on,
    "text-off": _text_off,
    "assign": _assign,
    "trunk": _put_on_trunk,
    "retire": _retire,
}


@require_POST
@needs(Can.MANAGE_DIDS)
def undo(request: MemberRequest, event_id: int) -> HttpResponseBase:
    """Take back one's own assignment."""
    events = AuditEvent.objects.select_related("organization").filter(action="trunks.dids.assigned", by=request.user)
    event = get_object_or_404(events, organization=request.organization, pk=event_id)
    count = inventory.undo_assignment(event, by=request.user)
    messages.success(request, f"{count:,} DID{'' if count == 1 else 's'} given back.")
    return redirect("dids", request.organization.slug)
