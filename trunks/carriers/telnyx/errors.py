"""Telnyx's error catalogue as one table, and its refusals as CarrierError.

The meanings follow Telnyx's error reference; which HTTP status goes with which code is documented nowhere, so the code
decides. A code that is not here is permanent and never an opt-out.
"""

import re
from collections.abc import Mapping
from typing import Any

from trunks.carriers.base import CarrierError, HttpAnswer
from trunks.carriers.events import Reason
from trunks.carriers.reading import Trouble, as_list, as_map, as_seconds, as_text, object_of, retry_after

OPTED_OUT = "40300"

_AGAIN = "We try again by ourselves."
_REPHRASE = "Reword it, without links or sales words, before sending it again."
_ADMIN = "Ask your compliance admin"

CODES: Mapping[str, Trouble] = {
    "10009": Trouble(Reason.MISCONFIGURED, "Telnyx does not know the API key. Correct it on the carrier's page."),
    "10010": Trouble(Reason.MISCONFIGURED, "The API key may not do this. Give it messaging rights at Telnyx."),
    "10011": Trouble(Reason.RATE_LIMITED, f"Telnyx asked us to slow down. {_AGAIN}", True),
    "40001": Trouble(Reason.INVALID_NUMBER, "The number is a landline or cannot be reached by text. Call instead."),
    "40002": Trouble(Reason.BLOCKED, f"Blocked as spam for the time being. {_REPHRASE}"),
    "40003": Trouble(Reason.BLOCKED, "The sending number is blocked as a spammer. Use another, and ask Telnyx why."),
    "40004": Trouble(Reason.BLOCKED, "The customer's network refused the text. Call instead."),
    "40005": Trouble(Reason.EXPIRED, "The text expired on its way. Send it again if it still matters.", True),
    "40006": Trouble(Reason.CARRIER_DOWN, f"The customer's network is not available. {_AGAIN}", True),
    "40008": Trouble(Reason.UNREACHABLE, "The text could not be delivered. Send it again later, or call.", True),
    "40009": Trouble(Reason.CONTENT_REJECTED, "The network could not carry the text as written. Reword it."),
    "40010": Trouble(Reason.NOT_REGISTERED, f"The sending number is in no 10DLC campaign. {_ADMIN} to add it."),
    "40011": Trouble(Reason.RATE_LIMITED, f"More texts than the customer's network takes now. {_AGAIN}", True),
    "40012": Trouble(Reason.INVALID_NUMBER, "The customer's number is not valid. Check it with the customer."),
    "40013": Trouble(Reason.MISCONFIGURED, "The sending number is not valid for texts. Choose another DID."),
    "40014": Trouble(Reason.EXPIRED, "The text waited too long at Telnyx. Send it again if it still matters.", True),
    "40015": Trouble(Reason.BLOCKED, f"Telnyx's own spam filter stopped the text. {_REPHRASE}"),
    "40016": Trouble(Reason.DAILY_LIMIT, "T-Mobile's limit for the brand is used up for today. Send it tomorrow."),
    "40017": Trouble(Reason.BLOCKED, f"AT&T stopped the text as spam. {_REPHRASE}"),
    "40018": Trouble(Reason.RATE_LIMITED, f"More texts than AT&T takes from this campaign now. {_AGAIN}", True),
    "40019": Trouble(Reason.NOT_REGISTERED, f"AT&T misses the campaign's data. {_ADMIN} to check its registration."),
    "40020": Trouble(Reason.MISCONFIGURED, "Telnyx holds the account until it is confirmed. Sign in there and do so."),
    "40100": Trouble(Reason.MISCONFIGURED, "The sending number is not switched on for texts. Do so in the DID list."),
    OPTED_OUT: Trouble(Reason.OPTED_OUT, "The customer has texted STOP. Only a START from the customer undoes it."),
    "40301": Trouble(Reason.MISCONFIGURED, "The sending number cannot send this kind of text. Choose another DID."),
    "40302": Trouble(Reason.TOO_LARGE, "The text is longer than ten segments. Shorten it."),
    "40304": Trouble(Reason.UNKNOWN, "Telnyx could not read our request. Tell whoever runs the portal."),
    "40305": Trouble(Reason.MISCONFIGURED, "The sending number is not in the messaging profile. Switch it on again."),
    "40308": Trouble(Reason.MISCONFIGURED, "The sending number cannot send pictures. Send the words alone."),
    "40309": Trouble(Reason.MISCONFIGURED, "The profile does not allow this country. Add it to the profile at Telnyx."),
    "40310": Trouble(Reason.INVALID_NUMBER, "The customer's number is not valid. Check it with the customer."),
    "40312": Trouble(Reason.MISCONFIGURED, "The messaging profile is switched off. Switch it on at Telnyx."),
    "40314": Trouble(Reason.BLOCKED, "Telnyx has switched off texting for the account. Ask Telnyx why."),
    "40315": Trouble(Reason.BLOCKED, "Telnyx finds the sending number unhealthy: too few texts arrive. Use another."),
    "40316": Trouble(Reason.CONTENT_REJECTED, "The text was empty. Write something and send it again."),
    "40317": Trouble(Reason.TOO_LARGE, "The pictures are too many or above 1 MB. Send fewer or smaller ones."),
    "40318": Trouble(Reason.RATE_LIMITED, f"Telnyx's queue is full. {_AGAIN}", True),
    "40319": Trouble(Reason.INVALID_NUMBER, "This sender cannot text that number. Choose another DID, or call."),
    "40320": Trouble(Reason.MISCONFIGURED, f"The sending number is still being set up at Telnyx. {_AGAIN}", True),
    "40321": Trouble(Reason.MISCONFIGURED, "The number pool has no usable number. Choose a DID instead."),
    "40322": Trouble(Reason.CONTENT_REJECTED, f"Telnyx blocked the text's content. {_REPHRASE}"),
    "40328": Trouble(Reason.TOO_LARGE, "The text is too long. Shorten it."),
    "40329": Trouble(Reason.NOT_REGISTERED, f"The toll-free number is not verified. {_ADMIN} to verify it."),
    "40330": Trouble(Reason.NOT_REGISTERED, f"The toll-free number is not ready for texts. {_ADMIN} to look into it."),
    "40331": Trouble(Reason.MISCONFIGURED, "The profile allows no country at all. Add US and CA to it at Telnyx."),
    "40333": Trouble(Reason.DAILY_LIMIT, "The account's spend limit is reached. Raise it at Telnyx, or wait a day."),
}

