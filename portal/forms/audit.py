"""The filters of the audit trail."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import QuerySet

from portal.models import AuditEvent, Organization, User

# The first words of actions, as people name the subject.
SUBJECTS = (
    ("", "Everything"),
    ("portal.", "People and teams"),
    ("trunks.did", "DIDs"),
    ("trunks.trunk.", "Trunks"),
    ("trunks.carrier.", "Carriers"),
    ("compliance.", "Opt-outs and registrations"),
    ("messaging.", "Conversations"),
    ("retention.", "Retention and legal holds"),
)


def _select(choices: Iterable[tuple[str, str]] = ()) -> forms.Select:
    return forms.Select(attrs={"class": "input"}, choices=choices)


class AuditFilter(forms.Form):
    who = forms.ModelChoiceField(
        User.objects.none(), required=False, empty_label="Everybody", label="Who", widget=_select()
    )
    what = forms.CharField(max_length=80, required=False, label="What", widget=_select(SUBJECTS))

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        who = self.fields["who"]
        assert isinstance(who, forms.ModelChoiceField)
        who.queryset = User.objects.filter(memberships__organization=organization).order_by("name", "email")

    def narrow(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """`events` as asked; a filter that makes no sense lets nothing through, so that nothing looks complete."""
        if not self.is_valid():
            return events.none()
        if self.cleaned_data["who"]:
            events = events.filter(by=self.cleaned_data["who"])
        return events.filter(action__startswith=self.cleaned_data["what"])
