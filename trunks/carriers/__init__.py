"""The carriers we speak to: one line each."""

from importlib import import_module
from typing import cast

from trunks.carriers.base import Carrier

_FOLDERS = {
    "sandbox": "trunks.carriers.sandbox",
    "telnyx": "trunks.carriers.telnyx",
}
KINDS = tuple(_FOLDERS)


def get(kind: str) -> Carrier:
    """The carrier of that kind, imported on first use. LookupError when there is none."""
    if kind not in _FOLDERS:
        raise LookupError(f"There is no carrier '{kind}'. Known: {', '.join(KINDS)}.")
    return cast(Carrier, import_module(_FOLDERS[kind]))
