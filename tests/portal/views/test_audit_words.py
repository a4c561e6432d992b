"""How events of the audit trail read."""

from typing import Any

import pytest

from portal.models import AuditEvent
from portal.views.audit_words import tell


@pytest.mark.parametrize(
    ("action", "subject", "data", "sentence", "aside"),
    [
        ("trunks.did.retired", "+13125550100", {"did": 4}, 'Retired <span class="nowrap">(312) 555-0100</span>', ""),
        (
            "trunks.did.text_refused",
            "+13125550100",
            {"did": 4, "before": "pending", "why": "It is held elsewhere."},
            'Heard from the carrier that <span class="nowrap">(312) 555-0100</span> cannot text',
            "It is held elsewhere.",
        ),
        (
            "trunks.dids.imported",
            "numbers.csv",
            {"new": 3, "changed": 0, "unchanged": 12, "refused": 1, "account": None},
            "Imported numbers.csv",
            "3 new, 12 unchanged, 1 refused",
        ),
        (
            "trunks.did.changed_by_import",
            "+13125550100",
            {"did": 4, "changes": {"label": ["", "Front desk"]}},
            'Changed <span class="nowrap">(312) 555-0100</span> by an import',
            "Label: none → Front desk",
        ),
        (
            "portal.member.changed",
            "Ann Lee",
            {"before": {"role": "agent", "teams": [1]}, "after": {"role": "owner", "teams": []}},
            "Changed the role or teams of Ann Lee",
            "Role: agent → owner; Teams changed",
        ),
        (
            "portal.team.changed",
            "Nights",
            {
                "before": {"name": "Nights", "own_threads_only": False},
                "after": {"name": "Nights", "own_threads_only": True},
            },
            "Changed the team Nights",
            "Own threads only: yes",
        ),
        ("trunks.carrier.checked", "Main", {"outcome": "ok"}, "Tried the credentials of Main", "It works."),
        ("portal.team.added", "{on} {0}", {}, "Added the team {on} {0}", ""),
        ("portal.team.added", "<b>Nights", {}, "Added the team &lt;b&gt;Nights", ""),
        ("later.thing.done", "Something", {"why": "x"}, "later.thing.done", "Something"),
    ],
)
def test_an_event_reads(action: str, subject: str, data: dict[str, Any], sentence: str, aside: str) -> None:
    told = tell(AuditEvent(action=action, subject=subject, data=data))
    assert (told.sentence, told.aside) == (sentence, aside)
