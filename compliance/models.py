"""What may be sent, and the proof: registrations, opt-outs as a log, suppressions as the present."""

from django.db import models
from django.db.models.functions import Now

from compliance.purposes import ConsentCategory
from portal.models import E164, AppendOnlyQuerySet, Organization, User
from trunks.models import CarrierAccount, Did


class Brand(models.Model):
    """A company as the registry knows it. `daily_cap`: segments a day to one recipient network, for all campaigns."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="brands")
    name = models.CharField(max_length=100, help_text="What recipients call the company.")
    registry_id = models.CharField(max_length=40, blank=True)
    daily_cap = models.PositiveIntegerField(null=True, blank=True)
    support = models.CharField(max_length=100, blank=True, help_text="Phone, e-mail or web site named in HELP replies.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class CampaignState(models.TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Under review"
    LIVE = "live", "Live"
    REJECTED = "rejected", "Rejected"
    SUSPENDED = "suspended", "Suspended"
    EXPIRED = "expired", "Expired"


class Campaign(models.Model):
    """A 10DLC campaign: what is sent, by which account, how fast."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="campaigns")
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="campaigns")
    account = models.ForeignKey(CarrierAccount, models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=100)
    carrier_ref = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT)
    why = models.CharField(max_length=300, blank=True)
    texts_a_second = models.DecimalField(max_digits=8, decimal_places=2, default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(texts_a_second__gt=0), name="campaign_rate_above_zero")
        ]

    def __str__(self) -> str:
        return self.name


class CampaignDidState(models.TextChoices):
    PENDING = "pending", "Pending"
    ASSIGNED = "assigned", "Assigned"
    FAILED = "failed", "Failed"


class CampaignDid(models.Model):
    """A DID belongs to one campaign at most: carriers refuse a second one."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="campaign_dids")
    did = models.OneToOneField(Did, models.CASCADE, related_name="campaign_did")
    state = models.CharField(max_length=10, choices=CampaignDidState.choices, default=CampaignDidState.PENDING)
    why = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.did_id} in {self.campaign_id}"


class OptOut(models.Model):
    """The log: every time a person's wish was heard, with the evidence. Append-only, kept for ever."""

    class Kind(models.TextChoices):
        OPTED_OUT = "opted_out", "Opted out"
        WRONG_NUMBER = "wrong", "Wrong number"  # no revocation: whoever answers there never was the one who agreed
        OPTED_IN = "opted_in", "Opted in again"

    class Source(models.TextChoices):
        TEXT = "text", "Texted by the person"
        CARRIER = "carrier", "Reported by the carrier"
        STAFF = "staff", "Recorded by staff"
        IMPORT = "import", "Imported"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    number = models.CharField(max_length=16, validators=[E164])
    scope = models.CharField(max_length=40, default="organization")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    source = models.CharField(max_length=10, choices=Source.choices)
    keyword = models.CharField(max_length=40, blank=True, help_text="Which rule matched.")
    evidence = models.TextField(blank=True, help_text="The person's own words, whole.")
    our_number = models.CharField(max_length=16, blank=True, help_text="The DID it was said to.")
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    why = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    carrier_at = models.DateTimeField(null=True, help_text="When the person said it, by the carrier's clock.")

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "number", "-id"], name="opt_out_newest")]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"


class Suppression(models.Model):
    """The present: nobody texts this number. Written in the transaction of its log line."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="suppressions")
    number = models.CharField(max_length=16, validators=[E164])
    scope = models.CharField(max_length=40, default="organization")
    opt_out = models.ForeignKey(OptOut, models.PROTECT, related_name="+")
    since = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "number", "scope"], name="suppression_once_per_scope")
        ]

    def __str__(self) -> str:
        return self.number


class Consent(models.Model):
    """The ledger: every time a person agreed to texts, took it back, or was found not to be that person. Append-only.

    A row given anew names the row it takes the place of. Kept five years after the last text, 16 CFR 310.5.
    """

    class Kind(models.TextChoices):
        GIVEN = "given", "Agreed"
        WITHDRAWN = "withdrawn", "Withdrawn"
        VOID = "void", "Void: another person has this number"

    class Channel(models.TextChoices):
        CALL = "call", "On a call"
        SMS = "sms", "By text"
        WEB = "web", "Web form"
        PAPER = "paper", "On paper"
        DIALER = "dialer", "Told to the dialer"
        IMPORT = "import", "Imported"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    number = models.CharField(max_length=16, validators=[E164])
    kind = models.CharField(max_length=10, choices=Kind.choices)
    category = models.CharField(max_length=13, choices=ConsentCategory.choices)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    at = models.DateTimeField(help_text="When the person did it.")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    name = models.CharField(max_length=100, blank=True, help_text="Who agreed, as they called themselves.")
    seller = models.CharField(max_length=100, blank=True, help_text="Who may text them, as the words named it.")
    disclosure = models.TextField(blank=True, help_text="The words they agreed to, exactly.")
    disclosure_version = models.CharField(max_length=40, blank=True)
    act = models.CharField(max_length=200, blank=True, help_text="What they did: ticked, replied YES, said yes.")
    call_ref = models.CharField(max_length=100, blank=True)
    recording_ref = models.CharField(max_length=300, blank=True)
    our_number = models.CharField(max_length=16, blank=True)
    source = models.CharField(max_length=300, blank=True, help_text="Page, form, file and row, or dialer field.")
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    opt_out = models.ForeignKey(OptOut, models.PROTECT, null=True, related_name="+", help_text="What took it back.")

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "number", "-id"], name="consent_newest")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(kind="given") | ~models.Q(act=""), name="consent_given_says_what_was_done"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.category}"


class StandingConsent(models.Model):
    """The present: this person agrees to texts of this category. Written in the transaction of its ledger line."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    number = models.CharField(max_length=16, validators=[E164])
    category = models.CharField(max_length=13, choices=ConsentCategory.choices)
    consent = models.ForeignKey(Consent, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "number", "category"], name="consent_stands_once")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.category}"


