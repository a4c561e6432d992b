"""What the organization keeps how long, what the next run deletes, and the form that changes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods

from compliance import holds
from compliance import retention as rules
from compliance.models import LAW_DAYS, RetentionPolicy
from messaging import retention
from messaging.models import RetentionRun
from messaging.retention import Amount
from messaging.retention_rules import Kind
from portal.access import Can, MemberRequest, needs
from portal.forms.retention import RetentionForm
from portal.htmx import render

get_or_post = require_http_methods(["GET", "HEAD", "POST"])
# In the order of the page: what it is, and what becomes of it.
WORDS = {
    Kind.TEXTS: ("Words of texts", "What was written, with its pictures. The record of the text stays."),
    Kind.PICTURES: ("Pictures", "Files in our storage. The text stays and says that a picture was here."),
    Kind.RECORDS: ("Records of texts", "That a text was sent or received: numbers, times, who, cost, how it ended."),
    Kind.RECEIPTS: ("Receipts", "Every word of a carrier about a text. How it ended stays with the record."),
    Kind.WEBHOOKS: ("Raw webhooks", "What carriers sent us, letter for letter, to be replayed after a fault."),
}
FIELD = {
    Kind.TEXTS: "text_days",
    Kind.PICTURES: "picture_days",
    Kind.RECORDS: "record_days",
    Kind.RECEIPTS: "receipt_days",
    Kind.WEBHOOKS: "webhook_days",
}
NOUNS = {
    Kind.TEXTS: "words of {} text",
    Kind.PICTURES: "{} picture",
    Kind.RECORDS: "{} record",
    Kind.RECEIPTS: "{} receipt",
    Kind.WEBHOOKS: "{} raw webhook",
}
FROM_LAST_TEXT = (Kind.TEXTS, Kind.PICTURES, Kind.RECORDS)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: how long, how much is there, and how much of it goes next."""

    title: str
    help: str
    kept: str
    aside: str
    there: Amount
    going: Amount


@dataclass(frozen=True, slots=True)
class Ran:
    """A run in words."""

    run: RetentionRun
    words: str


@require_GET
@needs(Can.MANAGE_RETENTION)
def index(request: MemberRequest) -> HttpResponseBase:
    organization = request.organization
    policy = rules.policy_of(organization)
    runs = [Ran(run, in_words(run.deleted)) for run in retention.newest(organization.pk)]
    context = {
        "policy": policy,
        "rows": _rows(policy),
        "runs": runs,
        "next_at": runs[0].run.started_at + retention.EVERY if runs and runs[0].run.finished_at else None,
        "holds": holds.active(organization.pk).select_related("by")[:5],
        "holds_everything": holds.holds_everything(organization.pk),
    }
    return render(request, "portal/retention.html", context)


def _rows(policy: RetentionPolicy) -> list[Row]:
    there = retention.stock(policy.organization_id)
    going = retention.plan(policy.organization_id, policy)
    days = {kind: rules.kept(policy, FIELD[kind]) for kind in WORDS}
    return [
        Row(title, help, rules.span(days[kind]), _aside(kind, days[kind]), there[kind], going[kind])
        for kind, (title, help) in WORDS.items()
    ]


def _aside(kind: Kind, days: int | None) -> str:
    if days is None or kind not in FROM_LAST_TEXT:
        return ""
    if days < LAW_DAYS:
        return "shorter than the law's five years"
    if days == LAW_DAYS:
        return "after the last text with the person"
    return "and five years after the last text with the person"


def in_words(counts: Mapping[str, int]) -> str:
    """`words of 1 text, 1,203 raw webhooks`; `nothing`."""
    parts = [
        f"{noun.format(f'{counts[kind]:,}')}{'' if counts[kind] == 1 else 's'}"
        for kind, noun in NOUNS.items()
        if counts.get(kind)
    ]
    return ", ".join(parts) or "nothing"


@get_or_post
@needs(Can.MANAGE_RETENTION)
def change(request: MemberRequest) -> HttpResponseBase:
    """The form; what would delete more than before is shown with its numbers and asked for once."""
    policy = rules.policy_of(request.organization)
    form = RetentionForm(request.POST or None, policy=policy)
    if not form.is_valid():
        context = {"form": form, "policy": policy}
        return render(request, "portal/retention_change.html", context, status=422 if form.is_bound else 200)
    asked = form.asked()
    if rules.shortened(policy, asked) and "confirmed" not in request.POST:
        return _confirm(request, form, policy, asked)
    rules.change(
        organization=request.organization,
        days={name: form.cleaned_data[name] for name in rules.FIELDS},
        below_law_why=form.cleaned_data["below_law_why"],
        by=request.user,
    )
    messages.success(request, "Saved. The next run goes by it.")
    return redirect("retention", request.organization.slug)


def _confirm(
    request: MemberRequest, form: RetentionForm, policy: RetentionPolicy, asked: RetentionPolicy
) -> HttpResponseBase:
    going = retention.plan(request.organization.pk, asked)
    changes = [
        (title, rules.span(was), rules.span(now), going[kind])
        for kind, (title, _) in WORDS.items()
        if (was := rules.kept(policy, FIELD[kind])) != (now := rules.kept(asked, FIELD[kind]))
    ]
    context = {"form": form, "changes": changes, "is_below_law": rules.is_below_law(asked)}
    return render(request, "portal/retention_confirm.html", context)
