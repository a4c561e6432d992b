"""Telephone numbers: whatever people, dialers and carriers write becomes E.164 here, or is refused with a reason."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberFormat, timezone

# The North American plan: area code and exchange never start 0 or 1, and no area code ends in 11. Assigned or not does
# not matter: new areas open and fiction's 555 stays usable. ASCII, because \d alone would keep Arabic digits.
_NANP = re.compile(r"\+?1?([2-9](?!11)\d{2})([2-9]\d{6})", re.ASCII)
_ROUNDED = re.compile(r"\d+[.,]?\d*e\+?\d+", re.IGNORECASE)  # 1.81373E+10
_DECIMAL = re.compile(r"(\+?\d+)[.,]0+", re.ASCII)  # 18137271234.0, a number column that passed through a data frame
_PUNCTUATION = re.compile(r"[\s().\-/\u00a0\u2010-\u2015\u202a-\u202e\u2066-\u2069\ufeff]+")
TOLL_FREE = frozenset({"800", "822", "833", "844", "855", "866", "877", "888"})
HOME_COUNTRIES = frozenset({"US", "CA", "PR", "VI", "GU", "AS", "MP"})  # 10DLC and the rules of the gate hold here


class NotANumber(ValueError):
    """The text is not a telephone number. Its words are a sentence for a person."""


def to_e164(text: str, region: str = "US") -> str:
    """`(312) 555-0100` -> `+13125550100`. A number without a country is read as one of `region`. Raises NotANumber."""
    text = text.strip().lstrip("'")  # spreadsheets mark text by an apostrophe
    if _ROUNDED.fullmatch(text):
        raise NotANumber("The spreadsheet has rounded this number; make its column a text column and export it again.")
    plain = _PUNCTUATION.sub("", whole[1] if (whole := _DECIMAL.fullmatch(text)) else text)
    if match := _NANP.fullmatch(plain):
        return f"+1{match[1]}{match[2]}"
    try:
        number = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        raise NotANumber("This is not a telephone number.") from None
    _refuse_impossible(number)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _refuse_impossible(number: phonenumbers.PhoneNumber) -> None:
    if number.extension:
        raise NotANumber("This number has an extension; leave it out.")
    match phonenumbers.is_possible_number_with_reason(number):
        case phonenumbers.ValidationResult.TOO_SHORT | phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            raise NotANumber("This number is too short.")
        case phonenumbers.ValidationResult.TOO_LONG:
            raise NotANumber("This number is too long.")
        case phonenumbers.ValidationResult.IS_POSSIBLE if phonenumbers.is_valid_number(number):
            return
    raise NotANumber("No such number can exist.")


def is_toll_free(number: str) -> bool:
    """Whether an E.164 number is a North American toll-free one."""
    return number.startswith("+1") and number[2:5] in TOLL_FREE


def country(number: str) -> str:
    """The two-letter country of an E.164 number; "" when the plan does not say (toll-free, new areas)."""
    if number.startswith("+1"):
        return "" if number[2:5] in TOLL_FREE else _country_of_area(number[2:5])
    return _country(number)


@lru_cache(maxsize=1024)
def _country_of_area(area: str) -> str:
    return _country(f"+1{area}5550100")


def _country(number: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


@lru_cache(maxsize=4096)
def pretty(number: str) -> str:
    """An E.164 number as people write it: `(312) 555-0100` at home, `+44 20 7946 0958` elsewhere."""
    if match := _NANP.fullmatch(number):
        return f"({match[1]}) {match[2][:3]}-{match[2][3:]}"
    try:
        return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return number


@lru_cache(maxsize=4096)
def time_zones(number: str) -> tuple[str, ...]:
    """IANA zones of the area where an E.164 number was given out; empty when the plan does not say (toll-free)."""
    if is_toll_free(number):
        return ()
    try:
        zones = timezone.time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ()
    return tuple(zone for zone in zones if zone != timezone.UNKNOWN_TIMEZONE)
