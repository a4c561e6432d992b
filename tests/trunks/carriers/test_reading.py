"""Values out of a stranger's JSON: what can be stored, or nothing."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from trunks.carriers import reading
from trunks.carriers.base import UnreadableBody


def test_strings_come_out_storable() -> None:
    assert reading.json_of(b'{"a\\u0000":["\\ud83d", "\\ud83d\\ude00", 1.5]}') == {"a\ufffd": ["\ufffd", "😀", 1.5]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_what_is_not_written_as_an_escape_comes_out_storable_too(encoding: str) -> None:
    body = '["é", "\ud83d"]'.encode(encoding, "surrogatepass")
    assert reading.json_of(body) == ["é", "\ufffd"]


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"-Infinity", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        reading.json_of(body)


def test_an_endless_number_is_none() -> None:
    assert reading.json_of(b"[1e999, -1e999]") == [None, None]


@pytest.mark.parametrize(
    ("value", "amount"),
    [("0.0040", Decimal("0.0040")), (1, Decimal(1)), (0.5, Decimal("0.5")), ("-0.01", Decimal("-0.01")),
     ("NaN", None), ("1e9", None), ("1e999999999", None), ("1e-999999999", None), ("0", Decimal(0)),
     ("99999.99999", Decimal("99999.99999")), ("99999.999999", None), ("-100000", None), ("100000", None),
     (True, None), (None, None), ("9" * 40, None), (10**40, None)],
)  # fmt: skip
def test_money(value: Any, amount: Decimal | None) -> None:
    assert reading.as_money(value) == amount


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-20T15:00:00Z", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("2026-11-20T10:00:00.250-05:00", datetime(2026, 11, 20, 15, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-20T15:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (1_795_000_000, None),
    ],
)
def test_time(value: Any, at: datetime | None) -> None:
    assert reading.as_time(value) == at


@pytest.mark.parametrize(
    ("value", "number"),
    [("+12015550123", "+12015550123"), ("12015550123", ""), ("+1201555012\n", ""), ("+١٢٠١٥٥٥٠١٢٣", ""), (1, "")],
)
def test_number(value: Any, number: str) -> None:
    assert reading.as_number(value) == number


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Fri, 20 Nov 2026 15:00:30 GMT", 30.0), ("Fri, 20 Nov 2026 14:00:00 GMT", 0.0),
     ("Sat, 20 Nov 2027 15:00:00 GMT", 3600.0), ("", None), ("soon", None)],
)  # fmt: skip
def test_retry_after(header: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    assert reading.retry_after({"retry-after": header}, now) == seconds
