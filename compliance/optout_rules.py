"""Sentences by which a person asks not to be texted, says that the number is another's, or leaves it in doubt.

Rules are written over roles (see `optout_lexicon`), a blank after each; "|" ends a clause, "?" a question:
"Please stop texting me. Who is this?" reads "FILL HALT TEXT ME | WHO AM THIS ? ". In a pattern a name in angle
brackets stands for the roles of `_NAMES`; NOT and BY stand for several (`_SHORT`).

`WISHES` and `WRONG_PARTY` are certain enough to act on. A wish is judged in its surroundings (`standing`): "don't stop
texting me" is none, "stop texting me after 8" is for a person to judge. `DOUBTS` catch what is stop-like otherwise.
"""

import re
from dataclasses import dataclass
from enum import Enum

__all__ = ["DOUBTS", "WISHES", "WRONG_PARTY", "Rule", "Standing", "standing"]

_NAMES = {
    "start": r"(?:^|(?<=[|?] ))",
    "end": r"(?=[|?]|$)",
    "fill": r"(?:(?:FILL|CURSE|YOU|AWAY|STILL) )*",
    "gap": r"(?:(?:FILL|CURSE|YOU|DET|THIS|MY|OF|MORE|WITH|AGAIN|EN|STILL) )*",
    "plain": r"(?:(?:FILL|CURSE|YOU|DET|THIS|MY|OF|MORE|WITH|AGAIN|WANT|TO|BE|GETS|I|CAN|DO|AM|SEND|WHY|KEEP) ){0,5}",
    "few": r"(?:[^|? ]+ ){0,3}",
    "number": r"(?:(?:MY|THIS|DET|HIS|YOU|OF) )*(?:x |PHONE )?(?:NUMBER|NAME|PHONE) ",
    "me": r"(?:(?:AT|TO|BY|OF|WITH) )?(?:ME|HERE|(?:(?:MY|THIS|DET|HIS) )*(?:PHONE )?(?:NUMBER|PHONE)) ",
    "list": r"(?:(?:OF|TO|BY|OUT|OFF|THIS|YOU|DET|MY|HIS|CURSE|FILL) )*(?:(?:x|v|CONTACT|CALL|TEXT) )?(?:LIST|SERVICE|TEXT|STUFF|SPAM|CALL) ",
    "reach": r"(?:TEXT|CONTACT|BUG|SPAM|REACH OUT|REACH BY|REACH) ",
    "gets": r"(?:GETS|TAKE) ",
    "news": r"(?:TEXT|STUFF|SPAM) ",
    "wrong": r"WRONG (?:PHONE )?(?:NUMBER|PERSON) (?:NUMBER )?",
    "aside": r"(?:<fill>(?=[|]|$)|(?=(?:FILL|I|CURSE|THIS|ISNT|THEY|YOU|MY|BUT|REMOVE|HALT) ))",
    "displeased": r"(?:NOT|DIDNT|NO|SPAM|TEXT|INTERESTED|WHO|WRONG|ENOUGH|HARASSMENT|SICK|CONTACT|REMOVE|LAW|REPORT) ",
    "threat": r"(?:REPORT|COMPLAINT|LAW|LAWYER|BLOCK|HARASSMENT) ",
    "x": r"[xv9] ",
}

_SHORT = {"NOT": "(?:ISNT|DONT|NEVER)", "BY": "(?:BY|IN|AT)"}


