"""Carrier accounts: connecting one, trying its credentials, and handing it to a carrier as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from portal import audit, live, web
from portal.http import NotSent, Steps, Unanswered
from portal.models import Organization, User
from portal.secrets import mask
from trunks import carriers
from trunks.carriers.base import Account, Carrier, CarrierError
from trunks.models import CarrierAccount

T = TypeVar("T")
KNOWN_SECONDS = 1.0


class AccountRefused(ValueError):
    """The account cannot be connected so. `errors`: field name, or "" for the whole -> a sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


# --- As a carrier sees it ---


def carrier_of(account: CarrierAccount) -> Carrier:
    return carriers.get(account.kind)


def webhook_path(account: CarrierAccount) -> str:
    return f"/hooks/{account.kind}/{account.pk}/"


def webhook_url(account: CarrierAccount) -> str:
    """The address an admin enters at the carrier."""
    return f"{settings.PORTAL_PUBLIC_URL}{webhook_path(account)}"


def as_carrier_account(account: CarrierAccount) -> Account:
    return Account(base_url=account.base_url, values=account.values, webhook_url=webhook_url(account))


def credential_hosts(account: CarrierAccount) -> frozenset[str]:
    """Which hosts may see the account's credentials (see portal.web): the carrier's own."""
    return frozenset({_host(carrier_of(account).BASE_URL)})


def set_trouble(account_id: UUID, organization_id: int, why: str) -> None:
    """What holds the account's texts up, or "" when nothing does any more. Screens hear of a change alone."""
    same = CarrierAccount.objects.filter(pk=account_id, trouble=why[:300])
    if same.exists():
        return
    since = Coalesce("trouble_since", Now()) if why else None
    CarrierAccount.objects.filter(pk=account_id).update(trouble=why[:300], trouble_since=since)
    live.publish(organization_id, "org", "carriers", [str(account_id)])


# --- At the webhook door ---


@dataclass(frozen=True, slots=True)
class Known:
    """An active account as it was read less than KNOWN_SECONDS ago. `until`: by the monotonic clock."""

    row: CarrierAccount
    seen: Account
    until: float


_known: dict[UUID, Known] = {}  # active accounts alone: strangers' guesses leave nothing here


def known(kind: str, account_id: UUID) -> Known | None:
    """The active account of a webhook's address. What changes on it counts here within KNOWN_SECONDS."""
    found = _known.get(account_id)
    if found is None or found.until < monotonic():
        return known_anew(kind, account_id)
    return found if found.row.kind == kind else None


def known_anew(kind: str, account_id: UUID) -> Known | None:
    """`known`, read from the database."""
    rows = CarrierAccount.objects.select_related("organization")
    row = rows.filter(pk=account_id, kind=kind, is_active=True).first()
    if row is None:
        _known.pop(account_id, None)
        return None
    _known[account_id] = found = Known(row, as_carrier_account(row), monotonic() + KNOWN_SECONDS)
    return found


# --- Connecting ---


def connect_account(
    *,
    organization: Organization,
    kind: str,
    name: str,
    values: Mapping[str, str],
    base_url: str = "",
    by: User | None,
    check: bool = True,
) -> CarrierAccount:
    """A new account, its credentials tried first unless `check` is off. Raises AccountRefused; then nothing is kept."""
    try:
        carrier = carriers.get(kind)
    except LookupError as error:
        raise AccountRefused({"kind": str(error)}) from None
    account = CarrierAccount(organization=organization, kind=kind, name=name.strip() or carrier.NAME)
    _fill(account, carrier, values, base_url)
    _try_before_keeping(account, check)
    _keep(account, "trunks.carrier.connected", by=by)
    return account


def change_account(
    account: CarrierAccount, *, name: str, values: Mapping[str, str], base_url: str, by: User | None, check: bool = True
) -> None:
    """New settings; a secret left empty stays as it is. Raises AccountRefused; then everything stays as it is."""
    carrier = carrier_of(account)
    kept = {field.name: account.values.get(field.name, "") for field in carrier.FIELDS if field.secret}
    account.name = name.strip() or account.name
    _fill(account, carrier, {**values, **{key: values.get(key) or old for key, old in kept.items()}}, base_url)
    _try_before_keeping(account, check)
    _keep(account, "trunks.carrier.changed", by=by)


