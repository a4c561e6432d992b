"""What the call center owns on the telephone side: carrier accounts, trunks and DIDs."""

from django.db import models
from django.db.models import Q

from portal.models import E164, Membership, Organization, Team, User, new_uuid
from portal.secrets import EncryptedJSONField


class CarrierAccount(models.Model):
    """Credentials at one carrier. The id stands in the webhook address and cannot be guessed."""

    id = models.UUIDField(primary_key=True, default=new_uuid, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="carrier_accounts")
    kind = models.SlugField(max_length=20, help_text="The carrier's folder.")
    name = models.CharField(max_length=60)
    base_url = models.URLField(max_length=200)
    values = EncryptedJSONField(default=dict, help_text="What the carrier's fields ask for, secrets included.")
    texts_a_second = models.DecimalField(
        max_digits=8, decimal_places=2, null=True, help_text="Empty: the carrier's own."
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True, help_text="When the credentials were last tried.")
    check_error = models.CharField(max_length=300, blank=True)
    last_sent_at = models.DateTimeField(null=True)
    last_heard_at = models.DateTimeField(null=True, help_text="Last verified webhook.")
    trouble = models.CharField(max_length=300, blank=True, help_text="Why texts are held up, written by messaging.")
    trouble_since = models.DateTimeField(null=True)
    refused_webhooks = models.PositiveIntegerField(default=0, help_text="Requests that did not prove themselves.")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="account_name_once")]

    def __str__(self) -> str:
        return self.name


class Trunk(models.Model):
    """A SIP trunk: a set of DIDs that the call center dials from, and the account that texts for them."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="trunks")
    name = models.CharField(max_length=60)
    account = models.ForeignKey(CarrierAccount, models.PROTECT, null=True, blank=True, related_name="trunks")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="trunk_name_once")]

    def __str__(self) -> str:
        return self.name


class TextState(models.TextChoices):
    OFF = "off", "Voice only"
    PENDING = "pending", "Asking the carrier"
    ENABLED = "enabled", "Texts"
    REFUSED = "refused", "Refused"


class DidQuerySet(models.QuerySet["Did"]):
    def current(self) -> "DidQuerySet":
        return self.filter(retired_at=None)


class Did(models.Model):
    """One number with two capabilities, voice and text. A retired number that comes back is a new row."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="dids")
    number = models.CharField(max_length=16, validators=[E164])
    trunk = models.ForeignKey(Trunk, models.PROTECT, null=True, blank=True, related_name="dids")
    account = models.ForeignKey(CarrierAccount, models.PROTECT, null=True, blank=True, related_name="dids")
    label = models.CharField(max_length=60, blank=True)
    tags = models.CharField(max_length=200, blank=True)
    carrier_ref = models.CharField(max_length=100, blank=True)
    text_state = models.CharField(max_length=10, choices=TextState.choices, default=TextState.OFF)
    text_why = models.CharField(max_length=300, blank=True, help_text="Why it cannot text, in a sentence.")
    text_changed_at = models.DateTimeField(null=True)
    text_ask_at = models.DateTimeField(null=True, help_text="While pending: when the carrier is asked (again).")
    text_tries = models.PositiveSmallIntegerField(default=0, help_text="How often the carrier was asked in vain.")
    mms = models.BooleanField(default=False)
    health_why = models.CharField(max_length=300, blank=True, help_text="What is wrong with its registration.")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="dids")
    agent = models.ForeignKey(Membership, models.SET_NULL, null=True, blank=True, related_name="dids")
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = DidQuerySet.as_manager()

    class Meta:
        verbose_name = "DID"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "number"], condition=Q(retired_at=None), name="did_once_while_not_retired"
            ),
            models.CheckConstraint(
                condition=Q(text_state__in=["off", "refused"]) | Q(account__isnull=False),
                name="did_texts_by_an_account",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "number"], name="did_by_account"),
            models.Index(fields=["organization", "team", "number"], name="did_by_team"),
            models.Index(fields=["text_ask_at"], condition=Q(text_state="pending"), name="did_to_ask"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def can_text(self) -> bool:
        return self.text_state == TextState.ENABLED and self.retired_at is None


class DidAssignment(models.Model):
    """Who was given a DID and when: the history behind `Did.team` and `Did.agent`."""

    did = models.ForeignKey(Did, models.CASCADE, related_name="assignments")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    agent = models.ForeignKey(Membership, models.SET_NULL, null=True, related_name="+")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["did", "-at"], name="assignment_newest")]

    def __str__(self) -> str:
        return f"{self.did_id} to {self.team_id}"
