"""What is configured, reachable, stuck or stale. A function a check; none leaves anything behind or tells a secret.

`ground` looks at the machine, `rows` at what stands in the database: all of it for the command `doctor`, one
organization's share for its page, where `general` words what may be known of the rest.
"""

from portal.clock import database_now
from portal.doctor import general, ground, rows
from portal.doctor.findings import About, Finding, Level, Place
from portal.doctor.rows import Look

__all__ = ["About", "Finding", "Level", "Look", "Place", "examine", "of_organization"]


def examine() -> list[Finding]:
    """Every finding, in the order of the checks. Without a usable database, what can be said without one."""
    findings = [finding for check in ground.CHECKS for finding in check()]
    findings += ground.database()
    if all(finding.level != Level.PROBLEM for finding in findings if finding.subject == "database"):
        look = Look(database_now())
        findings += [finding for check in rows.CHECKS for finding in check(look)]
    return findings


def of_organization(look: Look) -> list[Finding]:
    """What its own people may know: its accounts in full, the server in general sentences."""
    server = [*general.of_late(), *(finding for check in rows.OF_SERVER for finding in check(look))]
    return [*general.in_general(server), *(finding for check in rows.OF_ACCOUNTS for finding in check(look))]
