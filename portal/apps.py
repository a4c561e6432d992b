from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from portal import lookups, people, request_log  # noqa: F401 - for their receivers, and a lookup
