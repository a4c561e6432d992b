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


class ConsentCategory(models.TextChoices):
    """What a person agrees to. Offers need words in writing; who agreed to those agreed to the other texts too."""

    INFORMATIONAL = "informational", "Texts about their own matters"
    PROMOTIONAL = "promotional", "Offers and advertising"


# Which of the two a text of each purpose needs (47 CFR 64.1200(a)(1)-(2), (f)). Replies and required replies need none:
# the person has asked.
NEEDED = {
    Purpose.INFORMATIONAL: ConsentCategory.INFORMATIONAL,
    Purpose.FOLLOW_UP: ConsentCategory.INFORMATIONAL,
    Purpose.PROMOTIONAL: ConsentCategory.PROMOTIONAL,
}
