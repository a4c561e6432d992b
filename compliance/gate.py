"""The one door: may this text be sent? Pure over facts that `load` fetches for a whole batch in three queries."""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Value

from compliance import policy
from compliance.models import CampaignDidState, CampaignState, StandingConsent, Suppression
from compliance.places import Place, candidates
from compliance.policy import Policy
from compliance.purposes import NEEDED, SOLICITATIONS, ConsentCategory, Purpose
from compliance.quiet_hours import Hours, is_free
from trunks.carriers.events import Reason
from trunks.models import Did, TextState

DAY = timedelta(hours=24)
HELD = "Held: what this person wrote may be an opt-out, and somebody must read it first."
HELD_FOR = timedelta(minutes=1)  # then the gate is asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class DidFacts:
    """What the gate must know of a DID. `campaign_id` is None where no campaign is needed (toll-free, SMPP)."""

    number: str
    account_id: UUID | None = None
    text_state: str = TextState.OFF
    text_why: str = ""
    is_retired: bool = False
    campaign_id: int | None = None
    campaign_state: str = ""
    campaign_why: str = ""
    assignment_state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """What messaging knows of the person behind a number, over all DIDs of the organization.

    wrote_at: their newest text. solicited: the moments of solicitations to them in the last 24 hours. team_today: which
    other team texted them today, "" when none. is_doubted: they wrote what may be an opt-out and nobody has read it.
    """

    zone: str = ""
    state: str = ""
    wrote_at: datetime | None = None
    solicited: tuple[datetime, ...] = ()
    team_today: str = ""
    is_landline: bool = False
    is_reassigned: bool = False
    is_doubted: bool = False


