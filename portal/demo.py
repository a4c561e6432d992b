"""The demo call center: what `up` makes at the first start, so that a newcomer can text through the sandbox at once.

Every number is of the fiction range (555-0100 to 555-0199 of a real area code). No conversation is invented: the first
one is the visitor's own.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from compliance.models import Brand, Campaign, CampaignDid, CampaignDidState, CampaignState, TextingPolicy
from portal import audit, people, web
from portal.http import HttpCall, NotSent, Unanswered
from portal.models import Membership, Organization, Role, Team
from trunks.models import CarrierAccount, Did, DidAssignment, TextState, Trunk

SLUG = "demo"
CARRIER = "sandbox"
SALES, SUPPORT = "Sales", "Support"
PEOPLE = (
    ("owner", "Demo owner", Role.OWNER, ()),
    ("supervisor", "Demo supervisor", Role.SUPERVISOR, (SALES, SUPPORT)),
    ("agent1", "Demo agent 1", Role.AGENT, (SALES,)),
    ("agent2", "Demo agent 2", Role.AGENT, (SALES, SUPPORT)),
    ("dialer", "Demo dialer admin", Role.DIALER_ADMIN, ()),
    ("compliance", "Demo compliance admin", Role.COMPLIANCE_ADMIN, ()),
)
AREAS = {"312": "Chicago", "404": "Atlanta", "602": "Phoenix", "646": "New York"}
# (last four digits, team): those of no team are voice only, and 0166 shows what a carrier's refusal looks like.
DIDS = (("0110", SALES), ("0111", SUPPORT), ("0166", None))
CAMPAIGN_REF = "CDEMO01"
SIGN_INS = "demo-sign-ins.txt"


@dataclass(frozen=True, slots=True)
class Demo:
    """`notes`: lines to print. `sign_ins`: (e-mail, password), only at the start that made them."""

    notes: tuple[str, ...]
    sign_ins: tuple[tuple[str, str], ...] = ()


def ensure_demo() -> Demo:
    """Make the demo organization if there is none, and introduce its account to the sandbox of this start."""
    organization = Organization.objects.filter(slug=SLUG).first()
    sign_ins: tuple[tuple[str, str], ...] = ()
    if organization is None:
        organization, sign_ins = _make()
        _keep(sign_ins)
    account = CarrierAccount.objects.filter(organization=organization, kind=CARRIER).order_by("created_at").first()
    trouble = [] if account is None else _introduce(account)
    return Demo(notes=(*_tell(sign_ins), *trouble), sign_ins=sign_ins)


@transaction.atomic
def _make() -> tuple[Organization, tuple[tuple[str, str], ...]]:
    organization = Organization.objects.create(slug=SLUG, name="Demo call center", time_zone="America/Chicago")
    # A visitor tries it at any hour; people of a real call center would be asleep.
    TextingPolicy.objects.create(organization=organization, any_time=True, attestation="Nobody real is texted here.")
    teams = {name: Team.objects.create(organization=organization, name=name) for name in (SALES, SUPPORT)}
    sign_ins = tuple(_make_person(organization, teams, *person) for person in PEOPLE)
    _make_numbers(organization, teams, _make_account(organization))
    audit.record("portal.organization.added", organization=organization, by=None, subject=organization.name)
    return organization, sign_ins


def _make_person(
    organization: Organization, teams: dict[str, Team], who: str, name: str, role: Role, of: Iterable[str]
) -> tuple[str, str]:
    email, password = f"{who}@{SLUG}.example", secrets.token_urlsafe(9)
    user = people.create_account(email=email, name=name, password=password)
    membership = Membership.objects.create(organization=organization, user=user, role=role)
    membership.teams.set([teams[each] for each in of])
    return email, password


def _make_account(organization: Organization) -> CarrierAccount:
    return CarrierAccount.objects.create(
        organization=organization,
        kind=CARRIER,
        name="Sandbox",
        base_url=settings.PORTAL_SANDBOX_URL,
        values={"api_key": secrets.token_urlsafe(24), "signing_secret": secrets.token_urlsafe(24)},
    )


def _make_numbers(organization: Organization, teams: dict[str, Team], account: CarrierAccount) -> None:
    trunk = Trunk.objects.create(organization=organization, name="Main trunk", account=account)
    now = timezone.now()
    dids = [
        Did(
            organization=organization,
            number=f"+1{area}555{digits}",
            trunk=trunk,
            account=account,
            label=f"{city} {team.lower()}" if team else city,
            team=teams[team] if team else None,
            text_state=TextState.ENABLED if team else TextState.OFF,
            text_changed_at=now if team else None,
            mms=bool(team),
        )
        for area, city in AREAS.items()
        for digits, team in DIDS
    ]
    texting = [did for did in Did.objects.bulk_create(dids) if did.team_id]
    DidAssignment.objects.bulk_create(DidAssignment(did=did, team_id=did.team_id) for did in texting)
    campaign = _make_campaign(organization, account)
    assigned = CampaignDidState.ASSIGNED
    CampaignDid.objects.bulk_create(CampaignDid(campaign=campaign, did=did, state=assigned) for did in texting)


def _make_campaign(organization: Organization, account: CarrierAccount) -> Campaign:
    brand = Brand.objects.create(
        organization=organization, name="Demo call center", daily_cap=2_000, support="help@demo.example"
    )
    return Campaign.objects.create(
        organization=organization,
        brand=brand,
        account=account,
        name="Customer care",
        carrier_ref=CAMPAIGN_REF,
        state=CampaignState.LIVE,
        texts_a_second=10,
    )


# --- The sandbox's side ---


def _introduce(account: CarrierAccount) -> list[str]:
    """Tell the sandbox of this start who we are and where we hear; what went wrong, as lines to print."""
    if not settings.PORTAL_SANDBOX_URL:
        return ["The demo cannot text: no sandbox runs (PORTAL_SANDBOX_URL is empty)."]
    if account.base_url != settings.PORTAL_SANDBOX_URL:
        CarrierAccount.objects.filter(pk=account.pk).update(base_url=settings.PORTAL_SANDBOX_URL)
    try:
        answer = web.call(_introduction(account), hosts=frozenset())
    except (NotSent, Unanswered) as error:
        return [f"The demo cannot text: the sandbox was not reached ({error})."]
    if answer.status != 201:
        return [f"The demo cannot text: the sandbox refused its account (status {answer.status})."]
    return []


def _introduction(account: CarrierAccount) -> HttpCall:
    token = Path(settings.DATA_DIR) / "sandbox.secret"
    words = {
        "id": str(account.pk),
        "name": account.organization.name,
        "webhook_url": f"{settings.PORTAL_PUBLIC_URL}/hooks/{CARRIER}/{account.pk}/",
        "numbers": list(_owned(account)),
        **account.values,
    }
    return HttpCall(
        method="POST",
        url=f"{settings.PORTAL_SANDBOX_URL}/accounts",
        headers={
            "authorization": f"Bearer {token.read_text().strip() if token.exists() else ''}",
            "content-type": "application/json",
        },
        body=json.dumps(words).encode(),
    )


def _owned(account: CarrierAccount) -> Iterable[dict[str, object]]:
    """What the account owns at the carrier: every number of the demo's areas, so that imports can be switched on."""
    stock: dict[str, dict[str, object]] = {
        number: {"number": number} for area in AREAS for number in (f"+1{area}55501{n:02}" for n in range(100))
    }
    for number, state in Did.objects.current().filter(account=account).values_list("number", "text_state"):
        stock[number] = {"number": number}
        if state == TextState.ENABLED:
            stock[number] |= {"enabled": True, "campaign": CAMPAIGN_REF}
    return stock.values()


# --- The sign-ins ---


def _keep(sign_ins: Iterable[tuple[str, str]]) -> None:
    """Readable by this user alone, so that the second start can say where to look."""
    path = Path(settings.DATA_DIR) / SIGN_INS
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("".join(f"{email}  {password}\n" for email, password in sign_ins))


def _tell(sign_ins: tuple[tuple[str, str], ...]) -> list[str]:
    if sign_ins:
        return ["Demo sign-ins (also in " + _where() + "):", *(f"  {email}  {word}" for email, word in sign_ins)]
    return [f"Demo sign-ins: {_where()}"] if (Path(settings.DATA_DIR) / SIGN_INS).exists() else []


def _where() -> str:
    path = Path(settings.DATA_DIR) / SIGN_INS
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
