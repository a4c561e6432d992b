"""Conversations, and what becomes of messages."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from compliance.models import Brand, Campaign
from compliance.purposes import Purpose as Purpose  # the word on a message is the one that the gate judges by
from portal.models import E164, Membership, Organization, Team, User
from trunks.carriers.events import Reason
from trunks.models import CarrierAccount, Did


class Contact(models.Model):
    """What the organization knows of a person's number."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="contacts")
    number = models.CharField(max_length=16, validators=[E164])
    name = models.CharField(max_length=100, blank=True)
    time_zone = models.CharField(max_length=40, blank=True, help_text="Empty: guessed from the number.")
    state = models.CharField(max_length=2, blank=True, help_text="Where they live, as they told; empty: not told.")
    is_landline = models.BooleanField(default=False)
    reassigned_at = models.DateTimeField(null=True, help_text="When the number was found to be somebody else's.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "number"], name="contact_once_per_number")]

    def __str__(self) -> str:
        return self.name or self.number


class Conversation(models.Model):
    """One DID and one customer number. Carries what a row of the inbox shows, so that the list is one indexed read."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="conversations")
    did = models.ForeignKey(Did, models.PROTECT, related_name="conversations")
    number = models.CharField(max_length=16, validators=[E164], help_text="The customer.")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="conversations")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="conversations")
    assignee = models.ForeignKey(Membership, models.SET_NULL, null=True, related_name="conversations")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField(db_default=Now(), help_text="Of the newest message; created_at before the first.")
    last_message = models.ForeignKey("Message", models.SET_NULL, null=True, related_name="+")
    last_preview = models.CharField(max_length=160, blank=True)
    last_direction = models.CharField(max_length=3, blank=True)
    last_state = models.CharField(max_length=12, blank=True)
    last_heard_at = models.DateTimeField(null=True, help_text="Of the customer's newest text.")
    waiting_since = models.DateTimeField(null=True, help_text="The oldest customer's text that nobody has answered.")
    heard = models.PositiveIntegerField(default=0, help_text="Customer's texts so far.")
    heard_answered = models.PositiveIntegerField(default=0, help_text="How many of them a person has answered.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["did", "number"], name="conversation_once_per_did_and_number"),
            models.CheckConstraint(
                condition=Q(heard_answered__lte=F("heard")), name="conversation_answers_what_it_heard"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "state", "-last_at", "-id"], name="inbox_all"),
            models.Index(fields=["team", "state", "-last_at", "-id"], name="inbox_team"),
            models.Index(fields=["did", "state", "-last_at", "-id"], name="inbox_did"),
            models.Index(fields=["assignee", "state", "-last_at", "-id"], name="inbox_mine"),
            models.Index(fields=["organization", "number"], name="inbox_sisters"),
            # Few of many: without an index of their own the list would walk every open thread to find them.
            models.Index(
                fields=["organization", "-last_at", "-id"],
                condition=Q(waiting_since__isnull=False),
                name="inbox_waiting",
            ),
            models.Index(
                fields=["organization", "-last_at", "-id"],
                condition=Q(heard__gt=F("heard_answered")),
                name="inbox_unanswered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.did_id} {self.number}"


class ReadMark(models.Model):
    """How far a person has read a thread, in customer's texts."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="read_marks")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="+")
    heard = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "membership"], name="read_mark_once")]

    def __str__(self) -> str:
        return f"{self.conversation_id} to {self.heard}"


class Lane(models.Model):
    """A road to a carrier with its own speed: an account and a campaign, or the account alone.

    `next_slot_at`: when the next text may leave; the rate is read from the campaign or account at each claim.
    """

    account = models.ForeignKey(CarrierAccount, models.CASCADE, related_name="lanes")
    campaign = models.ForeignKey(Campaign, models.CASCADE, null=True, related_name="lanes")
    next_slot_at = models.DateTimeField(db_default=Now())
    paused_until = models.DateTimeField(null=True)
    paused_why = models.CharField(max_length=300, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row, while the carrier cannot be reached.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "campaign"], name="lane_once_per_campaign"),
            models.UniqueConstraint(fields=["account"], condition=Q(campaign=None), name="lane_once_without_campaign"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.campaign_id or ''}"


class Direction(models.TextChoices):
    IN = "in", "In"
    OUT = "out", "Out"


