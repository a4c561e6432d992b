from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured


class ComplianceConfig(AppConfig):
    name = "compliance"

    def ready(self) -> None:
        from compliance.zone_data import trouble

        if sentence := trouble():
            raise ImproperlyConfigured(sentence)
