"""One HTTP request and its answer as plain values: what a carrier writes and reads, and `portal.web` carries.

No Django and no network here, so that carriers stay pure translators.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A request to be made. `timeout_seconds` is the deadline of the whole call, connecting included."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold credentials
    body: bytes = field(default=b"", repr=False)
    timeout_seconds: float = 20.0
    max_answer_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class NotSent(Exception):
    """The request surely never reached the other side: refused address, no connection, name unknown."""


class Barred(NotSent):
    """The address is one we never call: no web address, a private one, or one redirect too many.

    Asking again is of no use.
    """


class Unanswered(Exception):
    """The request may have reached the other side, but no whole answer came back."""


class TooLong(Unanswered):
    """The answer is longer than the bound of the call. Asking again is of no use."""


# Several calls in a row whose next step depends on the last answer: yields calls, is sent answers, returns a result.
# The transport throws NotSent or Unanswered into it.
Steps = Generator[HttpCall, HttpAnswer, T]
