"""The operator's view of registrations and opt-outs. The log and the suppressions are read here, never changed."""

from django.contrib import admin

from compliance.models import Brand, Campaign, CampaignDid, OptOut, Suppression
from portal.admin import ReadOnly


@admin.register(Brand)
class BrandAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "organization", "registry_id", "daily_cap")
    search_fields = ("name", "registry_id", "organization__slug")
    list_select_related = ("organization",)


@admin.register(Campaign)
class CampaignAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "organization", "brand", "account", "state", "texts_a_second")
    list_filter = ("state",)
    search_fields = ("name", "carrier_ref", "organization__slug")
    list_select_related = ("organization", "brand", "account")


@admin.register(CampaignDid)
class CampaignDidAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("did", "campaign", "state", "why")
    list_filter = ("state",)
    search_fields = ("did__number", "campaign__name")
    list_select_related = ("did", "campaign")
    raw_id_fields = ("did", "campaign")


@admin.register(OptOut)
class OptOutAdmin(ReadOnly):
    list_display = ("at", "number", "organization", "kind", "source", "keyword", "our_number", "by")
    list_filter = ("kind", "source")
    search_fields = ("number",)
    list_select_related = ("organization", "by")


@admin.register(Suppression)
class SuppressionAdmin(ReadOnly):
    list_display = ("number", "organization", "scope", "since")
    search_fields = ("number",)
    list_select_related = ("organization",)
