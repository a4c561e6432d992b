"""The account, its numbers, and switching texting on."""

from collections.abc import Sequence
from typing import Any

from trunks.carriers.base import Account, CarrierError, CarrierNumber, NumberResult, Steps
from trunks.carriers.events import Reason
from trunks.carriers.reading import as_count, as_id, as_list, as_map, as_number, as_text
from trunks.carriers.sandbox.errors import error_help
from trunks.carriers.sandbox.send import call, found

BATCH = 500
MOST_PAGES = 1000


def check_credentials(account: Account) -> Steps[None]:
    answer = yield call(account, "GET", "/v1/account")
    if not as_id(as_map(found(answer).get("data")).get("id")):
        raise CarrierError("The address answers, but not as the sandbox does.", reason=Reason.MISCONFIGURED)


def list_numbers(account: Account) -> Steps[list[CarrierNumber]]:
    numbers: list[CarrierNumber] = []
    for page in range(1, MOST_PAGES + 1):
        answer = yield call(account, "GET", f"/v1/numbers?page={page}")
        content = found(answer)
        rows = [_number(as_map(row)) for row in as_list(content.get("data"))]
        numbers += [number for number in rows if number.number]
        if not rows or page >= (as_count(content.get("pages")) or 0):
            break
    return numbers


def _number(row: dict[str, Any]) -> CarrierNumber:
    return CarrierNumber(
        number=as_number(row.get("number")),
        carrier_ref=as_id(row.get("id")),
        sms=row.get("sms") is True,
        mms=row.get("mms") is True,
        campaign_ref=as_text(row.get("campaign"), 100),
    )


def enable_numbers(account: Account, numbers: Sequence[str]) -> Steps[list[NumberResult]]:
    results: list[NumberResult] = []
    for start in range(0, len(numbers), BATCH):
        asked = list(numbers[start : start + BATCH])
        answer = yield call(account, "POST", "/v1/numbers/enable", {"numbers": asked})
        rows = {as_text(as_map(row).get("number")): as_map(row) for row in as_list(found(answer).get("data"))}
        results += [_result(number, rows.get(number, {})) for number in asked]
    return results


def _result(number: str, row: dict[str, Any]) -> NumberResult:
    if row.get("enabled") is True:
        return NumberResult(
            number=number, enabled=True, mms=row.get("mms") is True, carrier_ref=as_id(row.get("id"))
        )  # fmt: skip
    said = as_text(row.get("message"), 500) or "The sandbox said nothing about this number."
    return NumberResult(number=number, enabled=False, sentence=error_help(as_text(row.get("code"))) or said)