# Pages of Telnyx describe 40300 in several ways; only this says that the person opted out.
_SAYS_STOP = re.compile(r"\bstop\b|\bopt(?:ed)?[ -]?out|unsubscri", re.IGNORECASE)


def error_help(code: str) -> str:
    known = CODES.get(code)
    return known.sentence if known else ""


def first_error(content: Mapping[str, Any]) -> dict[str, Any]:
    """The first of `errors`, which Telnyx puts into refusals and into the payload of a receipt alike."""
    errors = as_list(content.get("errors"))
    return as_map(errors[0]) if errors else {}


def code_of(error: Mapping[str, Any]) -> str:
    """The code, which is documented as a string but was seen as a number."""
    code = error.get("code")
    if isinstance(code, int) and not isinstance(code, bool) and 0 <= code < 10**9:
        return str(code)
    return as_text(code, 50)


def says_opted_out(error: Mapping[str, Any]) -> bool:
    words = f"{as_text(error.get('title'), 1000)} {as_text(error.get('detail'), 1000)}"
    return code_of(error) == OPTED_OUT and bool(_SAYS_STOP.search(words))


def reason_of(error: Mapping[str, Any]) -> Reason:
    code = code_of(error)
    if code == OPTED_OUT and not says_opted_out(error):
        return Reason.BLOCKED
    known = CODES.get(code)
    return known.reason if known else Reason.UNKNOWN


def refusal(answer: HttpAnswer) -> CarrierError:
    """What an answer other than success means.

    Refused, and so surely not taken: every 4xx but a request timeout and a quarrel over the idempotency key, which
    may mean that an earlier try was taken. Anything else is ambiguous.
    """
    error = first_error(object_of(answer))
    words = f"{as_text(error.get('title'), 1000)} {as_text(error.get('detail'), 1000)}".lower()
    refused = 400 <= answer.status < 500 and answer.status not in (408, 409) and "idempoten" not in words
    if not refused:
        return CarrierError(
            "Telnyx had trouble of its own, and may have taken the text. Wait for its receipt before sending it again.",
            reason=Reason.CARRIER_DOWN, retryable=True, not_accepted=False, code=code_of(error) or str(answer.status),
        )  # fmt: skip
    if answer.status == 429:
        return _throttled(answer, code_of(error))
    return _refused(answer, error)


def _throttled(answer: HttpAnswer, code: str) -> CarrierError:
    known = CODES.get(code)
    trouble = known if known and known.retryable else CODES["10011"]
    wait = retry_after(answer.headers)
    if wait is None:
        wait = as_seconds(answer.headers.get("x-ratelimit-reset", ""))
    return CarrierError(
        trouble.sentence,
        reason=Reason.RATE_LIMITED,
        retryable=True,
        code=code or "429",
        retry_after_seconds=wait,
    )


def _refused(answer: HttpAnswer, error: Mapping[str, Any]) -> CarrierError:
    code = code_of(error)
    known = CODES.get(code)
    if known is None and answer.status in (401, 403):
        known = CODES["10009"]
    if known is None:
        said = as_text(error.get("detail"), 300) or as_text(error.get("title"), 300) or f"HTTP {answer.status}"
        return CarrierError(f"Telnyx refused: {said}", code=code or str(answer.status))
    reason = reason_of(error) if code in CODES else known.reason
    sentence = known.sentence
    if code == OPTED_OUT and reason is not Reason.OPTED_OUT:
        sentence = "Telnyx blocks texts from this number to the customer. Call instead, and ask Telnyx why."
    return CarrierError(
        sentence,
        reason=reason,
        retryable=known.retryable,
        code=code or str(answer.status),
        retry_after_seconds=retry_after(answer.headers) if known.retryable else None,
    )


def unreadable(what: str) -> CarrierError:
    """A success whose body says nothing: the text may have been taken."""
    return CarrierError(
        f"Telnyx's answer to {what} cannot be read. Wait for the receipt before sending it again.",
        reason=Reason.CARRIER_DOWN, retryable=True, not_accepted=False,
    )  # fmt: skip
