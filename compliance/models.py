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
