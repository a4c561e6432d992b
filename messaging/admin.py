"""The operator's view of lanes, webhooks and receipts. Message bodies are not shown: they belong to the inbox."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from messaging import replays
from messaging.models import Attempt, DailyUse, Delivery, Lane, Message, ParkedText, Receipt, RefusedDelivery
from portal.admin import ReadOnly


@admin.register(Lane)
class LaneAdmin(ReadOnly):
    list_display = ("account", "campaign", "next_slot_at", "paused_until", "paused_why", "failures")
    list_select_related = ("account", "campaign")


@admin.register(Message)
class MessageAdmin(ReadOnly):
    list_display = ("id", "organization", "direction", "number", "state", "reason", "attempts_made", "created_at")
    list_filter = ("direction", "state", "reason")
    search_fields = ("number", "carrier_id")
    list_select_related = ("organization",)
    show_full_result_count = False
    exclude = ("body",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ("id", "message", "number", "account", "state", "reason", "code", "started_at", "look_ups")
    list_filter = ("state", "reason")
    search_fields = ("message__number", "parts__carrier_id")
    list_select_related = ("message", "account")
    show_full_result_count = False


@admin.register(Receipt)
class ReceiptAdmin(ReadOnly):
    list_display = ("carrier_id", "status", "word", "reason", "code", "carrier_at", "received_at", "part")
    list_filter = ("status", ("part", admin.EmptyFieldListFilter))
    search_fields = ("carrier_id",)
    list_select_related = ("part",)
    show_full_result_count = False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ("id", "account", "received_at", "seen", "processed_at", "tries", "error")
    list_filter = (("processed_at", admin.EmptyFieldListFilter), ("error", admin.EmptyFieldListFilter))
    list_select_related = ("account",)
    show_full_result_count = False
    exclude = ("body",)  # it holds what people wrote
    actions = ("replay",)

    @admin.action(description="Process once more")
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        for delivery in queryset.select_related("account__organization"):
            replays.replay(delivery, by=_operator(request))
        messages.success(request, "They are processed again; each of their events counts once.")


def _operator(request: HttpRequest) -> Any:
    return request.user


@admin.register(RefusedDelivery)
class RefusedDeliveryAdmin(ReadOnly):
    list_display = ("at", "account", "why", "body_bytes", "header_names")
    list_select_related = ("account",)


@admin.register(ParkedText)
class ParkedTextAdmin(ReadOnly):
    list_display = ("received_at", "account", "to_number", "placed_at")
    list_filter = (("placed_at", admin.EmptyFieldListFilter),)
    search_fields = ("to_number",)
    list_select_related = ("account",)
    exclude = ("body", "media")


@admin.register(DailyUse)
class DailyUseAdmin(ReadOnly):
    list_display = ("day", "brand", "network", "segments")
    list_select_related = ("brand",)
