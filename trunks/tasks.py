"""The telephone side's tasks: ids only, and harmless when lost or repeated."""

from portal.celery import app
from trunks import texting


@app.task(name="trunks.enable_texting")
def enable_texting(account_id: str, did_ids: list[int]) -> None:
    """Ask one carrier account to text-enable a batch of DIDs."""
    texting.ask_carrier(account_id, did_ids)
