"""Organizations and the people in them, the audit trail, and the rows behind the live screens."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower, Now

# First words of addresses that are not organizations (portal/urls.py); a guard test keeps the two in step.
RESERVED_SLUGS = frozenset(
    {"accounts", "admin", "hooks", "healthz", "invitation", "live", "m", "me", "metrics", "readyz", "static"}
)


def validate_slug_is_free(slug: str) -> None:
    if slug in RESERVED_SLUGS:
        raise ValidationError(f"{slug!r} is an address of the portal itself; choose another short name.")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail address. What they may do stands in their memberships."""

    email = models.EmailField(unique=True, error_messages={"unique": "Somebody already has this e-mail address."})
    name = models.CharField(max_length=100, blank=True)
    time_zone = models.CharField(max_length=40, blank=True, help_text="Empty: the organization's.")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May use the operator's admin.")
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case")]

    def __str__(self) -> str:
        return self.name or self.email


class Organization(models.Model):
    slug = models.SlugField(max_length=40, unique=True, validators=[validate_slug_is_free])
    name = models.CharField(max_length=100)
    time_zone = models.CharField(max_length=40, default="America/New_York")
    reply_valid_seconds = models.PositiveIntegerField(default=7_200)
    informational_valid_seconds = models.PositiveIntegerField(default=86_400)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # An organization may shorten how long a text stays worth sending, never stretch it.
            models.CheckConstraint(
                condition=models.Q(reply_valid_seconds__gte=60, reply_valid_seconds__lte=7_200),
                name="organization_reply_valid_up_to_2_h",
            ),
            models.CheckConstraint(
                condition=models.Q(informational_valid_seconds__gte=60, informational_valid_seconds__lte=86_400),
                name="organization_informational_valid_up_to_24_h",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="teams")
    name = models.CharField(max_length=60)
    own_threads_only = models.BooleanField(default=False, help_text="Agents see only the threads assigned to them.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint("organization", Lower("name"), name="team_name_once_per_organization")]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    SUPERVISOR = "supervisor", "Supervisor"
    AGENT = "agent", "Agent"
    DIALER_ADMIN = "dialer_admin", "Dialer admin"
    COMPLIANCE_ADMIN = "compliance_admin", "Compliance admin"


class Membership(models.Model):
    """One person in one organization: the role, the teams, and whether the door is open."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    teams = models.ManyToManyField(Team, related_name="members", blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once_per_organization")
        ]

    def __str__(self) -> str:
        return str(self.user)


class Invitation(models.Model):
    """A one-time link that opens an account. Only its hash is kept."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Role.choices)
    teams = models.ManyToManyField(Team, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.email


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Rows that are written once. The database refuses updates as well (see the migrations)."""

    def update(self, **kwargs: Any) -> int:
        raise TypeError("These rows are append-only.")

    def delete(self) -> Any:
        raise TypeError("These rows are append-only.")


class AuditEvent(models.Model):
    """Who did what to which thing, when and why. Append-only."""

    organization = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    action = models.CharField(max_length=80, help_text="Dotted and past: trunks.did.assigned")
    subject = models.CharField(max_length=120, blank=True, help_text="What it was done to, in words.")
    data = models.JSONField(default=dict, help_text="Ids and values; never a secret or a message body.")

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class LiveEvent(models.Model):
    """News for open screens: what changed and who may know, never what it says. Kept for minutes (see portal.live)."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    audience = models.CharField(max_length=40, help_text="'org', 'team:ID', 'user:ID'")
    kind = models.CharField(max_length=40)
    refs = models.JSONField(default=list, help_text="Ids of what changed.")
    at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} for {self.audience}"


E164 = RegexValidator(r"^\+[1-9]\d{6,14}$", "Write the number in full international form, like +18005550100.")


def new_uuid() -> uuid.UUID:
    return uuid.uuid4()
