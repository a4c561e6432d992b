"""What a text may not say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.content import Context, Level, rules, screen

FIRST = Context(names=("Northwind Energy",), is_first=True)


def said(body: str, context: Context | None = None) -> list[tuple[str, str]]:
    return [(finding.rule, finding.phrase) for finding in screen(body, context)]


@pytest.mark.parametrize(
    "body",
    [
        "Your technician comes on Tuesday between 9 and 11. Reply C to confirm.",
        "Order 4412-8890-1123-5567 is packed.",  # no card: its check digit is wrong
        "Call us at 312-555-0100 or see https://northwind.example/visit",
        "Your bank holiday hours are on our site.",
        "We stop by at 5 pm. ok.thanks",
        "Thanks! 👨‍👩‍👧 See you ❤️",
        "MRI AT 9 AM",
        "Привет, мы придём завтра",  # one script alone hides nothing
    ],
)
def test_ordinary_texts_pass(body: str) -> None:
    assert said(body) == []


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("Pay here: bit.ly/3abc", [("shortener", "bit.ly/3abc")]),
        ("Pay here: https://www.tinyurl.com/x now", [("shortener", "https://www.tinyurl.com/x")]),
        ("See https://198.51.100.7/pay", [("strange_link", "https://198.51.100.7/pay")]),
        ("See https://pay@evil.example/x", [("strange_link", "https://pay@evil.example/x")]),
        ("See https://xn--pypal-4ve.com/a", [("strange_link", "https://xn--pypal-4ve.com/a")]),
        ("See https://offer.pages.dev/a", [("free_host", "https://offer.pages.dev/a")]),
        ("See http://northwind.example/a", [("plain_http", "http://northwind.example/a")]),
        ("Card 4111 1111 1111 1111 is on file", [("card_number", "4111 1111 1111 1111")]),
        ("SSN 219-09-9999 please", [("social_security", "219-09-9999")]),
        ("Best CBD in town", [("cannabis", "CBD")]),
        ("Buy via\u200bgra", [("drugs", "via\u200bgra"), ("hidden_letters", "\u200b")]),
        ("Buy viаgra", [("drugs", "viаgra"), ("hidden_letters", "viаgra")]),
        ("Buy v i a g r a today", [("hidden_letters", "v i a g r a")]),
        ("Free spins!!! today", [("gambling", "Free spins"), ("shouting", "!!!")]),
        ("LAST CHANCE TO GET YOUR NEW PHONE TODAY", [("shouting", "LAST CHANCE TO GET YOUR NEW PHONE TODAY")]),
    ],
)
def test_what_carriers_filter_is_found_with_its_phrase(body: str, wanted: list[tuple[str, str]]) -> None:
    assert said(body) == wanted


def test_bait_counts_beside_a_link_alone() -> None:
    assert said("You can change your password at the desk.") == []
    assert said("Change your password: https://northwind.example/p") == [("phishing", "password")]


def test_another_companys_name_beside_a_link_is_told_unless_it_is_ones_own() -> None:
    body = "Zelle payment received: https://northwind.example/p"
    assert said(body) == [("borrowed_name", "Zelle")]
    assert said(body, Context(names=("Zelle Painters",))) == []


def test_a_first_text_says_who_writes_and_a_first_promotion_how_to_stop() -> None:
    assert said("Your order is ready.", FIRST) == [("no_sender", "")]
    assert said("Northwind-Energy: your order is ready.", FIRST) == []
    promotion = Context(names=("Northwind",), is_first=True, is_promotional=True)
    assert said("Northwind: 20 percent off today.", promotion) == [("no_opt_out", "")]
    assert said("Northwind: 20 percent off today. Reply STOP to opt out.", promotion) == []


def test_an_organization_changes_levels_but_not_the_fixed_ones() -> None:
    levels = {"alcohol": Level.BLOCK, "shouting": Level.OFF, "card_number": Level.OFF}
    found = screen("Beer!!! 4111111111111111", Context(levels=levels))
    assert [(each.rule, each.level) for each in found] == [("alcohol", Level.BLOCK), ("card_number", Level.BLOCK)]


def test_every_finding_comes_with_a_sentence() -> None:
    for code, facts in rules().items():
        assert facts.sentence.endswith("."), code
        assert facts.level in (Level.BLOCK, Level.WARN)


@given(st.text(max_size=200))
def test_phrases_are_stretches_of_the_text_and_nothing_breaks(body: str) -> None:
    for finding in screen(body, Context(names=("Ours",), is_first=True, is_promotional=True)):
        assert body[finding.start : finding.end] == finding.phrase


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", max_size=60))
def test_case_and_accents_change_no_verdict(body: str) -> None:
    words = lambda text: [finding.rule for finding in screen(text, Context(levels={"shouting": Level.OFF}))]  # noqa: E731
    assert words(body) == words(body.upper())
