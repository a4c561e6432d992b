"""The form of the retention rule: days, within the law unless a reason says otherwise."""

from typing import Any

from django import forms

from compliance import retention
from compliance.models import LAW_DAYS, RetentionPolicy

MOST_DAYS = 36_500


def _days(label: str, least: int, help_text: str, *, needed: bool = False) -> forms.IntegerField:
    too_few = f"At least {least} days."
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=MOST_DAYS,
        required=needed,
        help_text=help_text,
        error_messages={"min_value": too_few, "max_value": "Leave it empty to keep them for ever."},
    )


class RetentionForm(forms.Form):
    """Days to keep each kind; empty for ever."""

    text_days = _days("Words of texts", 30, f"Days; empty: for ever. The law's five years are {LAW_DAYS} days.")
    picture_days = _days("Pictures", 30, "Days; empty: as long as the words, and never longer.")
    record_days = _days(
        "Records of texts", LAW_DAYS, f"Days, at least {LAW_DAYS}; empty: for ever. Numbers, times, who, cost, its end."
    )
    receipt_days = _days("Receipts", 30, "Days; empty: as long as the record. How a text ended stays with the record.")
    webhook_days = _days("Raw webhooks", 7, "Days, at least 7. What carriers sent us, letter for letter.", needed=True)
    below_law_why = forms.CharField(
        max_length=300,
        required=False,
        label="Why shorter than five years",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Only when words or pictures are kept less than five years. The audit trail keeps this.",
    )

    def __init__(self, *args: Any, policy: RetentionPolicy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.policy = policy
        self.initial = {name: getattr(policy, name) for name in (*retention.FIELDS, "below_law_why")}

    def clean(self) -> dict[str, Any]:
        if retention.is_below_law(self.asked()) and not self.cleaned_data.get("below_law_why", "").strip():
            self.add_error(
                "below_law_why",
                "The law wants texts kept for five years (16 CFR 310.5), and suits reach back four. Say why not here.",
            )
        return self.cleaned_data

    def asked(self) -> RetentionPolicy:
        """The policy that the form asks for, not stored."""
        return RetentionPolicy(
            organization=self.policy.organization,
            below_law_why=self.cleaned_data.get("below_law_why", ""),
            **{name: self.cleaned_data.get(name) for name in retention.FIELDS},
        )