class TextingPolicy(models.Model):
    """What an organization has decided for itself, within the law. Without a row, the defaults hold.

    any_time: replies and informational texts, which solicit nothing, keep no hours. wide: promotions keep each state's
    own window without the narrower national one. Both need an attestation of somebody who answers for it.
    """

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True, related_name="texting_policy")
    consent_for_informational = models.BooleanField(default=False)
    consent_for_follow_up = models.BooleanField(default=False)
    solicitations_a_day = models.PositiveSmallIntegerField(default=3, help_text="To one person, over all DIDs.")
    one_team_a_day = models.BooleanField(default=True, help_text="Who was texted by a team is left alone by others.")
    any_time = models.BooleanField(default=False)
    wide = models.BooleanField(default=False)
    attestation = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(any_time=False, wide=False) | ~models.Q(attestation=""),
                name="policy_that_widens_is_attested",
            )
        ]

    def __str__(self) -> str:
        return str(self.organization_id)


class HoursRule(models.Model):
    """An organization's own window for a state ("*": for every state), in the place of the rulebook's.

    A window wider than the rulebook's needs an attestation; the country's own window always holds beside it.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="hours_rules")
    state = models.CharField(max_length=2)
    weekdays = models.CharField(max_length=11, blank=True)
    saturday = models.CharField(max_length=11, blank=True)
    sunday = models.CharField(max_length=11, blank=True)
    holidays_closed = models.BooleanField(default=True)
    attestation = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    since = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "state"], condition=models.Q(ended_at=None), name="hours_rule_once_per_state"
            )
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.weekdays}, {self.saturday}, {self.sunday}"


# 16 CFR 310.5 (TSR): five years, since 15 October 2024; suits under the TCPA reach back four (28 USC 1658). Five years
# may hold two leap days.
LAW_DAYS = 5 * 365 + 2


def _at_least(field: str, days: int) -> models.Q:
    return models.Q((field, None)) | models.Q((f"{field}__gte", days))


class RetentionPolicy(models.Model):
    """For how many days an organization keeps what, and never longer than what it belongs to (see retention.kept).

    None: for ever, or as long as that. Without a row the defaults hold. The row is also the lock between deleting and
    holding: whoever does either takes it first.
    """

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True, related_name="retention")
    # Carriers repeat a webhook for a day or two, and an operator wants a week to replay one. Beyond that the raw copy
    # tells nothing that its text, receipts and opt-outs do not.
    webhook_days = models.PositiveSmallIntegerField(default=30)
    # Every status ever heard, for disputes with the carrier about a bill. The end of each text stays with the text.
    receipt_days = models.PositiveSmallIntegerField(null=True, blank=True, default=365)
    picture_days = models.PositiveSmallIntegerField(null=True, blank=True, default=None)
    text_days = models.PositiveSmallIntegerField(null=True, blank=True, default=LAW_DAYS)
    # That a text was sent or received: numbers, times, who, cost, its end. The proof that outlives the words.
    record_days = models.PositiveSmallIntegerField(null=True, blank=True, default=None)
    below_law_why = models.CharField(
        max_length=300, blank=True, help_text="Why words or pictures are kept shorter than the law's five years."
    )

    class Meta:
        verbose_name_plural = "retention policies"
        constraints = [
            models.CheckConstraint(condition=models.Q(webhook_days__gte=7), name="webhooks_kept_7_days"),
            models.CheckConstraint(condition=_at_least("receipt_days", 30), name="receipts_kept_30_days"),
            models.CheckConstraint(condition=_at_least("picture_days", 30), name="pictures_kept_30_days"),
            models.CheckConstraint(condition=_at_least("text_days", 30), name="texts_kept_30_days"),
            models.CheckConstraint(condition=_at_least("record_days", LAW_DAYS), name="records_kept_by_law"),
            models.CheckConstraint(
                condition=~models.Q(below_law_why="")
                | (_at_least("picture_days", LAW_DAYS) & _at_least("text_days", LAW_DAYS)),
                name="words_kept_by_law_unless_a_reason_says_otherwise",
            ),
        ]

    def __str__(self) -> str:
        return f"retention of {self.organization_id}"


class LegalHold(models.Model):
    """Nothing of this may be deleted until it is lifted. Append-only, kept for ever.

    A number: all texts with that person. Our number: all texts of that DID. Both: one conversation. Neither: the whole
    organization.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="legal_holds")
    number = models.CharField(max_length=16, validators=[E164], blank=True)
    our_number = models.CharField(max_length=16, validators=[E164], blank=True)
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "number"], name="holds_by_number")]

    def __str__(self) -> str:
        return " and ".join(filter(None, (self.number, self.our_number))) or "everything"


class LiftedHold(models.Model):
    """That a hold ended. Append-only, kept for ever."""

    hold = models.OneToOneField(LegalHold, models.CASCADE, related_name="lifted")
    why = models.CharField(max_length=300)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.hold_id} lifted"