class State(models.TextChoices):
    """An outbound message climbs from queued to delivered or ends elsewhere; an inbound one is received."""

    RECEIVED = "received", "Received"
    QUEUED = "queued", "Queued"
    CLAIMED = "claimed", "Queued"  # a worker has it; nothing has left
    SENDING = "sending", "Sending"
    ACCEPTED = "accepted", "Accepted by the carrier"
    SENT = "sent", "Sent"
    UNCONFIRMED = "unconfirmed", "Not confirmed"
    UNDELIVERED = "undelivered", "Not delivered"
    FAILED = "failed", "Failed"
    DELIVERED = "delivered", "Delivered"
    CANCELED = "canceled", "Canceled"
    EXPIRED = "expired", "Expired"


WAITING = (State.QUEUED, State.CLAIMED)
LIVE = (State.QUEUED, State.CLAIMED, State.SENDING)
UNSETTLED = (*LIVE, State.UNCONFIRMED)
REASONS = [(reason.value, reason.value) for reason in Reason]


class Message(models.Model):
    """Written to at each step of its way, so it has few indexes: an update of `state` is one of every index."""

    # An index of its own would repeat the first columns of another one; so too with the keys below.
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="messages", db_index=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages", db_index=False)
    direction = models.CharField(max_length=3, choices=Direction.choices)
    # The customer, as on the conversation: a conditional update may look at its own row alone (a joined condition is
    # not judged again after PostgreSQL has waited for another writer).
    number = models.CharField(max_length=16, validators=[E164])
    purpose = models.CharField(max_length=13, choices=Purpose.choices, blank=True)
    body = models.TextField(blank=True)
    segments = models.PositiveSmallIntegerField(default=0)
    has_media = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State.choices)
    reason = models.CharField(max_length=20, choices=REASONS, blank=True)
    why = models.CharField(max_length=300, blank=True, help_text="What went wrong and what to do, in a sentence.")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    key = models.CharField(max_length=64, null=True, help_text="Idempotency key of an outbound text.")
    created_at = models.DateTimeField(db_default=Now())
    # Outbound
    lane = models.ForeignKey(Lane, models.PROTECT, null=True, related_name="+", db_index=False)
    due_at = models.DateTimeField(null=True, help_text="Not before; moved by retries.")
    valid_until = models.DateTimeField(null=True)
    token = models.UUIDField(null=True, help_text="Of the claim that holds it.")
    lease_until = models.DateTimeField(null=True)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(null=True, help_text="When its end was known.")
    rules = models.CharField(max_length=20, blank=True, help_text="Version of the rulebook it was judged by.")
    places = models.CharField(max_length=200, blank=True, help_text="Where the person may have been, then.")
    recipient_network = models.CharField(max_length=30, blank=True)
    cost = models.DecimalField(max_digits=10, decimal_places=5, null=True)
    redacted_at = models.DateTimeField(null=True, help_text="When the retention rule took its words and pictures.")
    # Inbound
    account = models.ForeignKey(CarrierAccount, models.PROTECT, null=True, related_name="+", db_index=False)
    carrier_id = models.CharField(max_length=100, null=True)
    carrier_at = models.DateTimeField(null=True, help_text="The carrier's clock.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "key"], name="message_once_per_key"),
            models.UniqueConstraint(
                fields=["account", "carrier_id"],
                condition=Q(account__isnull=False),
                name="inbound_once_per_carrier_id",
            ),
            models.CheckConstraint(
                condition=Q(direction="in", state="received")
                | Q(direction="out", key__isnull=False, due_at__isnull=False, valid_until__isnull=False)
                & ~Q(purpose="")
                & ~Q(state="received"),
                name="message_has_what_its_direction_needs",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["claimed", "sending"], token__isnull=False, lease_until__isnull=False)
                | ~Q(state__in=["claimed", "sending"]),
                name="message_in_a_worker_has_token_and_lease",
            ),
        ]
        indexes = [
            models.Index(fields=["conversation", "-id"], name="thread_newest"),
            models.Index(fields=["by"], condition=Q(by__isnull=False), name="message_by"),
            models.Index(fields=["lane", "due_at", "id"], condition=Q(state="queued"), name="queue"),
            models.Index(
                fields=["conversation", "id"],
                condition=Q(state__in=["queued", "claimed", "sending"]),
                name="thread_order",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state__in=["claimed", "sending", "unconfirmed"]), name="leases"
            ),
            models.Index(fields=["valid_until"], condition=Q(state="queued"), name="queue_validity"),
            models.Index(
                fields=["settled_at"],
                condition=Q(state__in=["failed", "undelivered", "expired"]),
                name="ended_badly",
            ),
            models.Index(
                fields=["organization", "number"],
                condition=Q(state__in=["queued", "claimed", "sending"]),
                name="leaving_by_number",
            ),
            models.Index(
                fields=["organization", "number", "due_at"],
                condition=Q(purpose__in=["follow_up", "promotional"]),
                name="solicitations",
            ),
            # For retention. A row enters the first once its end is near and leaves it with its words, so that the
            # busy states of a young text cost nothing here.
            models.Index(
                fields=["organization", "created_at", "id"],
                condition=Q(redacted_at=None) & ~Q(state__in=["queued", "claimed", "sending", "unconfirmed"]),
                name="words_by_age",
            ),
            models.Index(
                fields=["organization", "created_at", "id"],
                condition=Q(redacted_at__isnull=False),
                name="records_by_age",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.pk} {self.state}"