def _fill(account: CarrierAccount, carrier: Carrier, values: Mapping[str, str], base_url: str) -> None:
    known = {field.name: field for field in carrier.FIELDS}
    given = {name: value.strip() for name, value in values.items() if value.strip()}
    errors = {name: f"{carrier.NAME} has no setting '{name}'." for name in given if name not in known}
    errors |= {
        name: f"{field.label} is missing." for name, field in known.items() if field.required and name not in given
    }
    address = (base_url.strip() or default_address(carrier)).rstrip("/")
    if why := wrong_address(carrier, address):
        errors["base_url"] = why
    if errors:
        raise AccountRefused(errors)
    account.base_url, account.values = address, given


def default_address(carrier: Carrier) -> str:
    """The carrier's own; one that runs on this machine is where the operator started it."""
    is_here = _host(carrier.BASE_URL) in ("127.0.0.1", "localhost")
    return settings.PORTAL_SANDBOX_URL or carrier.BASE_URL if is_here else carrier.BASE_URL


def wrong_address(carrier: Carrier, address: str) -> str:
    """Why credentials may not go to this address; "" when they may. The operator's private hosts are the exception."""
    parts = urlsplit(address)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return "The port of this address is not a number."
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        return "Write a web address, like https://api.example.com."
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if f"{host}:{port}" in settings.PORTAL_PRIVATE_HOSTS:
        return ""
    if parts.hostname != _host(carrier.BASE_URL):
        return (
            f"Credentials of {carrier.NAME} go to {_host(carrier.BASE_URL)} only. "
            "The operator can allow another address in PORTAL_PRIVATE_HOSTS."
        )
    return "" if parts.scheme == "https" else "Credentials travel over https only."


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "").lower()


def _try_before_keeping(account: CarrierAccount, check: bool) -> None:
    if not check:
        return
    if why := _try(account):
        raise AccountRefused({"": why})
    account.checked_at, account.check_error = timezone.now(), ""


def _keep(account: CarrierAccount, action: str, *, by: User | None) -> None:
    try:
        with transaction.atomic():
            account.save()
            audit.record(
                action,
                organization=account.organization,
                by=by,
                subject=account.name,
                account=str(account.pk),
                kind=account.kind,
                base_url=account.base_url,
                settings=sorted(account.values),
            )
            live.publish(account.organization_id, "org", "carriers", [str(account.pk)])
    except IntegrityError:
        raise AccountRefused({"name": "Another carrier account has this name."}) from None


# --- Trying ---


def check_account(account: CarrierAccount, *, by: User | None) -> str:
    """Try the stored credentials and write down the outcome: "" or a sentence on what is wrong."""
    why = _try(account)
    account.checked_at, account.check_error = timezone.now(), why[:300]
    with transaction.atomic():
        account.save(update_fields=["checked_at", "check_error"])
        audit.record(
            "trunks.carrier.checked",
            organization=account.organization,
            by=by,
            subject=account.name,
            account=str(account.pk),
            outcome=account.check_error or "ok",
        )
        live.publish(account.organization_id, "org", "carriers", [str(account.pk)])
    return account.check_error


def _try(account: CarrierAccount) -> str:
    try:
        run_steps(account, carrier_of(account).check_credentials(as_carrier_account(account)))
    except CarrierError as error:
        return error.sentence
    except (NotSent, Unanswered) as error:
        return unreachable(account, error)
    return ""


def run_steps(account: CarrierAccount, steps: Steps[T]) -> T:
    """Carry a carrier's steps with the account's credentials guarded. Raises CarrierError, NotSent, Unanswered."""
    return web.run(steps, hosts=credential_hosts(account))


def unreachable(account: CarrierAccount, error: NotSent | Unanswered) -> str:
    return f"{carrier_of(account).NAME} could not be reached at {_host(account.base_url)}: {error}."


def shown_values(account: CarrierAccount) -> dict[str, str]:
    """What a screen may show of the stored settings: secrets by their last characters at most."""
    return {
        field.name: mask(value) if field.secret and value else value
        for field in carrier_of(account).FIELDS
        for value in [account.values.get(field.name, "")]
    }
