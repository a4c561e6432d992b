"""Wishes said in a sentence: certain, doubtful, or only sounding like one. Figures on whole sets: `bench optout`."""

import pytest

from compliance.optout_words import Kind, Tier, classify


@pytest.mark.parametrize(
    "text",
    [
        "please stop texting me", "Stop sending these messages to this number", "quit contacting me",
        "dont text me anymore", "don't contact this number again", "NEVER message us again", "no more texts please",
        "I no longer wish to receive texts", "I don't want these texts", "remove me from your list",
        "take my number off your mailing list", "lose my number", "leave me the hell alone", "please opt me out",
        "unsubscribe me from this", "I revoke my consent", "cease and desist", "add me to your do not call list",
        "I said STOP", "not interested, please stop", "stop 2 end", "Stop to quit", "text me again and I'll sue",
        "Thank you but I would like the messages to stop", "my son is 9. stop texting this phone",
        # in other clothes
        "STOPPPP", "st0p texting me", "5top", "s t o p texting me", "S.T.O.P texting me", "plz stahp", "stp texting me",
        "f*cking stop texting me", "rwmove me from list", "stop textign me", "st*p texting me", "ѕтор texting me",
        # French and Spanish, with and without accents
        "no me escriban más", "ya no quiero mensajes", "dejen de mandarme mensajes", "quiero darme de baja",
        "déjenme en paz", "arrêtez de m'envoyer des messages", "arretez de m'ecrire", "je ne veux plus de textos",
        "ne me contactez plus", "retirez-moi de votre liste", "laissez moi tranquille",
    ],
)  # fmt: skip
def test_a_wish_in_a_sentence_is_an_opt_out(text):
    verdict = classify(text)
    assert (verdict.kind, verdict.tier) == (Kind.STOP, Tier.PHRASE), verdict


@pytest.mark.parametrize(
    "text",
    [
        "wrong number", "Sorry, you have the wrong number", "u got the wrong person lol", "wrong # bro",
        "there is nobody here by that name", "this number no longer belongs to her", "not her number anymore",
        "número equivocado", "se equivocó de número", "mauvais numéro",
    ],
)  # fmt: skip
def test_a_wrong_number_is_a_kind_of_its_own(text):
    assert classify(text).kind == Kind.WRONG_NUMBER


def test_who_says_both_has_asked_to_stop():
    assert classify("Wrong number. Stop texting me").kind == Kind.STOP


@pytest.mark.parametrize(
    "text",
    [
        "I need to cancel", "please don't text me after 8", "don't text me, call me", "stop texting my wife",
        "not interested at the moment", "who is this?", "why are you texting me", "how do I get off this list",
        "I will report you to the FCC", "this is harassment", "f off", "I never signed up", "this is not Maria",
        "I gave you the wrong number earlier", "my husband passed away", "enough already", "spam", "🖕",
        "how do i stop these texts", "I'm blocking you", "no me interesa gracias", "stop sending the red ones",
    ],
)  # fmt: skip
def test_doubt_is_for_a_person(text):
    verdict = classify(text)
    assert (verdict.kind, verdict.tier) == (Kind.DOUBT, Tier.REVIEW), verdict


@pytest.mark.parametrize(
    "text",
    [
        "stop by at 5", "don't stop the order", "can you cancel my appointment", "the bus stop", "can't stop laughing",
        "end of the month", "When will this noise end?", "how do I stop the leak?", "stop payment on check 12",
        "I want to quit smoking", "I quit my job last week", "remove the charge from my bill", "please keep texting me",
        "why did you stop texting me", "I didn't get your message", "they never texted me back", "wrong size",
        "not interested in the blue one", "leave me a voicemail", "who is my agent", "who is this for?",
        "please call, no problem if late", "I opted for pickup", "how do I opt out of paper statements?",
        "non-stop flight", "there are no more messages on my voicemail", "spam folder had it", "I can stop at 6",
        "para mañana está bien", "¿cuándo termina la oferta?", "je peux passer demain?", "plus d'informations svp",
        "ok thanks", "what time?", "yes please", "call me at 4", "no thanks", "I'm not sure", "this is not urgent",
    ],
)  # fmt: skip
def test_what_only_sounds_like_a_wish_is_left_alone(text):
    assert classify(text).kind == Kind.NONE, classify(text)


def test_a_verdict_says_what_decided_it_and_where():
    verdict = classify("Hi! I'm busy; please STOP texting me.")
    assert (verdict.keyword, verdict.rule) == ("STOP TEXTING ME", "stop texting")
    assert "HI IM BUSY PLEASE STOP TEXTING ME"[verdict.start : verdict.end] == "STOP TEXTING ME"
