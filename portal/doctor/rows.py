"""What stands in the database: heartbeats, carrier accounts, lanes, texts, and what carriers told us."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet, Subquery, TextField
from django.db.models import OuterRef as Outer
from django.db.models.functions import Cast

from messaging import health, retention
from messaging.health import Backlog, Doubtful, Road, Told, Troubles
from portal import phone
from portal.doctor.findings import About, Finding, Level, Place, ago, note, ok, problem, some, waiting
from portal.doctor.ground import is_loopback
from portal.models import Organization
from portal.secrets import CannotDecrypt, decrypt
from trunks import accounts, carriers
from trunks.models import CarrierAccount, Did, TextState

STUCK = timedelta(seconds=60)
PENDING = timedelta(minutes=15)
LATELY = timedelta(days=1)
ERRORS_KEPT = timedelta(days=7)
UNHEARD = timedelta(minutes=15)
UPKEEP_SILENT = timedelta(minutes=2)  # it comes twice a minute
TELL_OPERATOR = "Tell whoever runs the portal: its background work does not take them."


@dataclass(frozen=True)
class Look:
    """What checks and pages look at, of all organizations or of one; each thing is read once, when first asked for."""

    now: datetime
    organization: Organization | None = None

    @cached_property
    def accounts(self) -> dict[UUID, CarrierAccount]:
        """Without their credentials, so that one of a lost key hides no other."""
        rows = self._mine(CarrierAccount.objects.select_related("organization").defer("values"))
        return {account.pk: account for account in rows.order_by("organization", "name")}

    @cached_property
    def sealed(self) -> dict[UUID, str]:
        """The accounts' credentials as they are stored."""
        rows = self._mine(CarrierAccount.objects.all()).annotate(sealed=Cast("values", TextField()))
        return dict(rows.values_list("pk", "sealed"))

    def _mine(self, rows: QuerySet[CarrierAccount]) -> QuerySet[CarrierAccount]:
        return rows if self.organization is None else rows.filter(organization=self.organization)

    @cached_property
    def roads(self) -> list[Road]:
        return health.roads(self.now, self.organization)

    @cached_property
    def doubtful(self) -> dict[UUID, Doubtful]:
        return health.unconfirmed(self.organization)

    @cached_property
    def backlogs(self) -> dict[UUID, Backlog]:
        return health.unprocessed(self.now, self.organization)

    @cached_property
    def troubled(self) -> list[Told]:
        return health.troubled_deliveries(self.now - ERRORS_KEPT, self.organization)

    @cached_property
    def troubles(self) -> dict[UUID, Troubles]:
        return health.troubles(self.organization)

    @cached_property
    def refused(self) -> dict[UUID, tuple[datetime, str]]:
        return health.refused_webhooks(self.now - LATELY, self.organization)

    def heard_at(self, account: CarrierAccount) -> datetime | None:
        """When its newest webhook came, worked off or not."""
        backlog = self.backlogs.get(account.pk)
        times = [at for at in (account.last_heard_at, backlog and backlog.newest) if at]
        return max(times, default=None)

    def name(self, account_id: UUID) -> str:
        account = self.accounts[account_id]
        return f"{account.name} of {account.organization.slug}"


# --- Workers ---


def heartbeats(look: Look) -> Iterator[Finding]:
    """The tick of a second and the upkeep of each half minute: beat has sent them, and a worker has run them."""
    silences = health.silences(look.now)
    tick, upkeep = silences.get(health.TICK), silences.get(health.UPKEEP)
    if tick is None or tick >= timedelta(seconds=health.SILENT_SECONDS):
        since = "has never come" if tick is None else f"last came {ago(tick)} ago"
        help = "Start `up`; in production start the worker and beat, both are needed."
        yield problem("tick", f"The tick of a second {since}: beat or the worker is down.", help)
        return
    yield ok("tick", "Beat and a worker of the queue `upkeep` are alive.")
    if upkeep is None:
        yield waiting("upkeep", "The upkeep of each half minute has not come yet.")
    elif upkeep >= UPKEEP_SILENT:
        help = "The worker's log says why the task `messaging.upkeep` fails."
        yield problem("upkeep", f"The upkeep of each half minute last came {ago(upkeep)} ago.", help)


