"""What every page knows: the organization, the member, the areas on the rail, the theme."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from portal.access import PERMISSIONS, Can, may
from portal.models import Membership, Role

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Area:
    label: str
    icon: str
    url_name: str
    permission: Can
    counts: str = ""  # address that answers HTMX's #area-count with how many wait there


AREAS = (
    Area("Inbox", "inbox", "inbox", Can.READ_THREADS),
    Area("DIDs", "phone", "dids", Can.SEE_DIDS),
    Area("Carriers", "radio-tower", "carriers", Can.MANAGE_CARRIERS),
    Area("Opt-outs", "octagon-x", "opt-outs", Can.MANAGE_OPT_OUTS, counts="opt-out-reviews"),
    Area("Holds", "lock-keyhole", "holds", Can.MANAGE_HOLDS),
    Area("Retention", "archive", "retention", Can.MANAGE_RETENTION),
    Area("People", "users", "people", Can.MANAGE_PEOPLE),
    Area("Audit", "scroll-text", "audit", Can.SEE_AUDIT),
)


def areas(membership: Membership) -> list[Area]:
    return [area for area in AREAS if may(membership, area.permission)]


def start_url(membership: Membership) -> str:
    """Where a member's day begins: the first area the role may open."""
    return reverse(areas(membership)[0].url_name, args=[membership.organization.slug])


def page(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "")
    common: dict[str, Any] = {"theme": theme if theme in THEMES else "", "csp_nonce": getattr(request, "csp_nonce", "")}
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        return common
    return common | {
        "organization": membership.organization,
        "membership": membership,
        "nav": SimpleLazyObject(lambda: _nav(request, membership)),  # fragments show no rail
        "can": CAN[Role(membership.role)],
        "live_url": f"/live/{membership.organization.slug}/",
    }


CAN = {role: frozenset(permission.name.lower() for permission in PERMISSIONS[role]) for role in Role}


def _nav(request: HttpRequest, membership: Membership) -> list[dict[str, Any]]:
    slug = membership.organization.slug
    return [
        {
            "label": area.label,
            "icon": area.icon,
            "url": (url := reverse(area.url_name, args=[slug])),
            "active": request.path.startswith(url),
            "counts": reverse(area.counts, args=[slug]) if area.counts else "",
        }
        for area in areas(membership)
    ]
