"""What a portal with a key meets."""

import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from tests.portal.sandbox.process import CUSTOMER, DID, Listener, Running, until


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages"),
        ("GET", "/v1/messages/x"),
        ("GET", "/v1/messages?client_reference=x"),
        ("GET", "/v1/numbers"),
        ("POST", "/v1/numbers/enable"),
        ("GET", "/v1/accepted"),
        ("GET", "/v1/account"),
        ("PUT", "/v1/account"),
        ("GET", "/media/x"),
        ("POST", "/accounts"),
        ("GET", "/stats"),
    ],
)
def test_every_door_needs_a_key(shared: Running, method: str, path: str) -> None:
    status, answer, _ = shared.ask(method, path, key="wrong")
    assert (status, answer["error"]["code"]) == (401, "bad_credentials")


def test_a_key_makes_no_accounts(shared: Running, account: dict[str, Any]) -> None:
    assert shared.ask("POST", "/accounts", {"name": "more"}, key=account["api_key"])[0] == 401


def test_a_number_has_one_owner(shared: Running, account: dict[str, Any]) -> None:
    status, answer, _ = shared.ask("POST", "/accounts", {"numbers": [DID]})
    assert (status, answer["error"]["message"]) == (409, f"{DID} belongs to another account.")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to": "12015550123"}, 400, "invalid_number"),
        ({"to": 12015550123}, 400, "invalid_number"),
        ({"from": CUSTOMER}, 403, "not_your_number"),
        ({"text": ""}, 400, "no_content"),
        ({"text": "\ud800"}, 400, "invalid_body"),
        ({"text": "x" * 1531}, 400, "too_long"),
        ({"text": "é" * 1531}, 400, "too_long"),
        ({"text": "☎" * 671}, 400, "too_long"),
        ({"text": "Please Reject-This-Text"}, 400, "content_rejected"),
        ({"media_urls": ["http://127.0.0.1/x"] * 11}, 400, "too_many_media"),
        ({"media_urls": ["file:///etc/hostname"]}, 400, "invalid_media"),
        ({"to": "+12015550001"}, 400, "invalid_number"),
        ({"to": "+12015550002"}, 400, "landline"),
        ({"to": "+12015550006"}, 500, "internal"),
        ({"to": "+12015550008"}, 400, "opted_out"),
    ],
)
def test_refusals_take_nothing(
    shared: Running, account: dict[str, Any], send: Any, change: dict[str, Any], status: int, code: str
) -> None:
    answered, answer, _ = send(account["api_key"], **change)
    assert (answered, answer["error"]["code"]) == (status, code)
    counts = shared.ask("GET", "/stats", key=account["api_key"])[1]
    assert (counts["accepted"], counts["refused"]) == (0, {code: 1})


@pytest.mark.parametrize("text", ["x" * 1530, "€" * 765, "☎" * 670])
def test_ten_segments_are_taken(account: dict[str, Any], send: Any, text: str) -> None:
    status, answer, _ = send(account["api_key"], text=text)
    assert (status, answer["data"]["segments"]) == (202, 10)


def test_a_number_that_is_off_sends_nothing(shared: Running, account: dict[str, Any], send: Any) -> None:
    shared.account(id=account["id"], numbers=[{"number": DID, "enabled": False}])
    assert send(account["api_key"])[1]["error"]["code"] == "not_text_enabled"


def test_a_busy_number_takes_the_third_try(account: dict[str, Any], send: Any) -> None:
    tries = [send(account["api_key"], to="+12015550005") for _ in range(4)]
    assert [status for status, _, _ in tries] == [429, 429, 202, 429]
    assert tries[0][2]["retry-after"] == "1"


def test_an_account_has_its_rate(shared: Running, account: dict[str, Any], send: Any) -> None:
    shared.account(id=account["id"], rate=3)
    statuses = Counter(send(account["api_key"])[0] for _ in range(6))
    assert statuses[202] >= 3
    assert statuses[429] >= 1


def test_a_text_sent_twice_counts_twice(shared: Running, account: dict[str, Any], send: Any) -> None:
    key = account["api_key"]
    first, second = (send(key, reference="same")[1]["data"]["id"] for _ in range(2))
    send(key, reference="other")
    found = shared.ask("GET", "/v1/messages?client_reference=same", key=key)[1]["data"]
    assert [row["id"] for row in found] == [first, second]
    counts = shared.ask("GET", "/stats", key=key)[1]
    assert (counts["accepted"], counts["references"], counts["sent_twice"]) == (3, 2, ["same"])
    taken = shared.ask("GET", "/v1/accepted?size=2", key=key)[1]
    assert [row["client_reference"] for row in taken["data"]] == ["same", "same"]
    assert taken["pages"] == 2
    assert taken["data"][0]["received_us"] < taken["data"][1]["received_us"]


def test_one_account_sees_nothing_of_another(shared: Running, account: dict[str, Any], send: Any) -> None:
    made = send(account["api_key"], reference="mine")[1]["data"]
    other = shared.account(name="other")["api_key"]
    assert shared.ask("GET", f"/v1/messages/{made['id']}", key=other)[0] == 404
    assert shared.ask("GET", "/v1/messages?client_reference=mine", key=other)[1]["data"] == []
    assert shared.ask("GET", "/v1/accepted", key=other)[1]["data"] == []


