"""Forms about legal holds: what is held and why, and why no longer."""

from enum import StrEnum
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.models import Organization
from portal.phone import NotANumber, to_e164
from trunks.models import Did


class Scope(StrEnum):
    PERSON = "person"
    CONVERSATION = "conversation"
    DID = "did"
    EVERYTHING = "everything"


SCOPES = (
    (Scope.PERSON, "A person: all texts with their number"),
    (Scope.CONVERSATION, "One conversation: a person and a DID"),
    (Scope.DID, "A DID: all texts by this number of yours"),
    (Scope.EVERYTHING, "Everything of the organization"),
)
NEEDS_PERSON = (Scope.PERSON, Scope.CONVERSATION)
NEEDS_DID = (Scope.DID, Scope.CONVERSATION)


def _number(help_text: str, label: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"})
    return forms.CharField(max_length=40, required=False, label=label, widget=widget, help_text=help_text)


class HoldForm(forms.Form):
    """`cleaned_data`: number and our_number in E.164 or empty, as `compliance.holds.place` takes them, and reason."""

    scope = forms.ChoiceField(choices=SCOPES, label="What is held", initial=Scope.PERSON)
    number = _number("For a person or a conversation.", "The person's number")
    our_number = _number("For a DID or a conversation; also one that is retired.", "Your DID")
    reason = forms.CharField(
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Who asks for it and where the letter is kept. Kept for ever, also after the hold is lifted.",
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization

    def clean_number(self) -> str:
        return self._e164("number") if self._scope() in NEEDS_PERSON else ""

    def clean_our_number(self) -> str:
        if self._scope() not in NEEDS_DID:
            return ""
        number = self._e164("our_number")
        if not Did.objects.filter(organization=self.organization, number=number).exists():
            raise ValidationError("This is none of your DIDs, and never was.")
        return number

    def _scope(self) -> str:
        return str(self.cleaned_data.get("scope", ""))

    def _e164(self, name: str) -> str:
        if not self.cleaned_data[name]:
            raise ValidationError("Write the number that is held.")
        try:
            return to_e164(str(self.cleaned_data[name]))
        except NotANumber as error:
            raise ValidationError(str(error)) from error


class LiftHoldForm(forms.Form):
    why = forms.CharField(
        max_length=300,
        label="Why is it no longer needed?",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Who said so, and when.",
    )
