"""Texts that came to numbers nobody has imported: how many and since when. What they say waits for its thread."""

from django.db.models import Count, Max, Min
from django.http import HttpResponseBase

from messaging.models import ParkedText
from portal.access import Can, MemberRequest, needs
from portal.htmx import render

MOST = 200


@needs(Can.SEE_DIDS)
def unknown_dids(request: MemberRequest) -> HttpResponseBase:
    waiting = ParkedText.objects.filter(account__organization=request.organization, placed_at=None)
    numbers = (
        waiting.values("to_number", "account__name")
        .annotate(texts=Count("pk"), first=Min("received_at"), last=Max("received_at"))
        .order_by("-last")[:MOST]
    )
    return render(request, "messaging/unknown_dids.html", {"numbers": numbers, "tab": "unknown"})