def test_numbers_are_enabled_or_refused_each(shared: Running, account: dict[str, Any]) -> None:
    numbers = ["+13125550201", "+13125550266", "+13125550277"]
    shared.account(id=account["id"], numbers=numbers)
    answer = shared.ask("POST", "/v1/numbers/enable", {"numbers": [*numbers, "+1999"]}, key=account["api_key"])[1]
    assert [(row["enabled"], row["code"]) for row in answer["data"]] == [
        (True, ""),
        (False, "text_enabled_elsewhere"),
        (False, "port_pending"),
        (False, "not_your_number"),
    ]
    listed = shared.ask("GET", "/v1/numbers?size=1&page=1", key=account["api_key"])[1]
    assert (listed["pages"], listed["data"][0]["sms"]) == (3, True)


def test_receipts_are_what_the_magic_number_says(account: dict[str, Any], send: Any, heard: Listener) -> None:
    for ending in ("0003", "0004", "0009", "0123"):
        send(account["api_key"], to=f"+1201555{ending}", reference=ending, webhook_url=heard.url)

    def told() -> dict[str, set[tuple[str, str]]]:
        seen: dict[str, set[tuple[str, str]]] = {}
        for data in (event["data"] for event in heard.events()):
            seen.setdefault(data["client_reference"], set()).add((data["status"], data["code"]))
        return seen

    expected = {
        "0003": {("queued", ""), ("undelivered", "carrier_blocked")},
        "0009": {("queued", ""), ("sent", ""), ("undelivered", "no_answer_from_handset"), ("delivered", "")},
        "0123": {("queued", ""), ("sent", ""), ("delivered", "")},
    }
    until(lambda: told() == expected)


def test_receipts_overtake_and_repeat_but_tell_their_own_time(
    account: dict[str, Any], send: Any, heard: Listener
) -> None:
    for number in range(40):
        send(account["api_key"], reference=f"r{number}", webhook_url=heard.url)
    until(lambda: len({event["id"] for event in heard.events()}) == 120)
    events = heard.events()
    order = {"queued": 0, "sent": 1, "delivered": 2}
    ranks: dict[str, list[int]] = {}
    for event in events:
        ranks.setdefault(event["data"]["id"], []).append(order[event["data"]["status"]])
    assert any(rank != sorted(rank) for rank in ranks.values())
    assert len(events) > 120
    for reference in ranks:
        times = {event["data"]["status"]: event["at"] for event in events if event["data"]["id"] == reference}
        assert times["queued"] < times["sent"] < times["delivered"]


def test_nothing_is_told_before_it_happened(account: dict[str, Any], send: Any, heard: Listener) -> None:
    for number in range(30):
        send(account["api_key"], reference=f"r{number}", webhook_url=heard.url)
    until(lambda: len({event["id"] for event in heard.events()}) == 90)
    said = [datetime.fromisoformat(event["at"]).timestamp() for event in heard.events()]
    assert all(at <= came + 0.001 for at, came in zip(said, list(heard.times), strict=False))


def test_the_look_up_agrees_with_the_receipt(
    shared: Running, account: dict[str, Any], send: Any, heard: Listener
) -> None:
    made = send(account["api_key"], webhook_url=heard.url)[1]["data"]
    last = until(lambda: next((each for each in heard.events() if each["data"]["status"] == "delivered"), None))
    row = shared.ask("GET", f"/v1/messages/{made['id']}", key=account["api_key"])[1]["data"]
    assert (row["status"], row["final"], row["at"]) == ("delivered", True, last["at"])


def test_pictures_are_really_fetched(shared: Running, account: dict[str, Any], send: Any, heard: Listener) -> None:
    heard.files["/cat.png"] = ("image/png", b"\x89PNG cat")
    send(account["api_key"], media_urls=[f"{heard.url}/cat.png"], webhook_url=heard.url)

    def shown() -> list[dict[str, Any]]:
        raw = shared.raw("GET", f"/handset/{CUSTOMER}/thread?did=%2B{DID[1:]}", None, {})[1]
        return [media for bubble in json.loads(raw)["data"] for media in bubble["media"]]

    (picture,) = until(shown)
    until(lambda: "delivered" in {event["data"]["status"] for event in heard.events()})
    status, content, headers = shared.raw("GET", picture["url"], None, {})
    assert (status, content, headers["content-type"]) == (200, b"\x89PNG cat", "image/png")
    assert headers["x-content-type-options"] == "nosniff"


def test_a_picture_that_cannot_be_fetched_fails_the_text(account: dict[str, Any], send: Any, heard: Listener) -> None:
    send(account["api_key"], media_urls=[f"{heard.url}/gone.png"], webhook_url=heard.url)
    event = until(lambda: next(iter(heard.events()), None))
    assert (event["data"]["status"], event["data"]["code"]) == ("failed", "media_unavailable")


def test_after_a_stop_texts_are_taken_and_counted(shared: Running, account: dict[str, Any], send: Any) -> None:
    shared.text_from_customer(DID, "+12015550150", " stop ")
    late = send(account["api_key"], to="+12015550150")[1]["data"]["id"]
    shared.text_from_customer(DID, "+12015550150", "START")
    assert send(account["api_key"], to="+12015550150")[0] == 202
    assert shared.ask("GET", "/stats", key=account["api_key"])[1]["after_stop"] == [late]


def test_an_account_may_answer_stop_itself(
    shared: Running, account: dict[str, Any], send: Any, heard: Listener
) -> None:
    shared.account(id=account["id"], answers_stop=True, webhook_url=heard.url)
    shared.text_from_customer(DID, "+12015550151", "STOP")
    event = until(lambda: next(iter(heard.events()), None))
    assert (event["type"], event["data"]["answered"]) == ("message.received", "STOP")
    assert send(account["api_key"], to="+12015550151")[1]["error"]["code"] == "opted_out"
    assert shared.ask("GET", "/stats", key=account["api_key"])[1]["accepted"] == 0
