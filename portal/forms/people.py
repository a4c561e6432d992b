"""Forms about people: who is invited, with which role, in which teams."""

import zoneinfo
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError

from portal.models import Organization, Role, Team, User

ROLES = (
    (Role.AGENT, "Agent: texts from the DIDs of own teams"),
    (Role.SUPERVISOR, "Supervisor: sees and assigns every thread of own teams"),
    (Role.DIALER_ADMIN, "Dialer admin: DIDs, trunks and carriers; no threads"),
    (Role.COMPLIANCE_ADMIN, "Compliance admin: opt-outs and audit; reads threads"),
    (Role.OWNER, "Owner: everything, people included"),
)


class PlaceForm(forms.Form):
    """A role and teams in an organization."""

    role = forms.ChoiceField(choices=ROLES, initial=Role.AGENT)
    teams = forms.ModelMultipleChoiceField(Team.objects.none(), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = self.fields["teams"]
        assert isinstance(teams, forms.ModelMultipleChoiceField)
        teams.queryset = Team.objects.filter(organization=organization)


class InviteForm(PlaceForm):
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    field_order = ("email", "role", "teams")


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    class Meta:
        model = Team
        fields = ("name", "own_threads_only")
        labels = {"own_threads_only": "Agents see only their own threads"}
        help_texts = {"own_threads_only": "Supervisors still see every thread of the team."}

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        same = Team.objects.filter(organization=self.instance.organization, name__iexact=name)
        if same.exclude(pk=self.instance.pk).exists():
            raise ValidationError("There is already a team of this name.")
        return name


class AcceptForm(forms.Form):
    """A new account for the invited address."""

    name = forms.CharField(max_length=100, label="Your name", widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters.",
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        password_validation.validate_password(password, User(email=self.email, name=self.cleaned_data.get("name", "")))
        return password


class MeForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("name", "time_zone")

    time_zone = forms.ChoiceField(
        required=False,
        help_text="Times are shown in this zone.",
        choices=lambda: [
            ("", "The organization's"),
            *((zone, zone.replace("_", " ")) for zone in sorted(zoneinfo.available_timezones())),
        ],
    )
