"""The one door: may this text be sent? Pure over facts that `load` fetches for a whole batch in two queries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Value

from compliance.models import CampaignDid, CampaignDidState, CampaignState, Suppression
from trunks.carriers.events import Reason
from trunks.models import Did, TextState


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
class Facts:
    """One text to be judged. `is_required_reply`: the one confirmation or help text that a keyword calls for."""

    number: str
    did: DidFacts
    is_suppressed: bool
    is_own_number: bool
    is_required_reply: bool = False


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
    return _opted_out(facts) or _own_number(facts) or _did(facts.did) or _campaign(facts.did) or Allowed()


def _opted_out(facts: Facts) -> Refused | None:
    if not facts.is_suppressed or facts.is_required_reply:
        return None
    return Refused(
        Reason.OPTED_OUT,
        "This person has opted out of texts.",
        "They can text START to any of your numbers to be texted again.",
    )


def _own_number(facts: Facts) -> Refused | None:
    if not facts.is_own_number:
        return None
    return Refused(
        Reason.INVALID_NUMBER, "This is one of your own DIDs.", "Texting it would answer yourself; check the number."
    )


def _did(did: DidFacts) -> Refused | None:
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


def _campaign(did: DidFacts) -> Refused | None:
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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What compliance knows of a batch, loaded at once."""

    dids: dict[int, DidFacts]
    suppressed: frozenset[str]
    own: frozenset[str]

    def facts(self, *, did_id: int, number: str, is_required_reply: bool = False) -> Facts:
        return Facts(
            number=number,
            did=self.dids[did_id],
            is_suppressed=number in self.suppressed,
            is_own_number=number in self.own,
            is_required_reply=is_required_reply,
        )


def load(organization_id: int, *, did_ids: Collection[int], numbers: Collection[str]) -> Snapshot:
    """Two queries, whatever the size of the batch."""
    dids = Did.objects.select_related("campaign_did__campaign").filter(organization_id=organization_id, id__in=did_ids)
    wanted = list(numbers)
    suppressed = Suppression.objects.filter(organization_id=organization_id, number__in=wanted)
    own = Did.objects.current().filter(organization_id=organization_id, number__in=wanted)
    marked = suppressed.values_list("number", Value(1)).union(own.values_list("number", Value(0)), all=True)
    found = list(marked)
    return Snapshot(
        dids={did.pk: _did_facts(did, getattr(did, "campaign_did", None)) for did in dids},
        suppressed=frozenset(number for number, is_suppressed in found if is_suppressed),
        own=frozenset(number for number, is_suppressed in found if not is_suppressed),
    )


def _did_facts(did: Did, campaign_did: CampaignDid | None) -> DidFacts:
    campaign = campaign_did.campaign if campaign_did else None
    return DidFacts(
        number=did.number,
        account_id=did.account_id,
        text_state=did.text_state,
        text_why=did.text_why,
        is_retired=did.retired_at is not None,
        campaign_id=campaign.pk if campaign else None,
        campaign_state=campaign.state if campaign else "",
        campaign_why=campaign.why if campaign else "",
        assignment_state=campaign_did.state if campaign_did else "",
    )
