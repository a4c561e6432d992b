"""What messaging does when news comes from below. Heard inside the transaction of the change; safe to hear twice."""

from typing import Any

from django.dispatch import receiver

from compliance.models import OptOut
from compliance.signals import lifted, suppressed
from messaging import doubts, inbound


@receiver(suppressed, dispatch_uid="messaging.suppressed")
def stop_texting(organization_id: int, number: str, opt_out: OptOut, **_: Any) -> None:
    inbound.cancel_waiting(organization_id, number)
    doubts.settle_by_wish(organization_id, number, opted_out=True)
    inbound.note_wish(organization_id, number, opt_out)


@receiver(lifted, dispatch_uid="messaging.lifted")
def text_again(organization_id: int, number: str, opt_out: OptOut, **_: Any) -> None:
    inbound.note_wish(organization_id, number, opt_out)
