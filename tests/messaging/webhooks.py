"""Deliveries of the sandbox carrier as the door has stored them."""

import json
from itertools import count
from typing import Any

from django.utils import timezone

from messaging.models import Delivery
from trunks.models import CarrierAccount

DID, CUSTOMER = "+13125550100", "+12125550142"
AT = "2026-03-02T18:00:00Z"
_keys = count(1)


def inbound(text: str, *, carrier_id: str = "in-00000001", to: str = DID, sender: str = CUSTOMER) -> dict[str, Any]:
    data = {"id": carrier_id, "from": sender, "to": to, "text": text, "media": []}
    return {"id": "event-1", "type": "message.received", "at": AT, "data": data}


def status(word: str, *, carrier_id: str = "out-0000001", to: str = CUSTOMER, code: str = "") -> dict[str, Any]:
    data = {"id": carrier_id, "status": word, "to": to, "from": DID, "code": code}
    return {"id": "event-2", "type": "message.status", "at": AT, "data": data}


def stored(account: CarrierAccount, *events: dict[str, Any], **fields: Any) -> Delivery:
    """A delivery that waits to be processed, unless `processed_at` is given."""
    body = fields.pop("body", json.dumps({"events": list(events)}).encode())
    values = {
        "key": f"key-{next(_keys)}",
        "url": f"https://texts.example.com/hooks/sandbox/{account.pk}/?ref=12-secretproof",
        "headers": {"content-type": "application/json", "user-agent": "sandbox/1"},
        "received_at": timezone.now(),
    }
    return Delivery.objects.create(account=account, body=body, **values | fields)
