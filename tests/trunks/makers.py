"""Rows of the telephone side, as tests need them."""

from typing import Any

from portal.models import Organization
from trunks.models import CarrierAccount, Did, Trunk


def make_account(organization: Organization, name: str = "Carrier", **fields: Any) -> CarrierAccount:
    values = {"api_key": "key-of-the-test-account", "signing_secret": "secret-of-the-test-account"}
    base_url = fields.pop("base_url", "http://127.0.0.1:1")
    return CarrierAccount.objects.create(
        organization=organization, kind="sandbox", name=name, base_url=base_url, values=values, **fields
    )


def make_did(organization: Organization, number: str = "+13125550100", **fields: Any) -> Did:
    return Did.objects.create(organization=organization, number=number, **fields)


def make_dids(organization: Organization, count: int, **fields: Any) -> list[Did]:
    """`count` DIDs from +1 312 555 0100 on, a hundred in each area code."""
    areas = ("312", "773", "415", "646", "305", "213", "702", "206", "303", "404")
    numbers = [f"+1{area}55501{end:02}" for area in areas for end in range(100)][:count]
    return Did.objects.bulk_create(Did(organization=organization, number=number, **fields) for number in numbers)


def make_trunk(organization: Organization, name: str = "Chicago", account: CarrierAccount | None = None) -> Trunk:
    return Trunk.objects.create(organization=organization, name=name, account=account)
