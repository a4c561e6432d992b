"""Addresses below /hooks/, apart from the pages' so that a carrier's request is led to its view by one look."""

from django.urls import path

from messaging import webhooks
from portal import metrics

urlpatterns = [path("hooks/<slug:kind>/<uuid:account_id>/", metrics.timed(webhooks.hook), name="hook")]