NOBODY_KNOWN = PersonFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One text to be judged. `is_automatic`: nobody writes it."""

    number: str
    did: DidFacts
    purpose: str
    policy: Policy
    is_suppressed: bool
    is_own_number: bool
    is_automatic: bool = False
    consents: frozenset[str] = frozenset()
    person: PersonFacts = NOBODY_KNOWN

    @property
    def is_required_reply(self) -> bool:
        return self.purpose == Purpose.COMPLIANCE

    @property
    def is_solicitation(self) -> bool:
        return self.purpose in SOLICITATIONS

    @property
    def places(self) -> tuple[Place, ...]:
        """Every place where the person may be; empty: anywhere."""
        return candidates(self.number, zone=self.person.zone, state=self.person.state)


@dataclass(frozen=True, slots=True)
class Allowed:
    allowed = True
    sentence = ""
    help = ""


@dataclass(frozen=True, slots=True)
class Later:
    at: datetime
    sentence: str
    help: str = ""
    allowed = False


@dataclass(frozen=True, slots=True)
class Refused:
    reason: Reason
    sentence: str
    help: str = ""
    allowed = False


Verdict = Allowed | Later | Refused


def may_send(facts: Facts, now: datetime) -> Verdict:
    """The first thing in the way, or Allowed. `now`: the moment the text would leave."""
    for check in CHECKS:
        if verdict := check(facts, now):
            return verdict
    return Allowed()


def judgements(facts: Facts, now: datetime) -> list[tuple[str, Verdict]]:
    """Every check by name with its answer, for the page that explains."""
    return [(check.__name__.strip("_"), check(facts, now) or Allowed()) for check in CHECKS]


def _opted_out(facts: Facts, now: datetime) -> Refused | None:
    if not facts.is_suppressed or facts.is_required_reply:
        return None
    return Refused(
        Reason.OPTED_OUT,
        "This person has opted out of texts.",
        "They can text START to any of your numbers to be texted again.",
    )


def _own_number(facts: Facts, now: datetime) -> Refused | None:
    if not facts.is_own_number:
        return None
    return Refused(
        Reason.INVALID_NUMBER, "This is one of your own DIDs.", "Texting it would answer yourself; check the number."
    )


def _did(facts: Facts, now: datetime) -> Refused | None:
    did = facts.did
    if did.is_retired:
        return Refused(Reason.MISCONFIGURED, "This DID is retired.", "Start a conversation from another DID.")
    if did.text_state == TextState.ENABLED:
        return None
    sentences = {
        TextState.OFF: "This DID is not switched on for texts.",
        TextState.PENDING: "The carrier is still switching this DID on for texts.",
        TextState.REFUSED: f"The carrier refused to switch this DID on for texts: {did.text_why}",
    }
    return Refused(
        Reason.MISCONFIGURED, sentences[TextState(did.text_state)], "A dialer admin can change that under DIDs."
    )


def _campaign(facts: Facts, now: datetime) -> Refused | None:
    did = facts.did
    if did.campaign_id is None:
        return None
    if did.campaign_state != CampaignState.LIVE:
        word = CampaignState(did.campaign_state).label.lower()
        return Refused(
            Reason.NOT_REGISTERED,
            f"The campaign of this DID is not live ({word}). {did.campaign_why}".strip(),
            "A compliance admin can see what is missing.",
        )
    if did.assignment_state != CampaignDidState.ASSIGNED:
        return Refused(
            Reason.NOT_REGISTERED,
            "This DID is not yet assigned to its campaign by the carrier.",
            "Text from another DID, or wait until the assignment is done.",
        )
    return None


def _reassigned(facts: Facts, now: datetime) -> Refused | None:
    if not facts.person.is_reassigned or facts.is_required_reply:
        return None
    return Refused(
        Reason.INVALID_NUMBER,
        "This number has been given to somebody else.",
        "Ask your customer for the new number; consent given for the old one is void.",
    )


def _landline(facts: Facts, now: datetime) -> Refused | None:
    if not facts.person.is_landline:
        return None
    return Refused(
        Reason.INVALID_NUMBER, "This is a landline, which takes no texts.", "Call, or ask for a mobile number."
    )


def _consent(facts: Facts, now: datetime) -> Refused | None:
    """Who agreed to offers agreed to the rest (47 CFR 64.1200(a)(1)-(2))."""
    needed = NEEDED.get(Purpose(facts.purpose))
    if needed is None or not facts.policy.needs_consent(facts.purpose):
        return None
    if needed in facts.consents or ConsentCategory.PROMOTIONAL in facts.consents:
        return None
    what = "offers" if needed == ConsentCategory.PROMOTIONAL else "such texts"
    return Refused(
        Reason.NO_CONSENT,
        f"There is no record that this person agreed to {what}.",
        "Record their consent with its proof.",
    )


def _other_team(facts: Facts, now: datetime) -> Later | None:
    """Two teams at one person on one day look like spam to that person."""
    if not (facts.is_solicitation and facts.person.team_today and facts.policy.choices.one_team_a_day):
        return None
    return _tomorrow(facts, now, f"{facts.person.team_today} has texted this person today.")


def _tomorrow(facts: Facts, now: datetime, sentence: str) -> Later:
    opens = facts.policy.hours(facts.places, facts.purpose, now + timedelta(hours=24)).opens
    return Later(opens or now + timedelta(hours=24), sentence, "Read the other thread first; it may be answered there.")


def _frequency(facts: Facts, now: datetime) -> Later | None:
    """So many solicitations a person gets in 24 hours, over all DIDs (Fla. Stat. 501.616(6) and the like)."""
    if not facts.is_solicitation:
        return None
    cap = facts.policy.cap(facts.places, now)
    recent = sorted(at for at in facts.person.solicited if now - at < DAY)
    if len(recent) < cap:
        return None
    free = recent[-cap] + DAY
    opens = facts.policy.hours(facts.places, facts.purpose, free).opens
    return Later(opens or free, f"This person has had {len(recent)} such texts within 24 hours; {cap} are the most.")


def _hours(facts: Facts, now: datetime) -> Verdict | None:
    """Every place where the person may be must be open."""
    if is_free(facts.purpose, wrote_at=facts.person.wrote_at, now=now):
        return None
    if not facts.is_solicitation and facts.policy.choices.any_time:
        return None
    hours = facts.policy.hours(facts.places, facts.purpose, now)
    if hours.is_open:
        return None
    if hours.opens is None:
        return Refused(
            Reason.MISCONFIGURED, "The hours of your organization never open where this person may be.", "Widen them."
        )
    return Later(hours.opens, f"It is {_clocks(hours, now)} where this person is; texts leave when it is day there.")


def _clocks(hours: Hours, now: datetime) -> str:
    """`22:40`, or `21:40 or 22:40` where two zones count; far apart, the range."""
    clocks = sorted({now.astimezone(ZoneInfo(place.zone)).strftime("%H:%M") for place in hours.places})
    return " or ".join(clocks) if len(clocks) < 3 else f"between {clocks[0]} and {clocks[-1]}"


def _doubted(facts: Facts, now: datetime) -> Later | None:
    if not (facts.is_automatic and facts.person.is_doubted):
        return None
    return Later(now + HELD_FOR, HELD, "Answer in the thread, or under Opt-outs, To review.")


# The order in which people are told: what nobody can change first, what only needs time last. A wrong number is
# suppressed too, but that somebody else has it tells more.
CHECKS: tuple[Callable[[Facts, datetime], Verdict | None], ...] = (
    _reassigned,
    _opted_out,
    _own_number,
    _did,
    _campaign,
    _landline,
    _consent,
    _doubted,
    _other_team,
    _frequency,
    _hours,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What compliance knows of a batch, loaded at once."""

    policy: Policy
    dids: dict[int, DidFacts]
    suppressed: frozenset[str]
    own: frozenset[str]
    consents: dict[str, frozenset[str]]  # category -> numbers

    def facts(
        self,
        *,
        did_id: int,
        number: str,
        purpose: str,
        is_automatic: bool = False,
        person: PersonFacts = NOBODY_KNOWN,
    ) -> Facts:
        return Facts(
            number=number,
            did=self.dids[did_id],
            purpose=purpose,
            policy=self.policy,
            is_suppressed=number in self.suppressed,
            is_own_number=number in self.own,
            is_automatic=is_automatic,
            consents=frozenset(category for category, agreed in self.consents.items() if number in agreed),
            person=person,
        )


