from typing import Any

import pytest

pytestmark = pytest.mark.django_db


def test_the_sign_in_page_has_password_and_passkey_and_no_sign_up(client: Any) -> None:
    page = client.get("/accounts/login/")
    text = page.content.decode()
    assert page.status_code == 200
    assert 'autocomplete="username webauthn"' in text
    assert 'id="passkey_login"' in text
    assert "signup" not in text
    assert "'unsafe-inline'" not in page["Content-Security-Policy"]


def test_a_wrong_password_is_said_beside_the_form(client: Any) -> None:
    page = client.post("/accounts/login/", {"login": "nobody@example.com", "password": "wrong"})
    assert page.status_code == 200
    assert b'class="notice is-wrong" role="alert"' in page.content


def test_accounts_are_by_invitation(client: Any) -> None:
    page = client.get("/accounts/signup/")
    assert b"Accounts are by invitation" in page.content
    assert b"<form" not in page.content


def test_a_spent_password_link_offers_a_new_one(client: Any) -> None:
    page = client.get("/accounts/password/reset/key/1-spent-link/", follow=True)
    assert b"This link no longer works" in page.content
    assert b'href="/accounts/password/reset/"' in page.content


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_first_paint_has_the_chosen_theme(client: Any, theme: str) -> None:
    client.cookies["theme"] = theme
    assert f'<html lang="en" data-theme="{theme}">'.encode() in client.get("/accounts/login/").content


def test_without_a_choice_the_system_decides(client: Any) -> None:
    client.cookies["theme"] = '"><script>'
    assert b'<html lang="en">' in client.get("/accounts/login/").content
