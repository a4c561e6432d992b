"""What a dialer admin enters about DIDs and trunks."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from portal.models import Organization
from trunks.exports import MAX_BYTES
from trunks.models import CarrierAccount, Did, Trunk


def _offer(form: forms.BaseForm, name: str, rows: QuerySet[Any], none: str = "") -> None:
    """The rows of the organization are the choices, so that a foreign id is no valid one."""
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = rows
    field.empty_label = none or field.empty_label


class ImportForm(forms.Form):
    """A number list, and what goes for the rows that do not say it themselves."""

    file = forms.FileField(label="Number list (CSV)")
    account = forms.ModelChoiceField(
        CarrierAccount.objects.none(),
        label="Carrier account",
        required=False,
        empty_label="The trunk's, or none yet",
        help_text="Whose numbers these are: it will be asked to switch texting on.",
    )
    trunk = forms.ModelChoiceField(
        Trunk.objects.none(),
        label="Trunk",
        required=False,
        empty_label="As the file says",
        help_text="For rows that name no trunk.",
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "account", CarrierAccount.objects.filter(organization=organization))
        _offer(self, "trunk", Trunk.objects.filter(organization=organization).select_related("account"))
        self.fields["file"].widget.attrs.update(
            {"class": "small"}, accept=".csv,.txt,.tsv,text/csv,text/plain", autofocus=True
        )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(f"The file is larger than {MAX_BYTES // 1_000_000} MB.")
        return file


class DidForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    class Meta:
        model = Did
        fields = ("label", "tags")
        help_texts = {"label": "What people call it.", "tags": "Words to find it by, separated by commas."}


class TrunkForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    class Meta:
        model = Trunk
        fields = ("name", "account")
        labels = {"account": "Carrier account"}
        help_texts = {
            "name": "As your dialer calls it.",
            "account": "The carrier that texts for the DIDs on this trunk.",
        }

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.organization = organization
        _offer(self, "account", CarrierAccount.objects.filter(organization=organization), none="None: voice only")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        others = Trunk.objects.filter(organization=self.instance.organization, name__iexact=name)
        if others.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("Another trunk has this name.")
        return name
