"""The list of conversations."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from messaging.views import lists
from portal.access import Can, MemberRequest, needs
from portal.htmx import render, wants


@require_safe
@needs(Can.READ_THREADS)
def inbox(request: MemberRequest) -> HttpResponse:
    """The list alone; HTMX asks for `list` when news arrive or words are searched."""
    if wants(request, "list"):
        context = lists.context(request, open_id=lists.open_thread_id(request))
        return render(request, "messaging/inbox.html", context | {"is_fragment": True}, part="list")
    return render(request, "messaging/inbox.html", lists.context(request))
