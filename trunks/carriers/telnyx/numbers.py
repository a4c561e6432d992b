"""The messaging profile, the account's numbers, and switching texting on, which at Telnyx is joining a profile."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from trunks.carriers.base import Account, CarrierError, CarrierNumber, NumberResult, Steps
from trunks.carriers.events import Reason
from trunks.carriers.reading import as_count, as_id, as_list, as_map, as_number
from trunks.carriers.telnyx.errors import CODES
from trunks.carriers.telnyx.send import call, found
from trunks.carriers.telnyx.webhooks import public_key_is_sound

PAGE = 250
MOST_PAGES = 1000


def check_credentials(account: Account) -> Steps[None]:
    """Key, public key and profile, and that the profile may text to the United States and reports in version 2."""
    if not public_key_is_sound(account.values.get("public_key", "")):
        raise _wrong("The public key is not one. Copy it again from Keys & Credentials at Telnyx.")
    profile = account.values.get("messaging_profile_id", "")
    if not profile:
        raise _wrong("The messaging profile ID is missing. Copy it from Messaging at Telnyx.")
    answer = yield call(account, "GET", f"/v2/messaging_profiles/{quote(profile, safe='')}")
    if answer.status == 404:
        raise _wrong("Telnyx knows the API key, but not this messaging profile ID. Copy it again.")
    _check_profile(as_map(found(answer).get("data")))


def _check_profile(profile: Mapping[str, Any]) -> None:
    if not as_id(profile.get("id")):
        raise _wrong("The address answers, but not as Telnyx does. Check the base address.")
    if profile.get("enabled") is False:
        raise _wrong(CODES["40312"].sentence)
    countries = profile.get("whitelisted_destinations")
    if isinstance(countries, list) and "US" not in countries and "*" not in countries:
        raise _wrong("The messaging profile does not allow texts to the United States. Add US and CA to it at Telnyx.")
    version = profile.get("webhook_api_version")
    if isinstance(version, str) and version != "2":
        raise _wrong("The messaging profile reports in an old webhook version. Set it to API v2 at Telnyx.")


def _wrong(sentence: str) -> CarrierError:
    return CarrierError(sentence, reason=Reason.MISCONFIGURED)


def list_numbers(account: Account) -> Steps[list[CarrierNumber]]:
    numbers: list[CarrierNumber] = []
    for page in range(1, MOST_PAGES + 1):
        query = urlencode({"page[size]": PAGE, "page[number]": page})
        content = found((yield call(account, "GET", f"/v2/phone_numbers/messaging?{query}")))
        rows = as_list(content.get("data"))
        numbers += [number for number in map(_number, rows) if number.number]
        if not rows or page >= (as_count(as_map(content.get("meta")).get("total_pages")) or 0):
            break
    return numbers


def _number(value: Any) -> CarrierNumber:
    row = as_map(value)
    on = bool(as_id(row.get("messaging_profile_id")))
    return CarrierNumber(
        number=as_number(row.get("phone_number")),
        carrier_ref=as_id(row.get("id")),
        sms=on and _able(row, "sms"),
        mms=on and _able(row, "mms"),
    )


def _able(row: Mapping[str, Any], kind: str) -> bool:
    return as_map(as_map(row.get("features")).get(kind)).get("domestic_two_way") is True


def enable_numbers(account: Account, numbers: Sequence[str]) -> Steps[list[NumberResult]]:
    """Put each number into the profile. One number's refusal is its own; a wrong key or a throttle ends the run.

    Running it again is harmless: a number that is in the profile stays there.
    """
    results: list[NumberResult] = []
    for number in numbers:
        try:
            results.append((yield from _enable(account, number)))
        except CarrierError as error:
            if error.retryable or error.code in ("10009", "10010", "401", "403"):
                raise
            results.append(NumberResult(number=number, enabled=False, sentence=error.sentence))
    return results


def _enable(account: Account, number: str) -> Steps[NumberResult]:
    query = urlencode({"filter[phone_number]": number})
    content = found((yield call(account, "GET", f"/v2/phone_numbers/messaging?{query}")))
    owned = [as_map(row) for row in as_list(content.get("data")) if as_map(row).get("phone_number") == number]
    carrier_ref = as_id(owned[0].get("id")) if owned else ""
    if not carrier_ref:
        return _not_enabled(number, "The number is not in this Telnyx account. Check the trunk, or port it in.")
    change = {"messaging_profile_id": account.values.get("messaging_profile_id", "")}
    answer = yield call(account, "PATCH", f"/v2/phone_numbers/{quote(carrier_ref, safe='')}/messaging", change)
    row = as_map(found(answer).get("data"))
    if not _able(row, "sms"):
        return _not_enabled(number, "Telnyx does not offer texts on this number. Ask Telnyx to make it text-enabled.")
    return NumberResult(number=number, enabled=True, mms=_able(row, "mms"), carrier_ref=carrier_ref)


def _not_enabled(number: str, sentence: str) -> NumberResult:
    return NumberResult(number=number, enabled=False, sentence=sentence)
