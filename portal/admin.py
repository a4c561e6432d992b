"""The operator's view of organizations and people. Roles and doors are changed on the portal's own pages, audited."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest

from portal.models import AuditEvent, Membership, Organization, Team, User

# One sign-in page for all: Django's own would know neither the second step nor the limit on guesses.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Seen, never changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Organization)
class OrganizationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "slug", "time_zone", "created_at")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "time_zone", "reply_valid_seconds", "informational_valid_seconds")
    readonly_fields = ("slug",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # `manage.py org add` invites its owner too

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False  # the log of opt-outs is kept for ever


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    fields = ("email", "name", "time_zone", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
    readonly_fields = ("email", "last_login", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # people come by invitation

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False  # the audit trail names them; close the account instead


@admin.register(Membership)
class MembershipAdmin(ReadOnly):
    list_display = ("user", "organization", "role", "is_active")
    list_filter = ("role", "is_active")
    search_fields = ("user__email", "organization__slug")
    list_select_related = ("user", "organization")


@admin.register(Team)
class TeamAdmin(ReadOnly):
    list_display = ("name", "organization", "own_threads_only")
    search_fields = ("name", "organization__slug")
    list_select_related = ("organization",)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    list_display = ("at", "organization", "by", "action", "subject")
    search_fields = ("action", "subject", "organization__slug")
    list_select_related = ("organization", "by")
    ordering = ("-id",)
    show_full_result_count = False
