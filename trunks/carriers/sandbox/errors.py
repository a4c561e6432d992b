"""The sandbox's words for what went wrong, and its refusals as CarrierError."""

from collections.abc import Mapping

from trunks.carriers.base import CarrierError, HttpAnswer
from trunks.carriers.events import Reason
from trunks.carriers.reading import Trouble, as_map, as_text, object_of, retry_after

CODES: Mapping[str, Trouble] = {
    "bad_credentials": Trouble(
        Reason.MISCONFIGURED, "The sandbox does not know this API key. Correct it on the carrier's page."
    ),
    "busy": Trouble(Reason.RATE_LIMITED, "The number is busy. We try again by ourselves.", True),
    "carrier_blocked": Trouble(
        Reason.BLOCKED, "The customer's carrier blocked the text. Change its wording, or call instead."
    ),
    "content_rejected": Trouble(
        Reason.CONTENT_REJECTED, "The text holds words the carrier does not carry. Reword it and send it again."
    ),
    "invalid_body": Trouble(Reason.UNKNOWN, "The carrier could not read our request. Tell whoever runs the portal."),
    "invalid_media": Trouble(Reason.CONTENT_REJECTED, "A picture's link is not one the carrier can fetch."),
    "invalid_number": Trouble(Reason.INVALID_NUMBER, "There is no such number. Check it with the customer."),
    "landline": Trouble(Reason.INVALID_NUMBER, "The number is a landline. Call instead, or ask for a mobile number."),
    "media_unavailable": Trouble(
        Reason.CONTENT_REJECTED, "The carrier could not fetch the picture. Attach it anew and send again."
    ),
    "no_answer_from_handset": Trouble(
        Reason.UNREACHABLE, "The phone did not answer yet. It may still arrive; nothing needs to be done."
    ),
    "no_content": Trouble(Reason.CONTENT_REJECTED, "The text was empty. Write something and send it again."),
    "not_text_enabled": Trouble(
        Reason.MISCONFIGURED, "The sending number is not switched on for texts. Switch it on in the DID list."
    ),
    "not_your_number": Trouble(
        Reason.MISCONFIGURED, "The sending number is not on this carrier account. Put the DID on the right trunk."
    ),
    "opted_out": Trouble(
        Reason.OPTED_OUT, "The customer does not want texts from this number. Only the customer's START opens it again."
    ),
    "port_pending": Trouble(
        Reason.MISCONFIGURED, "The landline port of this number is still pending. Try again when it is done."
    ),
    "text_enabled_elsewhere": Trouble(
        Reason.MISCONFIGURED, "The number is text-enabled with another provider. Have it released there first."
    ),
    "too_fast": Trouble(Reason.RATE_LIMITED, "More texts than the account may send. We try again by ourselves.", True),
    "too_long": Trouble(Reason.TOO_LARGE, "The text is longer than ten segments. Shorten it and send it again."),
    "too_many_media": Trouble(Reason.TOO_LARGE, "More pictures than one text may carry. Send them in several texts."),
}  # fmt: skip


def error_help(code: str) -> str:
    known = CODES.get(code)
    return known.sentence if known else ""


def reason_of(code: str) -> Reason:
    known = CODES.get(code)
    return known.reason if known else Reason.UNKNOWN


def refusal(answer: HttpAnswer) -> CarrierError:
    """What an answer other than success means. 429 and every 4xx prove that the text was not taken."""
    if not 400 <= answer.status < 500 or answer.status == 408:
        return CarrierError(
            "The sandbox had trouble of its own, and may have taken the text. Look it up before sending it again.",
            reason=Reason.CARRIER_DOWN, retryable=True, not_accepted=False, code=str(answer.status),
        )  # fmt: skip
    code = as_text(as_map(object_of(answer).get("error")).get("code"), 100)
    known = CODES.get(code) or (CODES["too_fast"] if answer.status == 429 else None)
    if known is None:
        return CarrierError(f"The sandbox refused with '{code or answer.status}'.", code=code or str(answer.status))
    return CarrierError(
        known.sentence,
        reason=known.reason,
        retryable=known.retryable,
        code=code or str(answer.status),
        retry_after_seconds=retry_after(answer.headers) if known.retryable else None,
    )


def unreadable(what: str) -> CarrierError:
    """A success whose body says nothing: the text may have been taken."""
    return CarrierError(
        f"The sandbox's answer to {what} cannot be read. Look the text up before sending it again.",
        reason=Reason.CARRIER_DOWN, retryable=True, not_accepted=False,
    )  # fmt: skip