def retention_rules(look: Look) -> Iterator[Finding]:
    """What is to be deleted at the end of its time, and is not."""
    for organization, at in retention.overdue(look.now):
        since = f"last ended {ago(look.now - at)} ago" if at else "has never been run to its end"
        sentence = f"The retention rule of {organization.slug} {since}."
        yield problem("retention", sentence, "Look at `workers` and `tick` above, or run `manage.py retention`.")
    if files := retention.files_left(look.now):
        sentence = f"{some(files, 'picture')} deleted by the retention rule could not be removed from the storage."
        yield problem("retention", sentence, "Check the rights of the media folder; each run tries them again.")


# --- Carrier accounts ---


def public_url(look: Look) -> Iterator[Finding]:
    """A carrier out in the world cannot call a loopback address."""
    if not is_loopback(settings.PORTAL_PUBLIC_URL):
        return
    real = [look.name(one.pk) for one in look.accounts.values() if one.is_active and not is_loopback(one.base_url)]
    if real:
        sentence = f"PORTAL_PUBLIC_URL is {settings.PORTAL_PUBLIC_URL}, where {', '.join(real)} cannot send webhooks."
        yield problem("public address", sentence, "Set PORTAL_PUBLIC_URL to the address the world reaches.")


def carrier_accounts(look: Look) -> Iterator[Finding]:
    for account in look.accounts.values():
        subject = f"carrier {look.name(account.pk)}"
        if not account.is_active:
            yield ok(subject, "It is switched off.", about=About(account=account.pk))
            continue
        found = [
            *_credentials(subject, account, look),
            *_silence(subject, account, look),
            *_refusals(subject, account, look),
        ]
        if all(finding.level != Level.PROBLEM for finding in found):
            sent, heard = (_when(*each, look.now) for each in _life(account, look))
            found.append(ok(subject, f"{sent}; {heard}.", about=About(account=account.pk)))
        yield from found


def _life(account: CarrierAccount, look: Look) -> tuple[tuple[str, datetime | None], tuple[str, datetime | None]]:
    return ("sent", account.last_sent_at), ("heard", look.heard_at(account))


def _when(what: str, at: datetime | None, now: datetime) -> str:
    return f"{what} {ago(now - at)} ago" if at else f"nothing {what} yet"


def _credentials(subject: str, account: CarrierAccount, look: Look) -> Iterator[Finding]:
    about = About(account=account.pk, place=Place.ACCOUNT)
    try:
        carriers.get(account.kind)
        decrypt(look.sealed[account.pk])
    except LookupError as error:
        help = "This version of the portal cannot use the account; switch it off."
        yield problem(subject, str(error), help, about=about)
        return
    except CannotDecrypt as error:
        help = "Add the old key to PORTAL_CREDENTIAL_KEYS, or enter the credentials anew."
        lost = About(account=account.pk, place=Place.ACCOUNT, advice="Enter the credentials anew.")
        yield problem(subject, str(error), help, about=lost)
        return
    if account.check_error and account.checked_at:
        sentence = f"Its credentials failed {ago(look.now - account.checked_at)} ago: {account.check_error}"
        yield problem(subject, sentence, "Mend and check them under Carriers.", about=about)
    elif account.checked_at is None and account.last_heard_at is None:
        never = About(account=account.pk, place=Place.ACCOUNTS)
        yield note(subject, "Its credentials have never been tried.", "Check them under Carriers.", about=never)


