"""How people get in: by invitation only, and by links that lead to the portal's own address."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.http import HttpRequest

from portal import access
from portal.models import User


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's own, but who is signed in comes with the memberships that nearly every page asks for next."""

    def get_user(self, user_id: int) -> User | None:
        user = access.user_with_places(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    # A mail never names the host that the request named: whoever asks for it chooses that one.

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        site = SimpleNamespace(name=_host(), domain=_host())
        super().send_mail(template_prefix, email, context | {"current_site": site})

    def format_email_subject(self, subject: str) -> str:
        return f"[{_host()}] {subject}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        return _public(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return _public(super().get_email_confirmation_url(request, emailconfirmation))


def _host() -> str:
    return urlsplit(settings.PORTAL_PUBLIC_URL).netloc


def _public(url: str) -> str:
    return settings.PORTAL_PUBLIC_URL + urlsplit(url).path
