"""The one-time link: handed over by mail, and the page it opens."""

import smtplib

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal import people
from portal.access import MemberRequest
from portal.context import start_url
from portal.forms.people import AcceptForm
from portal.htmx import render
from portal.models import Invitation, Membership, User

BACKEND = "portal.accounts.Backend"


def link(token: str) -> str:
    return settings.PORTAL_PUBLIC_URL + reverse("invitation", args=[token])


def hand_over(request: MemberRequest, invitation: Invitation, token: str) -> None:
    """Mail the link. Where none leaves this machine, or it failed, the inviter sees the link once."""
    is_mailed = _mailed(invitation, token)
    if not is_mailed:
        messages.warning(request, "The mail could not be sent. Pass the link on yourself.")
    elif not settings.EMBEDDED:
        messages.success(request, f"An invitation is on its way to {invitation.email}.")
    if settings.EMBEDDED or not is_mailed:
        request.session["invitation_link"] = {"email": invitation.email, "url": link(token)}


def _mailed(invitation: Invitation, token: str) -> bool:
    body = render_to_string("portal/mail/invitation.txt", {"invitation": invitation, "url": link(token)})
    subject = f"Your invitation to {invitation.organization.name}"
    try:
        return send_mail(subject, body, None, [invitation.email]) == 1
    except (OSError, smtplib.SMTPException):
        return False


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponseBase:
    """For a new address: name and password. For a known one: sign in, then one button."""
    invitation = people.find_invitation(token)
    if invitation is None:
        return render(request, "portal/invitation.html", status=404)
    if not people.has_account(invitation.email):
        return _open_account(request, invitation)
    if not request.user.is_authenticated:
        return redirect_to_login(request.path)
    return _join(request, invitation)


def _open_account(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    form = AcceptForm(request.POST or None, email=invitation.email)
    if form.is_valid():
        try:
            membership = people.accept_as_new(invitation=invitation, **form.cleaned_data)
        except people.Refused as why:
            form.add_error(None, str(why))
        else:
            login(request, membership.user, backend=BACKEND)
            return _welcome(membership)
    context = {"invitation": invitation, "form": form}
    return render(request, "portal/invitation.html", context, status=422 if form.is_bound else 200)


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    assert isinstance(request.user, User)
    why = ""
    if request.method == "POST":
        try:
            return _welcome(people.accept(invitation=invitation, user=request.user))
        except people.Refused as refused:
            why = str(refused)
    is_theirs = people.owns(request.user, invitation.email)
    context = {"invitation": invitation, "is_theirs": is_theirs, "why": why}
    return render(request, "portal/invitation.html", context, status=409 if why else 200)


def _welcome(membership: Membership) -> HttpResponseBase:
    return redirect(start_url(membership))
