"""What the people of an organization may know of the server: that something is wrong, in a sentence without a name."""

import threading
import time
from collections.abc import Iterable, Iterator

from portal.doctor import ground
from portal.doctor.findings import Finding, Level

# Looking costs a file, a connection and a walk over the migrations: each process looks once in this long.
KEPT_SECONDS = 60.0
SENTENCES = {  # of the subjects that touch their work; the others are the operator's alone
    "database": "The portal's database needs care; it may be half way through an update.",
    "clock": "The portal's clocks differ: signatures and quiet hours may be judged wrongly.",
    "redis": "Part of the portal cannot be reached: texts and news come up to a second later.",
    "storage": "Pictures cannot be stored at the moment; texts are not affected.",
    "disk": "The portal is running out of room.",
    "tick": "The portal's background work stands still: no text leaves, and no webhook is worked off.",
    "upkeep": "Part of the portal's background work stands still: parked texts are not placed in their threads.",
    "public address": "Carriers cannot reach the portal: it has no public address yet.",
}
HELP = "Tell whoever runs the portal; its command `doctor` says more."

_lock = threading.Lock()
_looked: tuple[float, list[Finding]] = (float("-inf"), [])


def in_general(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One general sentence for each subject that is not well."""
    levels = {one.subject: one.level for one in findings if one.level in (Level.NOTE, Level.PROBLEM)}
    for subject, level in levels.items():
        if subject in SENTENCES:
            yield Finding(level, subject, SENTENCES[subject], HELP)


def of_late() -> list[Finding]:
    """What the machine's checks found within the last minute."""
    global _looked
    with _lock:
        at, found = _looked
        if time.monotonic() - at > KEPT_SECONDS:
            found = [*ground.storage(), *ground.disk(), *ground.redis_server(), *ground.database()]
            _looked = time.monotonic(), found
    return found


def forget() -> None:
    """Look anew at the next question."""
    global _looked
    _looked = (float("-inf"), [])
