"""A body without people's words and numbers: structure and machine's words stay, everything else is covered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import redaction

DID, CUSTOMER = "+13125550100", "+12125550142"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def shown(value: Any, *heard: str) -> Any:
    text = redaction.hidden(json.dumps(value).encode(), JSON, ours=[DID], heard=heard).text
    assert len(text) <= redaction.LONGEST
    return json.loads(text)


def test_a_text_from_a_customer() -> None:
    event = {
        "id": "evt-0190f6a2",
        "type": "message.received",
        "occurred_at": "2026-03-02T18:00:00Z",
        "data": {
            "from": {"phone_number": CUSTOMER, "name": "Mary Lee"},
            "to": [{"phone_number": DID, "status": "webhook_delivered"}],
            "text": "My card is 4111",
            "parts": 1,
            "cost": None,
            "media": [{"url": "https://media.example.com/a/b.jpg?key=1", "content_type": "image/jpeg", "size": 40312}],
        },
    }
    assert shown(event, "My card is 4111") == {
        "id": "evt-0190f6a2",
        "type": "message.received",
        "occurred_at": "2026-03-02T18:00:00Z",
        "data": {
            "from": {"phone_number": "••••42", "name": "•••• (8 characters)"},
            "to": [{"phone_number": DID, "status": "webhook_delivered"}],
            "text": "•••• (15 characters)",
            "parts": 1,
            "cost": None,
            "media": [
                {"url": "https://media.example.com/••••", "content_type": "image/jpeg", "size": 40312},
            ],
        },
    }


def test_the_carriers_errors_stay_readable_but_for_numbers_and_texts() -> None:
    errors = {"errors": [{"code": "40300", "title": "Blocked", "detail": f"{CUSTOMER} opted out.", "body": "Hi you"}]}
    assert shown(errors) == {
        "errors": [{"code": "40300", "title": "Blocked", "detail": "••••42 opted out.", "body": "•••• (6 characters)"}]
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MessageBody", "STOP"),
        ("short_message", "yes4you99"),
        ("FromCity", "AUSTIN"),
        ("anything", "yes"),
        ("anything", "Call me"),
        ("anything", "482913"),
        ("id", "no id but words"),
        ("status", "I am fine"),
    ],
)
def test_one_word_under_any_name(name: str, value: str) -> None:
    assert value not in json.dumps(shown({name: value}), ensure_ascii=False)


@pytest.mark.parametrize(
    "number", [CUSTOMER, "12125550142", "(212) 555-0142", "212-555-0142", 12125550142, 2125550142.0]
)
def test_numbers_in_every_shape(number: str | float) -> None:
    covered = json.dumps(shown({"from": number, f"{number}": 1, "id": f"x-{number}"}), ensure_ascii=False)
    assert "5550142" not in covered
    assert "555-0142" not in covered


@pytest.mark.parametrize("number", [DID, "13125550100", "(312) 555-0100", 13125550100])
def test_ones_own_did_stays(number: str | int) -> None:
    assert shown({"to": number}) == {"to": number}
    assert DID in redaction.numbers_in(json.dumps({"to": number}).encode())


def test_times_are_no_numbers() -> None:
    times = {"timestamp": "1772474400", "sent_at": 1772474400123, "at": "2026-03-02 18:00:00.123+00:00", "n": 12}
    assert shown(times) == times


def test_ids_are_shown_whole() -> None:
    ids = {"id": "0190f6a2-7b1c-7000-8000-123456789012", "MessageSid": "SM01234567890123456789012345678901", "a": 1.5}
    assert shown(ids) == ids


def test_what_was_heard_is_hidden_wherever_it_stands() -> None:
    assert shown({"id": "secret99", "note_id": "x-secret99-y", "type": "ok"}, "secret99", "ok") == {
        "id": "•••• (8 characters)",
        "note_id": "•••• (12 characters)",
        "type": "•••• (2 characters)",
    }
    assert shown({"id": "abc-12345"}, "1") == {"id": "abc-12345"}


def test_a_form() -> None:
    body = f"MessageSid=SM0123456789abcdef&From=%2B{CUSTOMER[1:]}&To=%2B{DID[1:]}&Body=Is+it+ready%3F".encode()
    covered = redaction.hidden(body, f"{FORM}; charset=utf-8", ours=[DID]).text
    assert json.loads(covered) == {
        "MessageSid": ["SM0123456789abcdef"],
        "From": ["••••42"],
        "To": [DID],
        "Body": ["•••• (12 characters)"],
    }
    assert json.loads(redaction.whole(body, FORM).text)["Body"] == ["Is it ready?"]


@pytest.mark.parametrize("body", [b"<sms>Call me</sms>", b"\xff\xfe Call me", b"[" * 200_000, b'"Call', b""])
def test_what_cannot_be_read_is_not_shown(body: bytes) -> None:
    covered = redaction.hidden(body, JSON, ours=[]).text
    assert covered == f"•••• ({len(body)} bytes that are neither JSON nor a form)"
    assert redaction.hidden(b"\xff", FORM, ours=[]).text == "•••• (1 bytes that are neither JSON nor a form)"


def test_depth_and_length_are_bounded() -> None:
    deep = b'{"id":' * 200 + b'"Call me"' + b"}" * 200
    assert "Call me" not in redaction.hidden(deep, JSON, ours=[]).text
    long = json.dumps({"id": "a" * 100, "list": ["b1234567"] * 10_000}).encode()
    covered = redaction.hidden(long, JSON, ours=[])
    assert (len(covered.text), covered.is_cut) == (redaction.LONGEST, True)


@pytest.mark.parametrize("url", ["https://u:p@host.test/x", "javascript://%0aalert(1)", "http://[", "https://ho st/x"])
def test_a_link_shows_its_host_alone(url: str) -> None:
    link = shown({"url": url})["url"]
    assert link in {"https://host.test/••••", f"•••• ({len(url)} characters)"}


def test_an_address_shows_the_names_of_its_parameters() -> None:
    assert list(redaction.field_names("https://a.test/hooks/x/?ref=1-ab&to=%2B1212&ref=2")) == ["ref", "to"]


SECRET = st.text(st.characters(categories=["L", "N", "Zs", "P"]), min_size=3, max_size=40).map(lambda text: f"zq{text}")
NAMES = st.sampled_from(["text", "id", "status", "from", "payload", "a", "detail", "errors", "message_id", ""])


@given(
    secret=SECRET,
    tree=st.recursive(
        st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=12,
    ),
)
def test_a_heard_text_never_shows(secret: str, tree: Any) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(each) for name, each in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else f"<{secret}>"

    body = json.dumps(filled(tree)).encode()
    assert secret not in redaction.hidden(body, JSON, ours=[], heard=[secret]).text
