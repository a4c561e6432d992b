"""What the audit trail says: a sentence for every action that the code records, and the facts worth a glance.

A sentence goes on after the name of who did it; `{on}` is what it was done to. The code and all facts stand behind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html

from portal import phone
from portal.models import AuditEvent

SENTENCES = {
    "portal.organization.added": "Opened the organization {on}",
    "portal.invitation.sent": "Invited {on}",
    "portal.invitation.withdrawn": "Withdrew the invitation of {on}",
    "portal.member.joined": "Joined by invitation",
    "portal.member.changed": "Changed the role or teams of {on}",
    "portal.member.deactivated": "Deactivated {on}",
    "portal.member.reactivated": "Reactivated {on}",
    "portal.team.added": "Added the team {on}",
    "portal.team.changed": "Changed the team {on}",
    "portal.team.removed": "Removed the team {on}",
    "trunks.carrier.connected": "Connected the carrier account {on}",
    "trunks.carrier.changed": "Changed the carrier account {on}",
    "trunks.carrier.checked": "Tried the credentials of {on}",
    "trunks.carrier.listed": "Asked {on} for its numbers",
    "trunks.trunk.added": "Added the trunk {on}",
    "trunks.trunk.changed": "Changed the trunk {on}",
    "trunks.did.text_off": "Switched texting off for {on}",
    "trunks.did.text_pending": "Asked the carrier to switch texting on for {on}",
    "trunks.did.text_enabled": "Switched texting on for {on}",
    "trunks.did.text_refused": "Heard from the carrier that {on} cannot text",
    "trunks.did.put_on_trunk": "Changed the trunk of {on}",
    "trunks.did.changed_by_import": "Changed {on} by an import",
    "trunks.did.relabeled": "Changed the name or tags of {on}",
    "trunks.did.retired": "Retired {on}",
    "trunks.dids.assigned": "Assigned {on}",
    "trunks.dids.assignment_undone": "Took back the assignment of {on}",
    "trunks.dids.imported": "Imported {on}",
    "compliance.opt_out.recorded": "Recorded an opt-out of {on}",
    "compliance.opt_outs.imported": "Imported opt-outs from {on}",
    "compliance.opt_out.lifted": "Lifted the opt-out of {on}",
    "compliance.hours.set": "Set own hours for {on}",
    "compliance.hours.ended": "Went back to the rulebook's hours for {on}",
    "compliance.policy.changed": "Changed when and to whom {on} texts",
    "compliance.consent.given": "Recorded the consent of {on}",
    "retention.rule.changed": "Changed how long is kept what in {on}",
    "retention.run.finished": "Deleted by the retention rule of {on}",
    "retention.hold.placed": "Placed a legal hold on {on}",
    "retention.hold.lifted": "Lifted the legal hold on {on}",
    "messaging.doubt.confirmed": "Read a text of {on} as an opt-out",
    "messaging.doubt.dismissed": "Read a text of {on} as no opt-out",
    "messaging.contact.named": "Changed the name of the contact {on}",
    "messaging.delivery.read": "Read what people wrote in a webhook",
    "messaging.delivery.replayed": "Had a webhook processed once more",
    "messaging.deliveries.replayed": "Had {on} processed once more",
    "messaging.message.canceled": "Canceled a text to {on}",
    "messaging.message.retried": "Tried a failed text to {on} again",
    "messaging.message.sent_by_operator": "Sent a text to {on} from the command line",
    "messaging.thread.opened": "Read the conversation with {on}",
    "messaging.thread.assigned": "Assigned the conversation with {on}",
    "messaging.thread.closed": "Closed the conversation with {on}",
    "messaging.thread.reopened": "Reopened the conversation with {on}",
}
COUNTS = ("new", "changed", "unchanged", "refused", "webhooks", "receipts", "pictures", "texts", "records")


@dataclass(frozen=True, slots=True)
class Told:
    """An event and how it reads. `sentence` is the bare code for an action that nobody has worded."""

    event: AuditEvent
    sentence: str
    aside: str


def tell(event: AuditEvent) -> Told:
    sentence = SENTENCES.get(event.action)
    if sentence is None:
        return Told(event, event.action, event.subject)
    return Told(event, format_html(sentence, on=_named(event.subject)), "; ".join(_aside(event.data)))


def _named(subject: str) -> str:
    """A number as people write it, never broken over two lines."""
    pretty = phone.pretty(subject)
    return subject if pretty == subject else format_html('<span class="nowrap">{}</span>', pretty)


def _aside(data: dict[str, Any]) -> Iterator[str]:
    """Facts that speak for themselves: reasons, outcomes, what it was and is, how many. Bare ids do not."""
    if why := data.get("why") or data.get("outcome"):
        yield "It works." if why == "ok" else str(why)
    if "given_to" in data:
        yield f"To {data['given_to']}"
    if isinstance(changes := data.get("changes"), dict):
        yield from (_change(name, was, now) for name, (was, now) in changes.items())
    if isinstance(before := data.get("before"), dict) and isinstance(after := data.get("after"), dict):
        yield from (_change(name, was, after.get(name)) for name, was in before.items() if was != after.get(name))
    if counts := [f"{data[name]} {name}" for name in COUNTS if data.get(name)]:
        yield ", ".join(counts)


def _change(name: str, was: object, now: object) -> str:
    name = name.replace("_", " ").capitalize()
    if isinstance(now, list):  # of ids
        return f"{name} changed"
    if isinstance(now, bool):
        return f"{name}: {'yes' if now else 'no'}"
    return f"{name}: {was or 'none'} → {now or 'none'}"