def load(
    organization_id: int, *, did_ids: Collection[int], numbers: Collection[str], purposes: Collection[str]
) -> Snapshot:
    """Three queries, whatever the size of the batch."""
    chosen = policy.load(organization_id)
    dids = Did.objects.filter(organization_id=organization_id, id__among=list(did_ids))
    asks = any(chosen.needs_consent(purpose) for purpose in purposes)
    marks = _marks(organization_id, list(set(numbers)), asks=asks)
    return Snapshot(
        policy=chosen,
        dids={row[0]: _did_facts(*row[1:]) for row in dids.values_list("id", *DID_COLUMNS)},
        suppressed=frozenset(marks.pop("suppressed", ())),
        own=frozenset(marks.pop("own", ())),
        consents={category: frozenset(agreed) for category, agreed in marks.items()},
    )


def _marks(organization_id: int, numbers: list[str], *, asks: bool) -> dict[str, set[str]]:
    """{mark: numbers that bear it}: suppressed, own, and each category somebody agreed to where that is asked for."""
    mine = {"organization_id": organization_id, "number__among": numbers}
    rows = Suppression.objects.filter(**mine).values_list("number", Value("suppressed"))
    rows = rows.union(Did.objects.current().filter(**mine).values_list("number", Value("own")), all=True)
    if asks:
        rows = rows.union(StandingConsent.objects.filter(**mine).values_list("number", "category"), all=True)
    marks: dict[str, set[str]] = defaultdict(set)
    for number, mark in rows:
        marks[mark].add(number)
    return marks


DID_COLUMNS = (
    "number",
    "account_id",
    "text_state",
    "text_why",
    "retired_at",
    "campaign_did__campaign_id",
    "campaign_did__campaign__state",
    "campaign_did__campaign__why",
    "campaign_did__state",
)


def _did_facts(
    number: str,
    account_id: UUID | None,
    text_state: str,
    text_why: str,
    retired_at: datetime | None,
    campaign_id: int | None,
    campaign_state: str | None,
    campaign_why: str | None,
    assignment_state: str | None,
) -> DidFacts:
    return DidFacts(
        number=number,
        account_id=account_id,
        text_state=text_state,
        text_why=text_why,
        is_retired=retired_at is not None,
        campaign_id=campaign_id,
        campaign_state=campaign_state or "",
        campaign_why=campaign_why or "",
        assignment_state=assignment_state or "",
    )