class Attempt(models.Model):
    """One try to hand a message to a carrier. Its id, signed, is the reference that the carrier says back."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveSmallIntegerField()
    account = models.ForeignKey(CarrierAccount, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.SENDING)
    reason = models.CharField(max_length=20, choices=REASONS, blank=True)
    code = models.CharField(max_length=40, blank=True)
    why = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(db_default=Now())
    looked_up_at = models.DateTimeField(null=True)
    look_ups = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "number"], name="attempt_once_per_number")]

    def __str__(self) -> str:
        return f"{self.message_id}.{self.number} {self.state}"


class AttemptPart(models.Model):
    """One thing the carrier gave an id to."""

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="parts")
    account = models.ForeignKey(CarrierAccount, models.PROTECT, related_name="+", db_index=False)
    carrier_id = models.CharField(max_length=100)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACCEPTED)
    is_provisional = models.BooleanField(default=False)
    segments = models.PositiveSmallIntegerField(null=True)
    cost = models.DecimalField(max_digits=10, decimal_places=5, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "carrier_id"], name="part_once_per_carrier_id")]

    def __str__(self) -> str:
        return self.carrier_id


class Delivery(models.Model):
    """A verified webhook, raw. A repeat raises `seen`."""

    # The list of an account's deliveries has an index of its own, which serves the account alone as well.
    account = models.ForeignKey(CarrierAccount, models.CASCADE, related_name="deliveries", db_index=False)
    key = models.CharField(max_length=100, help_text="The event's id, or a hash of the body.")
    url = models.CharField(max_length=500)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())
    seen = models.PositiveIntegerField(default=1)
    processed_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, help_text="Why it could not be read or used.")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="delivery_once_per_key")]
        indexes = [
            models.Index(fields=["id"], condition=Q(processed_at=None), name="delivery_unprocessed"),
            models.Index(fields=["account", "-id"], name="delivery_newest"),
            models.Index(fields=["account", "-id"], condition=~Q(error=""), name="delivery_troubled"),
        ]

    def __str__(self) -> str:
        return self.key


class RefusedDelivery(models.Model):
    """A bounded sample of requests that did not prove themselves, for the person who mends a key."""

    account = models.ForeignKey(CarrierAccount, models.CASCADE, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    why = models.CharField(max_length=200)
    header_names = models.CharField(max_length=1_000)
    body_bytes = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.why


class Receipt(models.Model):
    """Every status ever heard. Without a part it is parked: the carrier was quicker than its own answer."""

    account = models.ForeignKey(CarrierAccount, models.CASCADE, related_name="+", db_index=False)
    part = models.ForeignKey(AttemptPart, models.CASCADE, null=True, related_name="receipts")
    carrier_id = models.CharField(max_length=100)
    status = models.CharField(max_length=12)
    word = models.CharField(max_length=60)
    carrier_at = models.DateTimeField(help_text="The carrier's clock; ours where it names no time.")
    received_at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=20, choices=REASONS, blank=True)
    code = models.CharField(max_length=40, blank=True)
    is_provisional = models.BooleanField(default=False)
    is_final = models.BooleanField(default=False)
    reference = models.CharField(max_length=80, blank=True)
    # Raw webhooks go long before their receipts: the id may lead nowhere, which spares a rewrite of every receipt.
    delivery = models.ForeignKey(Delivery, models.DO_NOTHING, null=True, related_name="+", db_constraint=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "carrier_id", "status", "word", "carrier_at"], name="receipt_once"
            )
        ]
        indexes = [
            models.Index(fields=["account", "carrier_id"], condition=Q(part=None), name="receipts_parked"),
            models.Index(fields=["account", "id"], name="receipts_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.word}"


class ParkedText(models.Model):
    """A text to a number we do not know as a DID: kept and shown until the DID is there."""

    account = models.ForeignKey(CarrierAccount, models.CASCADE, related_name="parked_texts")
    carrier_id = models.CharField(max_length=100)
    to_number = models.CharField(max_length=16)
    from_number = models.CharField(max_length=16)
    body = models.TextField(blank=True)
    media = models.JSONField(default=list)
    answered_by_carrier = models.BooleanField(default=False)
    carrier_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_default=Now())
    placed_at = models.DateTimeField(null=True, help_text="When it became a message.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "carrier_id"], name="parked_text_once")]
        indexes = [models.Index(fields=["account", "to_number"], condition=Q(placed_at=None), name="parked_by_number")]

    def __str__(self) -> str:
        return f"{self.from_number} to {self.to_number}"


class Attachment(models.Model):
    """A picture of a message. Inbound ones start as the carrier's link and are copied to our storage by a task."""

    class State(models.TextChoices):
        PENDING = "pending", "On its way"
        STORED = "stored", "Stored"
        REFUSED = "refused", "Refused"
        DELETED = "deleted", "Deleted"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State.choices)
    why = models.CharField(max_length=300, blank=True)
    source_url = models.CharField(max_length=2_000, blank=True)
    file = models.FileField(upload_to="attachments/%Y/%m/%d", blank=True)
    content_type = models.CharField(max_length=100, blank=True)
    size = models.PositiveIntegerField(default=0)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "position"], name="attachment_once_per_position")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="attachments_to_copy"),
            models.Index(
                fields=["organization", "created_at", "id"], condition=Q(state="stored"), name="pictures_by_age"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.content_type} {self.size}"


