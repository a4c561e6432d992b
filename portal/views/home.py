"""The first page after signing in: the one organization's start page, or a choice of organizations.

The address of an organization alone leads to its start page too.
"""

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from portal.access import Can, MemberRequest, needs
from portal.context import start_url
from portal.htmx import render
from portal.models import Membership


def home(request: HttpRequest) -> HttpResponseBase:
    memberships = list(Membership.objects.select_related("organization").filter(user=request.user.pk, is_active=True))
    if len(memberships) == 1:
        return redirect(start_url(memberships[0]))
    return render(request, "portal/home.html", {"choices": [(one, start_url(one)) for one in memberships]})


@require_safe
@needs(Can.ENTER)
def start(request: MemberRequest) -> HttpResponseBase:
    return redirect(start_url(request.membership))
