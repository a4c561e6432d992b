"""The operator's admin: every page of it opens, and it changes nothing that the portal audits."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from portal import audit
from portal.models import AuditEvent, Membership, Team, User
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(house: House) -> Client:
    audit.record("portal.team.added", organization=house.organization, by=house.owner.user, subject="Nights")
    return sign_in(User.objects.create_superuser("operator@portal.example"))


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda model: model._meta.label), ids=str)
def test_every_list_opens(operator: Client, model: type) -> None:
    meta = model._meta  # type: ignore[attr-defined]
    assert operator.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")).status_code == 200


@pytest.mark.parametrize("model", [AuditEvent, Membership, Team])
def test_what_the_portal_audits_is_only_shown(operator: Client, house: House, model: type) -> None:
    meta = model._meta  # type: ignore[attr-defined]
    row = model.objects.first()  # type: ignore[attr-defined]
    page = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    assert operator.get(page).status_code == 200
    assert operator.post(page, {}).status_code == 403
    assert operator.post(page.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403


def test_members_do_not_come_in(house: House) -> None:
    assert sign_in(house.owner).get("/admin/").status_code == 302


def test_the_admin_has_no_sign_in_of_its_own(client: Client) -> None:
    """It would know neither the second step nor the limit on guesses."""
    operator = User.objects.create_superuser("operator@portal.example", "a long password")
    door = client.post("/admin/login/", {"username": operator.email, "password": "a long password"})
    assert (door.status_code, door["Location"]) == (302, "/accounts/login/?next=%2Fadmin%2Flogin%2F")
    assert "_auth_user_id" not in client.session
