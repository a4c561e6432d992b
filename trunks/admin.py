"""The operator's view of the telephone side. Credentials are not among the fields: they are not even read."""

from django.contrib import admin
from django.http import HttpRequest

from trunks.models import CarrierAccount, Did, DidAssignment, Trunk


@admin.register(CarrierAccount)
class CarrierAccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "organization", "kind", "is_active", "last_sent_at", "last_heard_at", "refused_webhooks")
    list_filter = ("kind", "is_active")
    search_fields = ("name", "organization__slug")
    list_select_related = ("organization",)
    exclude = ("values",)
    readonly_fields = (
        "id", "organization", "kind", "base_url", "created_at", "checked_at", "check_error", "last_sent_at",
        "last_heard_at", "refused_webhooks",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # an account without credentials is none: `carrier add`, or the portal's own page


@admin.register(Trunk)
class TrunkAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "organization", "account")
    search_fields = ("name", "organization__slug")
    list_select_related = ("organization", "account")
    autocomplete_fields = ("account",)
    readonly_fields = ("organization",)


class AssignmentInline(admin.TabularInline):  # type: ignore[type-arg]
    model = DidAssignment
    extra = 0
    can_delete = False
    fields = readonly_fields = ("team", "agent", "by", "at")

    def has_add_permission(self, request: HttpRequest, obj: Did | None = None) -> bool:
        return False


@admin.register(Did)
class DidAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("number", "organization", "text_state", "team", "account", "retired_at")
    list_filter = ("text_state", ("retired_at", admin.EmptyFieldListFilter))
    search_fields = ("number", "label", "organization__slug")
    list_select_related = ("organization", "team", "account")
    inlines = (AssignmentInline,)
    # Everything else is changed in the portal, where it is checked and audited.
    fields = readonly_fields = (
        "organization", "number", "label", "tags", "trunk", "account", "carrier_ref", "team", "agent", "text_state",
        "text_why", "text_changed_at", "text_ask_at", "text_tries", "mms", "health_why", "created_at", "retired_at",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Did | None = None) -> bool:
        return False  # its threads would go with it: retire it
