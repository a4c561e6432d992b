"""The clocks of 2026 are known, whatever the machine's own data says."""

import subprocess
import sys
import zoneinfo

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from compliance import zone_data


def test_zones_come_from_the_pinned_package_alone() -> None:
    assert zoneinfo.TZPATH == ()
    assert zone_data.trouble() == ""


def test_old_data_stops_the_start_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zone_data, "HOURS", {"America/Winnipeg": -6, "America/Edmonton": -6})
    wanted = "too old (wrong for America/Winnipeg): install the tzdata package of constraints.txt."
    with pytest.raises(ImproperlyConfigured) as caught:
        apps.get_app_config("compliance").ready()
    assert wanted in str(caught.value)


def test_it_holds_in_a_process_whose_environment_names_the_systems_data() -> None:
    code = "import portal, zoneinfo; print(zoneinfo.TZPATH)"
    names_the_system = {"PYTHONTZPATH": "/usr/share/zoneinfo"}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=names_the_system
    )
    assert said.stdout.strip() == "()"