def _silence(subject: str, account: CarrierAccount, look: Look) -> Iterator[Finding]:
    """Texts go out and no receipt comes back: the carrier does not know our address, or cannot reach it."""
    sent, heard = account.last_sent_at, look.heard_at(account)
    if sent is None or look.now - sent < timedelta(minutes=2) or (heard and sent - heard < UNHEARD):
        return
    when = f"its last webhook came {ago(look.now - heard)} ago" if heard else "it has never sent a webhook"
    sentence = f"Texts went out {ago(look.now - sent)} ago, and {when}."
    help = f"Enter {accounts.webhook_url(account)} at the carrier."
    yield problem(subject, sentence, help, about=About(account=account.pk, place=Place.ACCOUNT))


def _refusals(subject: str, account: CarrierAccount, look: Look) -> Iterator[Finding]:
    if account.pk not in look.refused:
        return
    at, why = look.refused[account.pk]
    many = some(account.refused_webhooks, "webhook")
    sentence = f"{many} without proof of who sent it, the last {ago(look.now - at)} ago: {why}"
    help = "Compare the signing key with the carrier's; strangers may also knock."
    yield problem(subject, sentence, help, about=About(account=account.pk, place=Place.REFUSED))


# --- Texts ---


def lanes(look: Look) -> Iterator[Finding]:
    """Roads that are closed, and those nobody sends on."""
    for road in look.roads:
        if not road.lane.account.is_active and not road.waiting:
            continue
        if road.is_closed(look.now):
            yield _closed(road, look)
        elif road.since and look.now - road.since >= STUCK:
            yield _stuck(road, look)


def _lane(road: Road, look: Look) -> str:
    campaign = f", {road.lane.campaign.name}" if road.lane.campaign else ""
    return f"lane {look.name(road.lane.account_id)}{campaign}"


def _about(road: Road, advice: str = "") -> About:
    what = road.lane.campaign.name if road.lane.campaign else "Without a campaign"
    return About(account=road.lane.account_id, what=what, advice=advice)


def _queue(road: Road, now: datetime) -> str:
    return f"{some(road.waiting, 'due text')} waiting, the oldest for {ago(now - road.since)}." if road.since else ""


def _closed(road: Road, look: Look) -> Finding:
    """A road closes for seconds at a time, and texts can bear a little; longer is somebody's business."""
    lane = road.lane
    assert lane.paused_until is not None, "is_closed says so"
    closed = f"Closed for {ago(lane.paused_until - look.now)} more, after {some(lane.failures, 'failure')} in a row"
    sentence = f"{closed}: {lane.paused_why} {_queue(road, look.now)}".strip()
    help = "It opens by itself; the carrier's status page may say more."
    tell = problem if road.since and look.now - road.since >= STUCK else note
    return tell(_lane(road, look), sentence, help, about=_about(road))


def _stuck(road: Road, look: Look) -> Finding:
    sentence = _queue(road, look.now)
    if road.lane.next_slot_at > look.now - STUCK:
        help = "The lane moves, at its campaign's rate; spread texts over more campaigns, or register a higher rate."
        return waiting(_lane(road, look), sentence, help, about=_about(road))
    help = "Look at `workers` and `tick` above."
    return problem(_lane(road, look), f"{sentence} Nothing leaves.", help, about=_about(road, TELL_OPERATOR))


def doubtful_texts(look: Look) -> Iterator[Finding]:
    for account_id, found in look.doubtful.items():
        subject = f"unconfirmed at {look.name(account_id)}"
        if found.for_a_person:
            sentence = f"{some(found.for_a_person, 'text')} not confirmed, and the carrier was asked in vain."
            help = "Open their threads: a person decides whether to send them again."
            advice = "Somebody who reads their conversations decides there whether to send them again."
            about = About(account=account_id, place=Place.THREADS, advice=advice)
            yield problem(subject, sentence, help, about=about)
        if looked_up := found.count - found.for_a_person:
            sentence = f"{some(looked_up, 'text')} being looked up, the oldest sent {ago(look.now - found.since)} ago."
            yield waiting(subject, sentence, about=About(account=account_id))


