"""Forms about opt-outs: recorded by hand, and lifted with the proof of a fresh opt-in."""

from django import forms
from django.core.exceptions import ValidationError

from portal.phone import NotANumber, to_e164


class OptOutForm(forms.Form):
    number = forms.CharField(
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        help_text="The person's number. From now on nobody of the organization texts it.",
    )
    why = forms.CharField(
        max_length=300,
        label="How did they say it?",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="By telephone, by letter, to whom. This is kept as proof.",
    )

    def clean_number(self) -> str:
        try:
            return to_e164(str(self.cleaned_data["number"]))
        except NotANumber as error:
            raise ValidationError(str(error)) from error


class LiftForm(forms.Form):
    why = forms.CharField(
        max_length=300,
        label="How and when did they agree to be texted again?",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A fresh opt-in is needed: what they said or signed, when, and where it is kept.",
    )


class ImportForm(forms.Form):
    file = forms.FileField(label="List", widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}))
