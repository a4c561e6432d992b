"""The settings of a carrier account: what the carrier asks for, and where it is."""

from typing import Any

from django import forms

from trunks import accounts
from trunks.carriers.base import Carrier, Field
from trunks.models import CarrierAccount


class CarrierForm(forms.Form):
    """One field for each thing the carrier needs. Secrets are never written back into the page."""

    name = forms.CharField(max_length=60, help_text="What people here call this account.")

    def __init__(self, *args: Any, carrier: Carrier, account: CarrierAccount | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.carrier = carrier
        self.fields["name"].initial = account.name if account else carrier.NAME
        shown = accounts.shown_values(account) if account else {}
        for field in carrier.FIELDS:
            self.fields[f"set_{field.name}"] = _form_field(field, shown.get(field.name, ""))
        self.fields["base_url"] = forms.CharField(
            label="Address",
            max_length=200,
            required=False,
            initial=account.base_url if account else accounts.default_address(carrier),
            help_text="Only another one when the carrier told you so.",
        )

    def values(self) -> dict[str, str]:
        return {field.name: self.cleaned_data[f"set_{field.name}"] for field in self.carrier.FIELDS}

    def refuse(self, errors: dict[str, str]) -> None:
        """Show each sentence beside its field."""
        for name, sentence in errors.items():
            field = next((known for known in (f"set_{name}", name) if known in self.fields), None)
            self.add_error(field, sentence)


def _form_field(field: Field, shown: str) -> forms.CharField:
    kept = field.secret and bool(shown)
    widget = forms.PasswordInput(render_value=False) if field.secret else forms.TextInput()
    widget.attrs.update(autocomplete="off", spellcheck="false")
    return forms.CharField(
        label=field.label,
        max_length=4_000,
        required=field.required and not kept,
        initial="" if field.secret else shown,
        help_text=f"Stored: {shown}. Leave empty to keep it." if kept else field.help,
        widget=widget,
    )