class DailyUse(models.Model):
    """Segments handed over, per brand, recipient network and the registry's day (midnight Pacific)."""

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="daily_use")
    network = models.CharField(max_length=30)
    day = models.DateField()
    segments = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "daily use"
        constraints = [models.UniqueConstraint(fields=["brand", "network", "day"], name="daily_use_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.network} {self.segments}"


class ThreadNote(models.Model):
    """A line of the thread that is no message: an opt-out, an assignment, a text that left before a STOP."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="notes")
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=30)
    text = models.CharField(max_length=300)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["conversation", "-at"], name="thread_notes")]

    def __str__(self) -> str:
        return self.kind


class OptOutDoubt(models.Model):
    """A customer's text that may be a wish to get no more: a person says whether it is, before `due_on`."""

    class State(models.TextChoices):
        PENDING = "pending", "To review"
        YES = "yes", "An opt-out"
        NO = "no", "No opt-out"
        MOOT = "moot", "Opted out meanwhile"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="doubts")
    message = models.OneToOneField(Message, models.CASCADE, related_name="doubt")
    number = models.CharField(max_length=16, validators=[E164], help_text="The customer, as on the conversation.")
    rule = models.CharField(max_length=40, blank=True, help_text="Which rule was in doubt.")
    words = models.CharField(max_length=160, help_text="The words that are in doubt.")
    due_on = models.DateField(help_text="The last day on which an opt-out may be honored.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="pending", decided_at=None) | ~Q(state="pending") & Q(decided_at__isnull=False),
                name="doubt_decided_has_its_time",
            )
        ]
        indexes = [
            models.Index(fields=["organization", "number"], condition=Q(state="pending"), name="doubts_by_number"),
            models.Index(fields=["conversation", "id"], condition=Q(state="pending"), name="doubts_by_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.state}"


class Heartbeat(models.Model):
    """When a recurring task last ran: the proof that beat, broker and a worker are there."""

    task = models.CharField(max_length=60, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.task} {self.at}"


class RetentionRun(models.Model):
    """One working through of an organization's retention rule, in batches; may stop anywhere and go on elsewhere."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="retention_runs")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    worked_until = models.DateTimeField(null=True, help_text="The lease of the worker that is at it.")
    place = models.JSONField(default=list, help_text="Behind which row of which step the next batch begins.")
    deleted = models.JSONField(default=dict, help_text="{what: how many}")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization"], condition=Q(finished_at=None), name="one_retention_run_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["organization", "-started_at"], name="newest_retention_run")]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.started_at}"


class DiscardedFile(models.Model):
    """A stored file whose row has let it go: removed after that commit, and found here after a crash."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