def _compiled(pattern: str) -> "re.Pattern[str]":
    while name := re.search(r"<([a-z]+)>", pattern):
        pattern = pattern.replace(name[0], _NAMES[name[1]])
    for short, roles in _SHORT.items():
        pattern = re.sub(rf"\b{short}\b", roles, pattern)
    return re.compile(r"(?<![^ ])(?:" + pattern + ")")


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` says in a few words what was heard; `needs`: roles of which one must be there for it to match."""

    name: str
    needs: frozenset[str]
    pattern: "re.Pattern[str]"


def _rules(*rules: tuple[str, str, str]) -> tuple[Rule, ...]:
    return tuple(Rule(name, frozenset(needs.split()), _compiled(pattern)) for name, needs, pattern in rules)


# --- What surrounds a wish ---


class Standing(Enum):
    """How a wish stands in its sentence."""

    FIRM = "firm"
    DOUBTFUL = "doubtful"
    NONE = "none"


# "don't stop", "I can't stop", "why did you stop", "I will stop", "keep ... ": no wish at all.
_denied = re.compile(
    r"(?<![^ ])(?:(?:ISNT|DONT|NEVER|DIDNT|CANT) (?:(?:FILL|YOU|TO|WANT|AGAIN|ASK|SAY|CURSE|LET) )*"
    r"|(?:WHY )?DO (?:YOU |THEY )(?:FILL )*|KEEP )$"
)
# "when I stop", "I will stop"
_own_act = re.compile(r"(?<![^ ])(?<!DO )(?:I|THEY) (?:(?:FILL )*(?:CAN|GO) (?:(?:FILL|GO|TO) )*)?$")
# "when does it end", "will this noise stop", "the bus stop", "rear end": a thing's end.
_of_things = re.compile(
    r"(?<![^ ])(?:(?:DO|WHEN|CAN|HOW|WHO) (?:[^|? ]+ )*(?:[xv9]|IT|THIS|BEFORE|LIST|NUMBER|PHONE) "
    r"|(?:DET|MY) (?:[xv9] )?|ONE )$"
)
_noun = re.compile(r"(?<![^ ])[xv] $")  # "bus stop", "rear end"
# "how do I stop", "when will you stop", "is there a way to stop", "if you stop".
_asked = re.compile(r"(?<![^ ])(?:HOW|WHEN|WHY|WHO|AM THIS|AM x|AM THERE) (?:(?!BUT |FILL )[^|? ]+ ){0,6}$")
# "after 8", "at work", "but call me", ", call me", "use the other": a preference of hour or way.
_bounded = re.compile(
    r"(?:[^|? ]+ ){0,6}?(?:BEFORE (?!I |TO )|BUT )"
    r"|(?:[^|? ]+ ){0,4}?(?:[|?] )?(?:FILL |BUT )*(?:CALL|TEXT|CONTACT|SEND) (?:ME (?!AGAIN)|BUT )"
    r"|(?:\S+ ){0,6}?(?:USE|KEEP) "
)
# "stop texting my wife", "don't send the invoice".
_of_others = re.compile(
    r"(?:HIS |WITH (?:(?:DET|MY) )*[xv] |THEY |(?:(?:MY|DET) )+(?:x|9|PERSON|KIN) (?!NUMBER|PHONE|TEXT|LIST))"
)
_threat = re.compile(r"(?<![^ ])(?:REPORT|COMPLAINT|LAW|LAWYER|BLOCK|HARASSMENT) ")


def standing(roles: str, start: int, end: int) -> Standing:
    """Of the wish at roles[start:end]."""
    clause = max(roles.rfind("|", 0, start), roles.rfind("?", 0, start)) + 1
    before, after = roles[clause:start].lstrip(), roles[end:]
    if _denied.search(before):
        return Standing.DOUBTFUL if _threat.search(roles) else Standing.NONE
    if roles.startswith(("HALT ", "END "), start) and _is_no_order(roles, start, before):
        return Standing.NONE
    if roles.startswith("NO MORE ", start) and before.endswith(("AM ", "HAS ", "LET ")):
        return Standing.NONE
    if _of_others.match(after):
        return Standing.DOUBTFUL
    if (_asked.search(before) or _bounded.match(after)) and not _threat.search(roles):
        return Standing.DOUBTFUL
    return Standing.FIRM


def _is_no_order(roles: str, start: int, before: str) -> bool:
    """Whether this "stop" or "end" is a noun, a thing's end or something the person does."""
    if _of_things.search(before) or _own_act.search(before):
        return True
    goes_on = roles.startswith("END ", start) or re.match(r"HALT (?:[xv9]|BY|IN|AT|WHEN|AM|OR) ", roles[start:])
    return bool(goes_on and _noun.search(before))


# --- Wishes ---

WISHES = _rules(
    # stop; stop texting me, quit bothering us, cease all contact, stop with the messages
    ("stop", "HALT", r"^(?:(?:FILL|CURSE|YOU CAN|CAN YOU FILL|REPLY) )*HALT (?:IT )?(?:(?:FILL|CURSE|YOU|HALT|IT FILL|AGAIN|AWAY|HAS|[|]) )*$"),
    ("stop", "HALT", r"<start>(?:(?:FILL|CURSE|YOU CAN) )*HALT <fill>[|] (?=.*<displeased>)"),
    ("stop", "HALT", r"<displeased>(?:[^|? ]+ )*[|?] (?:(?:FILL|CURSE|YOU CAN|[|?]) )*HALT <fill>(?=[|]|$)"),
    ("stop", "END REMOVE", r"^(?:END|REMOVE) $"),
    ("stop texting", "HALT NEARLY", r"(?:HALT|NEARLY) (?:IT )?<gap>(?:CALL (?:OR |FILL )?)?(?:TO |ME |<gets><gap>)?<reach>(?:<me>)?"),
    ("stop sending", "HALT", r"HALT <gap>SEND (?:(?:ME|THIS|YOU|OF|MORE|DET|MY|TO|FILL|CURSE|HIS) )*<news>"),
    ("stop sending", "HALT", r"HALT <gap>SEND (?:(?:ME|TO|FILL) )*(?:(?:THIS|IT|ME) (?:(?:TO|BY) )?(?:<me>)?<fill>)?<end>"),
    ("stop sending", "HALT", r"HALT <gap>SEND (?:ME )?(?:THIS|IT) (?:TO |BY )(?:<me>|MY )"),
    ("stop calling", "HALT", r"HALT <gap>CALL (?:<me>|AGAIN |<end>)(?!BUT)"),
    ("stop the texts", "HALT", r"HALT (?:IT )?<gap>(?:x )?<news>"),
    ("stop reaching out", "HALT", r"HALT (?:FILL |CURSE )*REACH (?:ME BY|BY (?:MY )?NUMBER|ME|OUT|BY) "),
    ("end the texts", "END HALT", r"(?:END|HALT) <gap>(?:SERVICE (?:TO|OF|BY) <gap>)?(?:TEXT (?!ME)|STUFF |SPAM )"),
    ("stop this service", "HALT", r"HALT THIS SERVICE <fill><end>"),
    ("dejen de escribir", "QUITDE PARA", r"(?:QUITDE|PARA) OF (?:ME |OF )*(?:TEXT|CONTACT|BUG|CALL|SEND) "),
    ("para ya", "PARA", r"^PARA FILL (?:FILL )*$"),
    ("the texts must stop", "TEXT STUFF", r"(?:TEXT|STUFF) (?:NUMBER )?(?:(?:FILL|CAN|WANT|TO|HAS) )*(?:HALT|END) <fill><end>"),
    ("want it to stop", "WANT LET", r"(?:WANT|LET) (?:(?:THIS|IT|DET|YOU|MY) )*(?:TEXT|STUFF) (?:TO )?(?:HALT|END) |TEXT (?:[^|? ]+ ){0,6}WANT (?:THIS|IT) TO (?:HALT|END) "),
    ("stop to end", "HALT", r"<start>(?:ASK )?HALT (?:TO|9) (?:HALT|END|UNSUB|OPT OUT) "),
    ("said stop", "ASK SAY", r"(?:I|9|BEFORE|AGAIN|FILL|HAS|LET|TO) (?:ASK|SAY) (?:(?:YOU|FILL|TO|BEFORE|9|CURSE|DET) )*(?:HALT|UNSUB) (?:x )?(?:IT |<reach>|(?:9 |FILL )*<end>)"),
    # don't text me, never contact this number again, do not ever message us
    ("don't text", "ISNT DONT NEVER", r"(?<!THEY )(?<!WHO )(?<!I )(?<!YOU (?=NEVER))(?:DO )?NOT (?:(?:FILL|CURSE|AGAIN|BE|YOU|x(?= TEXT ME AGAIN)) )*(?:CALL (?:OR |FILL )?)?<reach>(?!YOU|BACK)(?:OR (?:TEXT|CALL|CONTACT) )?(?:<me>|AGAIN |MORE |<fill><end>)"),
    ("don't call or text", "ISNT DONT NEVER", r"NOT (?:(?:FILL|CURSE|AGAIN) )*CALL OR (?:TEXT|CONTACT) (?:<me>|AGAIN |<fill><end>)"),
    ("don't call again", "ISNT DONT NEVER", r"NOT (?:(?:FILL|CURSE|AGAIN) )*CALL (?:<me>)?(?:BY <me>)?<fill>AGAIN "),
    ("never call this number", "NEVER", r"NEVER CALL THIS (?:NUMBER|PHONE) "),
    ("don't send", "ISNT DONT NEVER", r"NOT (?:(?:FILL|CURSE|AGAIN) )*SEND (?:ME )?(?:(?:DET|MORE|OF|THIS|YOU|CURSE|x(?= TEXT )) )*<news>"),
    ("do not solicit", "BUG", r"(?:NOT|NO) BUG <fill><end>"),
    ("rather not", "ISNT", r"(?:CAN YOU (?:CAN )?|WANT (?:IT )?(?:WHEN )?(?:YOU )?(?:TO )?)NOT (?:TO )?(?:BE )?(?:<gets><gap>)?(?:TEXT|CONTACT|BUG|TOLD) "),
    # I don't want your texts, I no longer wish to receive, no quiero recibir, je ne veux plus
    ("don't want texts", "WANT", r"(?:NOT|NO AGAIN|NO MORE) (?:(?:FILL|CURSE|AGAIN|MORE|TO) )*WANT (?:(?:TO|FILL|NO(?= MORE)|MORE|DET|BE|GETS|TAKE|HEAR|YOU|THIS|OF|MY|CURSE|SEND|AGAIN|x(?= TEXT)) )*(?:TEXT|CONTACT|BUG|STUFF|SPAM|TOLD) "),
    ("no quiero mensajes", "QUIERO", r"(?:NO|NOT) (?:(?:FILL|MORE) )*QUIERO (?:(?:MORE|DET|GETS|THIS|OF|MY|YOU|BE|SEND|x(?= TEXT)|x(?= ME TEXT)|ME) )*(?:TEXT|CONTACT|BUG|STUFF|SPAM|TOLD) "),
    ("don't want calls or mails", "WANT QUIERO", r"(?:NOT WANT|(?:NO|NOT) QUIERO) (?:TO )?(?:GETS )?(?:(?:DET|OF|YOU) )*MORE (?:OF )?(?:YOU )?CALL "),
    ("don't want to hear", "HEAR", r"(?:NOT|NO AGAIN) (?:FILL |CURSE )*WANT (?:TO )?HEAR OF YOU "),
    ("don't want to receive", "GETS", r"(?:NOT|NO AGAIN) (?:FILL |CURSE )*WANT (?:TO )?<gets>(?:(?:THIS|MORE|AGAIN|IT|DET) )+<fill><end>"),
    ("don't want to be listed", "LIST", r"NOT WANT (?:TO )?(?:BE )?(?:BY |HERE )<list>"),
    ("no longer", "AGAIN", r"NO AGAIN (?:WANT |CAN |x )?(?:TO )?(?:<gets>|BE )?<gap>(?:TEXT|CONTACT|BUG|STUFF|TOLD) "),
    ("no longer receive", "AGAIN", r"NO AGAIN (?:WANT (?:TO )?)?<gets>(?:(?:THIS|MORE|IT|DET) )+<fill><end>"),
    ("no more texts", "MORE", r"NO MORE <gap>(?:SEND )?(?:x (?=TEXT))?(?:TEXT|STUFF|SPAM|CONTACT|BUG) "),
    ("no need for more texts", "MORE", r"NO WANT (?:BY |OF )(?:DET )?MORE (?:OF )?<gap>(?:TEXT|STUFF|SPAM) "),
    ("no manden mensajes", "NO", r"NO (?:ME )?(?:TEXT|SEND) (?:ME )?MORE |NO TEXT TEXT <fill><end>"),
    ("no texts please", "NO", r"<start>(?:FILL )*NO (?:TEXT|CONTACT|SPAM|BUG) (?:ME )?(?:OR CALL )?FILL <fill><end>"),
    ("plus de messages", "MORE", r"<start>(?:FILL )*MORE OF (?:TEXT|STUFF) "),
    ("no me escriban", "NO ISNT DONT", r"(?:NO|NOT) (?:FILL )*(?:ME|LO) (?:(?:ME|FILL|SIGAN|DET|TO|BE) )*(?:TEXT|CONTACT|BUG|SEND) "),
    ("ne plus écrire", "ISNT", r"NOT MORE (?:ME )?(?:TEXT|CONTACT|BUG) "),
    ("nunca me escriban", "NEVER", r"NEVER ME (?:TEXT|CONTACT|SEND) "),
    ("basta de mensajes", "ENOUGH", r"ENOUGH (?:FILL )*(?:OF|WITH) <gap><news>"),
    # remove me, take my number off your list, lose my number, déjame en paz
    ("remove me", "REMOVE", r"REMOVE <fill>(?:ME |<number>)(?:<fill><end>|<list>|(?:OF|TO) (?:<gap>)?(?:x )?<end>|AGAIN |ASK )"),
    ("have me removed", "REMOVED", r"(?:WANT|ASK|FILL|LET|CAN I) (?:TO )?(?:ME )?(?:BE )?REMOVED (?:<list>|OFF (?:THIS )?<end>|<fill><end>)|(?:WANT|LET) (?:MY|THIS) (?:NUMBER|NAME) (?:BE )?REMOVED "),
    ("don't use my number", "USE", r"NOT USE (?:MY|THIS) NUMBER "),
    ("take me off", "TAKE", r"TAKE <fill>(?:ME |<number>)(?:(?:OFF|OUT|OF)(?: OF)? <list>|OFF (?:OF )?(?:THIS |DET )?(?:<fill><end>|AGAIN ))"),
    ("quítenme", "REMOVE", r"(?:ME )?REMOVE (?:ME )?OF <list>"),
    ("lose my number", "LOSE", r"LOSE (?:THIS |MY |HIS |DET )+(?:CURSE )?NUMBER "),
    ("leave me alone", "ALONE BE", r"(?:LEAVE ME|LET ME(?= ALONE| BE <fill><end>)) (?:(?:FILL|CURSE|DET|YOU) )*(?:ALONE|BE <fill><end>) ?"),
    ("déjame en paz", "LEAVES", r"LEAVES (?:ME )?(?:EN |DET |TO )*PEACE "),
    # unsubscribe me, I'd like to opt out, quiero darme de baja
    ("unsubscribe", "UNSUB", r"(?:<start>(?:FILL )*|(?:WANT|ASK)(?: TO)?(?: BE)? |FILL |CAN YOU |LET |QUIERO )(?:ME )?UNSUB (?:ME |MY NUMBER |THIS NUMBER |DET <end>)?(?:OF <list>|OF (?:(?:THIS|IT|YOU|DET) )*<end>|<fill><end>|AGAIN )"),
    ("opt out", "OPT", r"(?:<start>(?:FILL )*|(?:WANT|ASK)(?: TO)? (?:BE )?|FILL |CAN YOU (?:FILL )*)OPT (?:ME |THIS NUMBER )?OUT (?:OF <list>|OF <gap><end>|<fill><end>)"),
    ("darme de baja", "BAJA", r"GIVE (?:ME )?OF BAJA "),
    # I revoke my consent, you have no permission to text me
    ("revoke consent", "REVOKE", r"REVOKE <gap>CONSENT "),
    ("no permission to text", "CONSENT", r"(?:NOT|NO) (?:HAS |LET |AM |FILL )*<gap>CONSENT (?:TO|BY|OF) (?:(?:GETS|BE|FILL|YOU|THIS|x(?= TEXT)) )*(?:TEXT|CONTACT|SEND|CALL) "),
    ("do not call list", "CALL TEXT CONTACT", r"(?:DO )?NOT (?:CALL|TEXT|CONTACT) (?:LIST|REGISTRY) "),
    ("add me to do not call", "CALL", r"ME (?:TO|BY) <gap>(?:DO )?NOT (?:CALL|TEXT|CONTACT) "),
    ("do not contact list", "DNC", r"(?:ME (?:TO|BY|OF) <gap>|<start>(?:FILL )*)DNC (?:LIST |<fill><end>)"),
    ("cease and desist", "HALT", r"HALT FILL HALT (?:<end>|<gap>(?:TEXT|CONTACT|BUG|CALL|SEND) )"),
    # what will happen on the next text
    ("text me again and", "AGAIN ONE", r"(?:TEXT|CONTACT|BUG|SEND|CALL) <me>(?:AGAIN|ONE MORE x) .*<threat>"),
    ("or I report you", "WHEN", r"<threat>.*WHEN (?:YOU |THIS )*(?:NOT HALT|(?:TEXT|CONTACT|BUG|CALL) (?:ME|AGAIN)) "),
    ("block me", "BLOCK", r"<start>(?:FILL )*BLOCK (?:ME|THIS NUMBER|MY NUMBER) (?:<fill><end>|<list>)"),
    ("want out", "OUT", r"WANT OUT OF <list>"),
)  # fmt: skip

# --- The wrong party ---

WRONG_PARTY = _rules(
    ("wrong number", "WRONG", r"<start>(?:(?:FILL|CURSE|DET|BY|NO|THIS|AM(?! THIS)|YOU|NOT|MY|NAME|THIS NUMBER) )*<wrong><aside>"),
    ("you have the wrong number", "WRONG", r"(?<!GAVE )(?<!DO )YOU (?:(?!GAVE)[^|? ]+ ){0,2}?(?:LET|HAS|GOT|GETS|TAKE|CAN|TEXT|TOLD|REACH|CALL|CONTACT|SEND) (?:[^|? ]+ ){0,3}?<wrong><aside>"),
    ("número equivocado", "WRONG", r"<start><fill>(?:NUMBER|PERSON) WRONG "),
    ("se equivocó", "WRONG", r"<start>(?:x |YOU )*WRONG OF NUMBER "),
    ("nobody by that name", "NAME", r"(?:NOBODY|NO ONE|NO|NOT PERSON) (?:(?:HERE|x|v|AM) ){0,2}(?:BY|WITH|OF) THIS NAME "),
    ("no longer their number", "NUMBER", r"NO AGAIN (?:x|HIS) NUMBER |NUMBER (?:x |FILL )*(?:NOT|NO AGAIN) BELONG "),
    ("not their number", "HIS", r"(?:NOT|NO AGAIN) HIS (?:x )?NUMBER "),
)  # fmt: skip

# --- Doubt ---

DOUBTS = _rules(
    ("stop", "HALT", r"HALT <fill>(?:IT|THIS|HERE|AGAIN|TO HALT|OR|WITH|<end>|(?:x|v|9) (?:ME|MY NUMBER|THIS NUMBER)|<gap>(?:SERVICE|SEND|TEXT|CALL|CONTACT|SPAM|STUFF|NUMBER|BUG|REACH|LIST|ALONE|GETS|I )|[|?]|WHEN|BEFORE|HALT|REMOVE|NOT)"),
    ("cancel", "END", r"END <fill>(?:IT|THIS|ME|<end>|<gap>(?:SERVICE|SEND|TEXT|CALL|CONTACT|SPAM|STUFF|LIST)|HALT|REMOVE|AGAIN)"),
    ("remove", "REMOVE NEARLY", r"REMOVE <fill>(?:IT|THIS|ME|<end>|<gap>(?:NUMBER|NAME|LIST|TEXT|CONTACT))|NEARLY MY NUMBER"),
    ("removed", "REMOVED", r"REMOVED (?:OFF|OF (?:(?:YOU|THIS|DET|MY) )*LIST)|(?:I|ME|BE) (?:AM |BE )?REMOVED "),
    ("not ... me again", "ISNT DONT NEVER", r"NOT (?:x|v) ME AGAIN "),
    ("no longer a customer", "CUSTOMER", r"(?:NO AGAIN|ISNT) (?:DET |YOU )*CUSTOMER "),
    ("take off", "TAKE", r"TAKE <fill>(?:ME |<number>|THIS )<fill>(?:OFF|OF LIST|OUT OF|AGAIN)"),
    ("unsubscribe", "UNSUB", r"UNSUB "),
    ("opt out", "OPT", r"OPT (?:\S+ )?OUT (?!OF <gap>x )"),
    ("turn off texts", "TURN", r"TURN (?:OFF |OUT )?(?:(?:THIS|DET|OF|MY|YOU) )*(?:TEXT|STUFF|LIST|SPAM) |TURN (?:THIS|TEXT|IT) OFF "),
    ("out of my phone", "OUT OFF", r"(?:OUT|OFF) (?:OF )?MY (?:PHONE|x) (?:FILL )*<end>"),
    ("still texting", "STILL", r"STILL (?:AM )?(?:GETS|TEXT|SEND|CONTACT|BUG|CALL) "),
    ("registry", "REGISTRY SIGNUP", r"(?:BY|OF|WITH) (?:DET |x |NO |YOU )*REGISTRY |SIGNUP BY DO NOT "),
    ("consent gone", "CONSENT", r"(?:BACK|GONE|NO) (?:MY )?CONSENT |CONSENT (?:AM )?(?:GONE|x) <end>"),
    ("somebody else", "SOMEBODY", r"(?:SOMEBODY (?:SOMEBODY )?(?:HAS|LET|GOT) (?:THIS|DET) NUMBER|THIS AM SOMEBODY )"),
    ("idk who", "IDK", r"IDK (?:(?:WHO|THIS|YOU|AM|WHY|DET|x|NO) )+<end>"),
    ("who is that", "WHO", r"^(?:FILL )*WHO (?:AM )?x (?:x )?[?| ]*$"),
    ("no sigan", "SIGAN", r"NO SIGAN "),
    ("run together", "GLUED", r"GLUED "),
    ("an end and a text", "HALT END REMOVE REMOVED TAKE ISNT DONT NEVER NO OFF ENOUGH", r"(?:HALT|END|REMOVE|REMOVED|TAKE OFF|NOT|NO|OFF|ENOUGH) (?:(?!GOT|GETS|SENT|HEAR|LOST|LOSE|BACK|OTHER|KNOW|BUT|HALT)[^|? ]+ ){0,5}?(?:TEXT|CONTACT|BUG|LIST|SEND ME|(?:MY|THIS) (?:NUMBER|PHONE)) (?!BACK)"),
    ("stop, you", "HALT", r"^(?:FILL )*HALT (?:YOU )?(?:x|IT) <end>"),
    ("can you not", "CAN", r"CAN YOU ISNT <end>"),
    ("you are bothering me", "BUG", r"YOU (?:AM )?(?:KEEP )?BUG ME "),
    ("number", "NUMBER LIST", r"(?:NO AGAIN|ISNT|NO|NOT) (?:[^|? ]+ ){0,3}?(?:THIS|(?:DET )?FILL|DET x) (?:NUMBER|PERSON) |(?:AWAY|TAKE x OF|x OF) MY NUMBER |REMOVED (?:\S+ )?NUMBER |NO AM (?:DET|MY) NUMBER "),
    ("not texts", "TEXT", r"NOT [xv] (?:(?:DET|MORE|YOU|THIS|MY) )*TEXT (?:<fill><end>|BY )|[xv] WITH (?:DET |THIS )*TEXT "),
    ("revoke", "REVOKE CONSENT", r"CONSENT (?:AM |HAS )?REVOKE |REVOKE (?!(?:OTHER )?<gap>(?:OTHER )?<x>)"),
    ("no consent", "CONSENT", r"(?:NOT|DIDNT|NO|CANT) <few>CONSENT (?!x )"),
    ("no texts", "TEXT CONTACT BUG SEND", r"(?:NOT|NO|WHY|ENOUGH|SICK|MANY|WRONG) <plain>(?:TEXT|CONTACT|BUG|SEND (?:ME|STUFF|(?:THIS|IT) (?:x )?(?:<end>|TO (?:ME|THIS)))) ?(?!BACK|OTHER|DET OTHER)"),
    ("texts, enough", "TEXT CONTACT STUFF", r"(?:TEXT|STUFF|CONTACT) (?:ME |AM |FILL |YOU |THIS )*(?:SICK|MANY|ENOUGH|HARASSMENT|SPAM) "),
    ("if you text", "WHEN", r"WHEN (?:YOU |FILL )*(?:TEXT|CONTACT|CALL|BUG|SEND) (?:ME )?AGAIN "),
    ("why text", "WHY KEEP", r"(?:WHY|(?<!FILL )(?<![|?] )KEEP) (?:(?:AM|DO|YOU|I|FILL|CURSE|ME) )*(?:GETS|TAKE (?:THIS|DET|TEXT|YOU)|TEXT|SEND|CONTACT|CALL|BUG|SPAM) "),
    ("no more", "MORE AGAIN", r"<start><fill>(?:NO MORE|NO AGAIN|NOT AGAIN) (?:OF )?(?:<fill>|THIS |STUFF )<end>"),
    ("don't want this", "WANT", r"(?:NOT|NO AGAIN) (?:AGAIN |FILL )*WANT (?:TO )?(?:GETS |BE )?(?:(?:THIS|IT|DET|MORE|OF) )*(?:AGAIN |<fill><end>)"),
    ("not interested", "INTERESTED", r"(?:NOT|NO|CANT|AGAIN) (?:\S+ ){0,2}?INTERESTED (?!IN (?:DET |THIS |MY )*[xv] |IN DET |TO )"),
    ("enough", "ENOUGH", r"<start><fill>(?:IT )?ENOUGH (?:<fill><end>|AM ENOUGH|HAS |AGAIN |WITH |OF )"),
    ("leave alone", "LEAVE LEAVES", r"(?:LEAVE|LEAVES) (?!IT)(?:\S+ ){1,3}(?:ALONE|PEACE) |LET ME BE <end>"),
    ("plus rien", "MORE", r"^MORE IT (?:FILL )*$"),
    ("no follow-up", "REACH", r"NOT REACH (?:BY |OUT |WITH |TO |ME )+|NO REACH (?:BY |OUT )"),
    ("go away", "CURSE SCREW SHUT GO BUZZ BACK TAKE GIVE", r"(?:GO AWAY|TAKE LOST|SCREW|SHUT (?:UP|BY|DET CURSE UP)|CURSE (?:YOU|OFF)|(?:BUZZ|BACK) (?:IT )?(?:OFF|OUT)|GO TO CURSE|BUZZ IT|GIVE (?:IT|ME) DET REST|<start><fill>(?:x|BUG) OFF <end>|SHUT IT) ?"),
    ("complaint", "REPORT", r"REPORT (?:YOU|(?:THIS |MY )NUMBER|TO MY|(?:THIS |IT |MY |DET |x |SPAM )*(?:TO (?:DET )?(?:LAW|LAWYER)|SPAM))|<start><fill>REPORT (?:x )?<end>"),
    ("complaint", "COMPLAINT", r"(?:I|v|x|DET) COMPLAINT (?:WITH|TO|BY|<end>)"),
    ("law", "LAW", r"LAW "),
    ("lawyer", "LAWYER", r"(?:MY|DET|I) LAWYER <fill>(?:CAN |BE )*(?:CONTACT|CALL|BE|HEAR)|(?:CALL|CONTACT|HEAR OF|TO|x WITH) (?:MY|DET) LAWYER "),
    ("harassment", "HARASSMENT", r"HARASSMENT "),
    ("spam", "SPAM", r"SPAM (?!x )"),
    ("blocked", "BLOCK", r"(?:<start><fill>|I (?:\S+ )?)BLOCK (?:<end>|<fill><end>|YOU|THIS|IT|ME|FILL)|BLOCK (?:ME|YOU|THIS NUMBER) |BLOCK <few>TEXT "),
    ("do not disturb", "DNC MUTE", r"DNC |<start><fill>MUTE (?:<fill><end>|<gap>(?:TEXT|STUFF|THIS|IT))|MUTE (?:THIS|ME) "),
    ("never signed up", "SIGNUP", r"(?:NOT|DIDNT|NO|CANT) (?:x |FILL )?SIGNUP "),
    ("never asked", "ASK", r"(?:NOT|DIDNT) ASK (?:BY |YOU |TO BE |OF )"),
    ("never gave", "GAVE GIVE", r"(?:NEVER|DIDNT) (?:GAVE|GIVE) "),
    ("sick of this", "SICK", r"SICK (?:OF|WITH) (?:DET |CURSE )*(?:THIS|YOU|IT|TEXT|GETS|SPAM|STUFF|BE) |(?:THIS|YOU) (?:TEXT )?(?:AM )?(?:FILL )*SICK <end>"),
    # who are you, and whose number is this
    ("wrong party", "WRONG", r"(?:<wrong>|WRONG (?:NAME|PHONE) |WRONG OF NUMBER |(?<!x )(?<!DET )NUMBER (?:AM )?WRONG |<start>(?:x |YOU )*WRONG <end>)(?!OF DET )"),
    ("wrong, I am not", "WRONG", r"WRONG [|] NO "),
    ("who is this", "WHO", r"<start>(?:(?:FILL|9|NEW|PHONE|NUMBER|CURSE|I NOT KNOW|BUT|[|]) ){0,5}WHO (?:AM |DET |CURSE )*(?:THIS|YOU)? ?<fill>(?:AM |YOU )?(?:FILL |AGAIN |I TEXT )*<end>|<start><fill>WHO AM YOU "),
    ("whose text is this", "WHO HOW WHEN", r"(?:WHO|HOW|WHEN) (?:\S+ ){0,3}?(?:TAKE|GOT|GAVE|GETS) (?:YOU )?(?:MY |THIS )NUMBER |WHO GAVE "),
    ("don't know you", "KNOW", r"(?:NOT|NO) KNOW (?:HIS <end>|WHO (?:AM )?(?:THIS|YOU)|YOU <end>|WHY (?:I|YOU) |TO (?:THIS|PERSON)|(?:THIS |DET )*PERSON|DET x OF THIS NAME|DET x <end>)|DO I KNOW YOU "),
    ("never heard of", "HEAR", r"NEVER HEAR OF (?!YOU BACK|DET )"),
    ("not that person", "ISNT NO", r"<start><fill>(?:(?:I AM|I|THIS AM|THIS|IT|AM|THEY) )?(?:ISNT|NO AGAIN|NO) (?:AM )?(?:HIS|ME|BY ME|(?:DET|THIS) PERSON|MY NAME) (?:<fill><end>|YOU )"),
    ("not of that name", "ISNT NO", r"<start><fill>(?:(?:I|THIS|THIS NUMBER|MY NAME) (?:AM )?(?:ISNT|NO AGAIN)|NO AM|ISNT) x (?:x |NUMBER |AGAIN )?<fill>(?:<end>|I )"),
    ("nobody here", "HERE NAME NUMBER", r"(?:NO|NOBODY|NO ONE|ISNT ONE) (?:[^|? ]+ ){0,2}(?:HERE|(?:BY|WITH) THIS (?:NUMBER|NAME|x)) "),
    ("gone", "GONE", r"(?:HIS|THEY|KIN|HAS|x) (?:AM |HAS )?GONE AWAY |(?:THEY|KIN|(?:HIS|x) AM|THEY HAS) GONE (?:<end>|BEFORE|BY|x)"),
    ("not my number", "NUMBER PHONE", r"ISNT (?:MY|HIS|YOU|x) (?:NUMBER|PHONE) |NOT (?:LET|HAS|x|BELONG)? ?(?:TO )?THIS NUMBER |NUMBER (?:HAS |AM )?(?:CHANGED|ISNT)"),
    ("number is new", "GOT TAKE NEW", r"(?:GOT|TAKE|NEW (?:TO|WITH)) (?:DET )?THIS (?:NUMBER|PHONE) "),
    ("off the list", "LIST", r"(?:OFF|OUT|WHY|HOW|NOT|NO) (?:(?!x|v)[^|? ]+ ){0,5}?LIST "),
    ("forget me", "LOSE", r"<start><fill>LOSE (?:BY )?(?:ME|IT|THIS|YOU LET THIS NUMBER) |LOSE <gap>NUMBER "),
    ("want out", "OUT", r"(?:WANT|TAKE ME|LET ME) OUT (?:<fill><end>|OF THIS)"),
)  # fmt: skip
