"""Why a text is sent. It decides what the gate asks: consent, hours, how often."""

from django.db import models


class Purpose(models.TextChoices):
    REPLY = "reply", "Reply"
    INFORMATIONAL = "informational", "Informational"
    FOLLOW_UP = "follow_up", "Follow-up"
    PROMOTIONAL = "promotional", "Promotional"
    COMPLIANCE = "compliance", "Required reply"


# What may sell something to somebody: every state's hours and caps hold (47 CFR 64.1200(f) "telephone solicitation").
SOLICITATIONS = frozenset({Purpose.FOLLOW_UP, Purpose.PROMOTIONAL})