# --- What carriers told us ---


def deliveries(look: Look) -> Iterator[Finding]:
    """Webhooks that wait, and those that said something we could not use."""
    for account_id, backlog in look.backlogs.items():
        if look.now - backlog.since >= STUCK:
            waits = f"{some(backlog.count, 'webhook')} waiting to be worked off"
            sentence = f"{waits}, the oldest for {ago(look.now - backlog.since)}."
            help = "Look at `workers` and `tick` above: nobody takes the queue `webhooks`."
            about = About(account=account_id, place=Place.WAITING, advice=TELL_OPERATOR)
            yield problem(f"webhooks of {look.name(account_id)}", sentence, help, about=about)
    for told in look.troubled:
        yield _troubled(told, look)


def _troubled(told: Told, look: Look) -> Finding:
    subject = f"webhooks of {look.name(told.account_id)}"
    last = f"the last {ago(look.now - told.newest)} ago"
    if told.is_unknown_word:
        words = told.error.removeprefix(health.UNKNOWN_WORDS)
        help = "They are kept whole; once the portal knows the words, have them processed once more under Carriers."
        about = About(account=told.account_id, place=Place.UNKNOWN_WORDS)
        return note(
            subject, f"{some(told.count, 'webhook')} with words unknown here, {last}: {words}.", help, about=about
        )
    help = "They are kept whole; once the cause is mended, have them processed once more under Carriers."
    about = About(account=told.account_id, place=Place.TROUBLED)
    sentence = f"{some(told.count, 'webhook')} not understood, {last}: {told.error.rstrip('.')}."
    return problem(subject, sentence, help, about=about)


def parked(look: Look) -> Iterator[Finding]:
    """Texts to numbers that are no DIDs of ours, and receipts of texts we never sent."""
    for told in health.parked_texts(look.organization):
        sentence = f"{some(told.count, 'text')} to {phone.pretty(told.number)}, which is no DID here."
        about = About(account=told.account_id, place=Place.UNKNOWN_DIDS)
        help = "Import the DID; its texts are then put into their threads."
        yield problem(f"unknown DID at {look.name(told.account_id)}", sentence, help, about=about)
    for account_id, count in health.parked_receipts(look.now, look.organization).items():
        sentence = f"{some(count, 'receipt')} of the last day for no text of this portal."
        help = "Another system may send by the same carrier account."
        yield note(f"receipts of {look.name(account_id)}", sentence, help, about=About(account=account_id))


def pending_dids(look: Look) -> Iterator[Finding]:
    late = Q(text_state=TextState.PENDING, text_changed_at__lte=look.now - PENDING, account__isnull=False)
    rows = Did.objects.current().filter(late)
    if look.organization is not None:
        rows = rows.filter(organization=look.organization)
    oldest = rows.filter(account=Outer("account")).order_by("text_changed_at").values("text_why")
    counted = rows.values_list("account").annotate(Count("pk"), Min("text_changed_at"), why=Subquery(oldest[:1]))
    for account_id, count, since, why in counted.order_by("account"):
        waits = f"{some(count, 'DID')} waiting for the carrier, the oldest for {ago(look.now - since)}."
        help = "Ask the carrier, or switch them off and on again."
        about = About(account=account_id, place=Place.PENDING_DIDS)
        yield problem(f"pending DIDs of {look.name(account_id)}", f"{waits} {why}".strip(), help, about=about)


Checks = tuple[Callable[[Look], Iterable[Finding]], ...]
OF_SERVER: Checks = (heartbeats, public_url)
FOR_THE_OPERATOR: Checks = (retention_rules,)
OF_ACCOUNTS: Checks = (carrier_accounts, lanes, doubtful_texts, deliveries, parked, pending_dids)
CHECKS: Checks = (*OF_SERVER, *FOR_THE_OPERATOR, *OF_ACCOUNTS)
