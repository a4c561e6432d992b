"""Every address of the portal. What stands first on the left is reserved in `portal.models.RESERVED_SLUGS`."""

from django.contrib import admin
from django.urls import include, path

from portal.views import health, home, metrics

urlpatterns = [
    path("", home.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("portal.views.urls")),
    path("", include("trunks.urls")),
    path("", include("compliance.urls")),
    path("", include("messaging.urls")),
]
