"""Which messages are keywords, and which only hold one."""

import timeit
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.optout_words import HELP_WORDS, START_WORDS, STOP_WORDS, Kind, Tier, Verdict, canonical, classify


def keyword_of(text: str) -> tuple[Kind, str]:
    verdict = classify(text)
    assert verdict.tier == Tier.KEYWORD
    return verdict.kind, verdict.keyword


@pytest.mark.parametrize(
    "word",
    [
        "STOP", "STOPALL", "QUIT", "END", "REVOKE", "OPTOUT", "CANCEL", "UNSUBSCRIBE", "UNSUB", "REMOVE", "DNC", "TD",
        "STOP ALL", "OPT OUT", "REMOVE ME", "STOP PLEASE", "PLEASE STOP", "STOP IT",
        "ARRET", "ARRETE", "ARRETER", "ARRETT", "DESABONNER", "ALTO", "PARAR", "PARE", "DETENER", "BAJA", "CANCELAR",
        "STPO", "SOTP", "STOPP", "SSTOP", "DTOP", "UNSUSCRIBE", "UNSUBCRIBE", "CANCLE",
    ],
)  # fmt: skip
def test_opt_out_words_in_any_dress(word):
    for text in (word, word.lower(), word.title(), f" {word}. ", f"“{word}!!!”", f"*{word}*\n", f"\t{word} 🙏"):
        assert keyword_of(text) == (Kind.STOP, word), text


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("Arrêt", "ARRET"),
        ("arre\u0302ter", "ARRETER"),
        ("Désabonner", "DESABONNER"),
        ("ｓｔｏｐ", "STOP"),
        ("𝗦𝗧𝗢𝗣", "STOP"),
        ("S\u200bTOP", "STOP"),
        ("st'op", "STOP"),
        ("Stop´", "STOP"),
        ("opt-out", "OPT OUT"),
        ("Opt_Out", "OPT OUT"),
        ("stop-all", "STOP ALL"),
        ("S.T.O.P.", "STOP"),
        ("s t o p", "STOP"),
        ("un subscribe", "UNSUBSCRIBE"),
        ("STOP STOP STOP", "STOP"),
        ("stop\n\nSent from my iPhone", "STOP"),
        ("Stop. Sent from my Galaxy S24, an AT&T device", "STOP"),
        ("STOP\r\n-- \r\nJ. Doe\r\nSales", "STOP"),
        ("> Your order is ready\n> Reply STOP to end\nSTOP", "STOP"),
        ("STOP\nOn Mon, Nov 2, 2026 at 9:00 AM <x@example.com> wrote:\nYour order is ready", "STOP"),
        ("On Mon, Nov 2, 2026 <x@example.com> wrote:\n> Your order is ready\n\nSTOP", "STOP"),
        ("--\nSTOP", "STOP"),
        ("STOP\n----- Original Message -----\nhello", "STOP"),
        ("Arrêt\nEnvoyé de mon iPhone", "ARRET"),
    ],
)
def test_small_variances_do_not_matter(text, keyword):
    assert keyword_of(text) == (Kind.STOP, keyword)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("🛑", "🛑"), ("✋", "✋"), ("✋🏽", "✋"), ("🚫🚫", "🚫"), ("⛔️", "⛔"), ("stop 🛑", "🛑"),
        ("no more texts 🛑", "🛑"), ("🛑 stop it please", "🛑"),
    ],
)  # fmt: skip
def test_stop_signs_with_up_to_three_words(text, keyword):
    assert keyword_of(text) == (Kind.STOP, keyword)


@pytest.mark.parametrize(
    "text",
    [
        "Cancel my 3 pm", "cancel my appointment please", "Can you stop by at 5?", "the weekend works", "END of month?",
        "Don't stop", "non-stop flight ok?", "front end alignment", "stop by", "remove the item", "when does it end",
        "yes", "y", "no", "ok", "", "   ", "👍", "?", "1", "Sent from my iPhone", "> STOP", "help me", "info please",
        "start over", "restart", "stopwatch", "the stop", "TDs", "Baja California",
    ],
)  # fmt: skip
def test_messages_that_ask_for_nothing(text):
    assert classify(text) == Verdict(Kind.NONE)


@pytest.mark.parametrize("word", ["HELP", "INFO", "AIDE", "AYUDA"])
def test_help_words(word):
    assert keyword_of(f"{word.lower()}?") == (Kind.HELP, word)


@pytest.mark.parametrize("word", ["START", "UNSTOP", "COMMENCER"])
def test_start_words(word):
    assert keyword_of(f" {word.title()}! ") == (Kind.START, word)
    assert classify(word, asked=True).kind == Kind.START


def test_yes_counts_only_when_we_asked():
    assert classify("Yes!") == Verdict(Kind.NONE)
    assert classify("Yes!", asked=True) == Verdict(Kind.START, "YES", Tier.KEYWORD, end=3)
    assert classify("yes please", asked=True) == Verdict(Kind.NONE)
    assert classify("stop", asked=True).kind == Kind.STOP


def test_the_classes_do_not_overlap():
    assert not STOP_WORDS & HELP_WORDS | STOP_WORDS & START_WORDS | HELP_WORDS & START_WORDS


@given(st.text(max_size=200))
def test_any_text_is_judged_and_canonical_form_is_settled(text):
    assert classify(text).kind in Kind
    assert canonical(canonical(text)) == canonical(text)


@given(
    st.sampled_from(sorted(STOP_WORDS)), st.text(" .!?\n\t\"'()*-~", max_size=6), st.text(" .!?\n\t\"'()*", max_size=6)
)
def test_punctuation_around_a_keyword_changes_nothing(word, before, after):
    assert keyword_of(before + word + after) == (Kind.STOP, word)


TWINS = {
    "A": "АΑａ", "C": "Сｃ", "E": "ЕΕé", "I": "ІΙí", "N": "Νñ", "O": "ОΟöø", "P": "РΡ", "S": "Ѕｓ", "T": "ТΤ",
}  # fmt: skip


@given(st.sampled_from(["STOP", "CANCEL", "UNSUBSCRIBE", "REVOKE", "QUIT", "END"]), st.data())
def test_disguises_of_a_keyword_change_nothing(word, data):
    """Case, accents, look-alikes, spacing, punctuation and invisible characters, letter by letter."""
    dress = st.sampled_from(["", "\u0301", "\u200b", "\u00ad"])
    letters = [data.draw(st.sampled_from(c + c.lower() + TWINS.get(c, ""))) for c in word]
    written = "".join(letter + data.draw(dress) for letter in letters)
    assert keyword_of(written) == (Kind.STOP, word)
    assert keyword_of(f"  “{'.'.join(letters)}” !! ") == (Kind.STOP, word)


def test_a_huge_body_is_judged_at_once():
    blank = "\n" * 300_000
    quoted = ["on " * 100_000, "> \n" * 100_000, "-" * 300_000, blank, f"{blank}a>", "sent from my" + " " * 300_000]
    for text in (*quoted, "stop no text a " * 30_000, "not " * 100_000 + "text", "s " * 100_000):
        seconds = timeit.repeat(lambda text=text: classify(text), number=1, repeat=2, timer=process_time)
        assert min(seconds) < 0.5, text[:20]


@pytest.mark.parametrize("text", ["Hi, can you call me tomorrow about the order? Thanks", "please stop texting me"])
def test_classifying_is_fast(text):
    seconds = timeit.repeat(lambda: classify(text), number=1000, repeat=5, timer=process_time)
    assert 1000 / min(seconds) > 20_000
