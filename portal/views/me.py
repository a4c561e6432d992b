"""One's own name and time zone. Password, second step and sessions are allauth's pages."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from portal.forms.people import MeForm
from portal.htmx import render
from portal.models import User


@require_http_methods(["GET", "HEAD", "POST"])
def me(request: HttpRequest) -> HttpResponseBase:
    # A row of its own: the form writes into it while it checks, and the page shows the old name until it is saved.
    form = MeForm(request.POST or None, instance=User.objects.get(email=request.user.get_username()))
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("me")
    return render(request, "portal/me.html", {"form": form}, status=422 if form.is_bound else 200)
