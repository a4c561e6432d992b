"""People and teams: who is here, with which role, and who is invited."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal import people
from portal.access import Can, MemberRequest, needs
from portal.forms.people import InviteForm, PlaceForm, TeamForm
from portal.htmx import render, wants
from portal.models import Invitation, Membership, Organization, Team
from portal.views.invitations import hand_over

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_GET
@needs(Can.MANAGE_PEOPLE)
def index(request: MemberRequest) -> HttpResponseBase:
    context = {
        "members": people.members(request.organization),
        "invitations": people.pending(request.organization),
        "teams": people.teams(request.organization),
        "link": request.session.pop("invitation_link", None),
    }
    return render(request, "portal/people.html", context, part="lists" if wants(request, "people-lists") else "")


@get_or_post
@needs(Can.MANAGE_PEOPLE)
def invite(request: MemberRequest) -> HttpResponseBase:
    form = InviteForm(request.POST or None, organization=request.organization)
    if form.is_valid():
        try:
            invitation, token = people.invite(
                organization=request.organization,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                of=form.cleaned_data["teams"],
                by=request.user,
            )
        except people.Refused as why:
            form.add_error("email", str(why))
        else:
            hand_over(request, invitation, token)
            return _back(request)
    return _form(request, form, title="Invite somebody", action="Send the invitation")


@require_POST
@needs(Can.MANAGE_PEOPLE)
def withdraw(request: MemberRequest, pk: int) -> HttpResponseBase:
    invitation = get_object_or_404(Invitation, pk=pk, organization=request.organization)
    try:
        people.withdraw(invitation=invitation, by=request.user)
        messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    except people.Refused as why:
        messages.error(request, str(why))
    return _back(request)


@get_or_post
@needs(Can.MANAGE_PEOPLE)
def person(request: MemberRequest, pk: int) -> HttpResponseBase:
    member = _member(request.organization, pk)
    now = {"role": member.role, "teams": member.teams.all()}
    form = PlaceForm(request.POST or None, organization=request.organization, initial=now)
    if form.is_valid():
        try:
            role, teams = form.cleaned_data["role"], form.cleaned_data["teams"]
            people.change(membership=member, role=role, of=teams, by=request.user)
        except people.Refused as why:
            form.add_error("role", str(why))
        else:
            messages.success(request, f"{member} is now {member.get_role_display().lower()}.")
            return redirect("home") if member.user_id == request.user.pk else _back(request)
    return _form(request, form, title=str(member), action="Save", member=member)


@require_POST
@needs(Can.MANAGE_PEOPLE)
def deactivate(request: MemberRequest, pk: int) -> HttpResponseBase:
    member = _member(request.organization, pk)
    try:
        people.deactivate(membership=member, by=request.user)
        messages.success(request, f"{member} can no longer come in.")
    except people.Refused as why:
        messages.error(request, str(why))
    return _back(request)


@require_POST
@needs(Can.MANAGE_PEOPLE)
def reactivate(request: MemberRequest, pk: int) -> HttpResponseBase:
    member = _member(request.organization, pk)
    people.reactivate(membership=member, by=request.user)
    messages.success(request, f"{member} may come in again.")
    return _back(request)


@get_or_post
@needs(Can.MANAGE_PEOPLE)
def new_team(request: MemberRequest) -> HttpResponseBase:
    form = TeamForm(request.POST or None, instance=Team(organization=request.organization))
    if form.is_valid():
        people.add_team(organization=request.organization, by=request.user, **form.cleaned_data)
        messages.success(request, f"The team {form.cleaned_data['name']} is there.")
        return _back(request)
    return _form(request, form, title="New team", action="Add the team")


@get_or_post
@needs(Can.MANAGE_PEOPLE)
def team(request: MemberRequest, pk: int) -> HttpResponseBase:
    stored = get_object_or_404(Team, pk=pk, organization=request.organization)
    # The form writes into its instance while it checks, so it gets one of its own.
    form = TeamForm(request.POST or None, instance=get_object_or_404(Team, pk=pk, organization=request.organization))
    if form.is_valid():
        people.change_team(team=stored, by=request.user, **form.cleaned_data)
        messages.success(request, f"The team {form.cleaned_data['name']} is saved.")
        return _back(request)
    return _form(request, form, title=stored.name, action="Save", team=stored)


@require_POST
@needs(Can.MANAGE_PEOPLE)
def remove_team(request: MemberRequest, pk: int) -> HttpResponseBase:
    stored = get_object_or_404(Team, pk=pk, organization=request.organization)
    try:
        people.remove_team(team=stored, by=request.user)
        messages.success(request, f"The team {stored.name} is gone.")
    except people.Refused as why:
        messages.error(request, str(why))
    return _back(request)


def _member(organization: Organization, pk: int) -> Membership:
    return get_object_or_404(
        Membership.objects.select_related("user", "organization"), pk=pk, organization=organization
    )


def _form(request: MemberRequest, form: Any, **context: Any) -> HttpResponseBase:
    status = 422 if form.is_bound else 200
    return render(request, "portal/person.html", {"form": form, **context}, status=status)


def _back(request: MemberRequest) -> HttpResponseBase:
    return redirect("people", request.organization.slug)
