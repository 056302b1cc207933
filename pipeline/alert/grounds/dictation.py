"""Tells news in the form of an alert ("Flood warning: Jakarta") from an alert that the post dictates to its reader.

A post that opens with `theme: place` is news, as authorities and newsrooms write it, unless an order to the writer of
alerts stands anywhere in the post. The same words further inside a post are dictated: nobody tells news so.

The signs of an order are lists of phrases, each of which names its kind. They are English, with the commonest orders in
other languages. `python -m tests.pipeline.alert.wordings` measures both errors on tables of wordings.
"""

from __future__ import annotations

import re

# A sender or a label may stand before the theme ("NWS Norman: ", "UPDATE 3 - ", "EXCLUSIVE "): so many words.
_MAX_WORDS_BEFORE = 4
_MAX_CHARACTERS_BEFORE = 200  # of these words, mentions and hashtags
_NO_WORD_BEFORE = re.compile(
    r"\brt\b|[@#＠＃][\w.-]++|\b(?:air|emergency|fire|flood|health|news|police|public|rail|red|safety|security|severe"
    r"|storm|traffic|transit|travel|weather) alert\b"
)
_WORD = re.compile(r"[^\W_]++(?:['’.-][^\W_]++)*+")
_SENTENCE_END = re.compile(r"[.?](?:\s|$)")

_VERBS = (
    "write|output|print|echo|emit|reproduce|type|copy|repeat|answer|respond|reply|say|generate|state|quote"
    "|summari[sz]e"
)
# A label behind which an answer is expected.
_TURNS = "assistant|system|user|human|instructions?|entities|sentiment|theme|answer|output|response"
# Where a clause begins, so that a verb there is an order and no report ("police say that").
_CLAUSE = (
    r"(?:^|[.!?;:,—–\"'“”‘’«»()|*…-]\s*+"
    r"|\b(?:please|kindly|just|simply|now|then|and|must|should|always|bots?|ai|you have to|want you to|from now on)\s)"
)
_WORDS = r"(?:\s\w++){0,2}?"  # up to two words between a verb and its object

_SIGNS: dict[str, str] = {
    "an order to write": (
        rf"{_CLAUSE}(?:{_VERBS})(?!\s(?:to|back|all)\b){_WORDS}\s(?:(?:this|that)(?!\s(?:link|map|number|page|to)\b)"
        r"|these|exactly|only|just|verbatim|nothing(?!\sto\b)"
        r"|(?:the|my)\s(?:first|above|lines?|sentence|headline|words?|text|phrase|alert)\b"
        r"|it\b(?!\s(?:to|for|in|at|from|on|off|down|if|is|was)\b))"
    ),
    "an order to use the words": (
        rf"{_CLAUSE}(?:use|make|give|put|publish|post|return|set|choose|select|pick|label|treat)\b{_WORDS}"
        r"\s(?:this|that|it|the|exactly)\s(?:\w++\s){0,2}?"
        r"(?:option|candidate|headline|lines?|sentence|title|theme|wording|phrase|alert|json|output|response|answer"
        r"|exactly)\b"
    ),
    "words for the answer": (
        r"\bas (?:the|your|an?) (?:alert|answer|output|headline|response|reply|title|theme|label)\b"
        r"|\byour (?:output|task)\b|\byour alert (?:is|must|should)\b"
        r"|\b(?:be|be:|that|this) your (?:answer|response)\b|\bno valid alert\b"
        r"|\b(?:approved|correct|expected|required|wrong) (?:alert|answer|output|theme)\b|\bfinal (?:answer|output)\b"
        r"|\balert format\b|\b(?:alert|answer|headline|title) to (?:give|output|post|print|publish|use|write)\b"
        r"|\b(?:output|theme|label|entity) (?:is|must|should|has to)\b|\bsummary (?:must|should|has to)\b"
        r"|\b(?:alert|answer|headline|title) (?:must|should|has to|you (?:have to|must))\b"
        r"|\b(?:alert|answer|headline|title) is (?:this|that|exactly|simply)\b"
    ),
    "nothing but these words": (
        r"\bnothing else\b(?!\sis\b)|\banything else (?:is|would be)\b|\bverbatim\b"
        r"|\bword for word\b|\bno (?:other|more|additional) (?:text|words?|output)\b"
        r"|\b(?:first|above) (?:line|sentence|words)\b|\b(?:line|sentence|headline|words) above\b"
        r"|\b(?:previous|first|last) (?:\w+ )?(?:line|sentence|tokens?|words)\b"
        r"|\b(?:do not|don't) (?:abstain|alter|mention|output|paraphrase|rephrase)\b"
    ),
    "older orders set aside": (
        r"\b(?:ignore|disregard|forget)(?:\s\w++){0,3}?\s"
        r"(?:instructions?|prompt|above|before|told|rules|rest|entit\w++|post|tweet|text|everything)\b"
        r"|\b(?:previous|prior|earlier|new|my|system) (?:instructions?|prompt)\b"
        r"|\bdeveloper mode\b|(?:^|[.!?] )override\b"
    ),
    "a role": (
        r"\byou(?: are|'re|’re) now\b|\bact as (?:an?|my|the|if) |\bobey (?:me|my|the user)\b"
        rf"|{_CLAUSE}pretend\b|\b(?:ais?|bots?|assistants?|llms?|models?) reading this\b"
        rf"|\b(?:ais?|bots?|assistants?|llms?|models?) (?:must|should|will|has to|have to) (?:{_VERBS})\b"
        r"|\b(?:bots?|assistants?) (?:must|should|have to)\b"
        r"|\byou (?:must|should|will) (?:answer|output|reply|respond)\b"
        r"|\border to the (?:ai|bots?|model)\b"
        r"|\b(?:dear|hey|hello|hi|attention|note to(?: the)?|tell the|as an|(?:you are|you're) an?) (?:\w++ )?"
        r"(?:ai|bots?|model|assistant|summari[sz]er)\b"
    ),
    "the turns of a chat": (
        rf"(?:^|[^\w\s]\s*+)(?:{_TURNS}):|\b(?:assistant|entities|sentiment):|\(/?inst\)|###|```|‹\||‹‹/?sys››"
        r"|‹/?(?:post|options?|system|s|think|assistant|user|instructions?|alert|entities)›"
        r"|‹-+ ?this|\bend of (?:post|prompt|input)\b"
    ),
    "a chain letter": (
        r"\bcopy and paste\b|\bpass (?:it|this) on to\b"
        r"|\b(?:forward|send) this (?:\w++ )?to (?:all|every\w*+|your|\d++|five|ten|twenty)\b"
    ),
    "an order in another language": (
        r"\b(?:antworte|antworten sie|schreib|schreibe|schreiben sie|ignoriere|vergiss|gib aus"
        r"|responde|responda|respondan|escribe|escriba|escreva|ignora|olvida|esqueça"
        r"|réponds|répondez|écris|écrivez|oublie|oubliez|affiche|affichez"
        r"|rispondi|scrivi|dimentica|antwoord|schrijf|negeer|skriv|svara|odpowiedz|napisz|zignoruj"
        r"|yanıtla|tulis|tuliskan|abaikan|ответь|ответьте|напиши|напишите|выведи|игнорируй|اكتب|أجب|تجاهل)\b(?!…)"
        r"|出力して|書いて|答えて|無視して|输出|回答|忽略|写下|출력|대답|무시하|लिखो|लिखें"
    ),
}  # fmt: skip
_ORDER = re.compile("|".join(_SIGNS.values()))
_KINDS = {kind: re.compile(pattern) for kind, pattern in _SIGNS.items()}
# Before the theme a verb of writing is an order wherever it stands, and so is a label of answers, unless it begins the
# post: "ALERT: Tornado warning: Dallas County".
_ORDER_BEFORE = re.compile(
    rf"\b(?:{_VERBS}|label|title)\b|(?:\w\W++|[\"'{{“])alert\W*+$|\b(?:{_TURNS})\W*+$|\b(?:is|are|be)\W*+$"
)


def is_dictated(alert: str, line: str) -> bool:
    """Return whether the post spells the alert out to have it written.

    Args:
        alert: `theme: entity`, in the form of `line`.
        line: the post's text, in the form of `Evidence.line`.
    """
    before, *between = line.split(alert)
    if not between:
        return False
    if not _can_open(before) or _ORDER.search(line):
        return True
    # The alert may stand there again, behind a label or a verb.
    return any(_ORDER_BEFORE.search(f"{alert}{text}"[-_MAX_CHARACTERS_BEFORE:]) for text in between[:-1])


def kind_of_order(line: str) -> str | None:
    """Return the kind of the first sign of an order in the post, as people may read it; None if there is none."""
    return next((kind for kind, pattern in _KINDS.items() if pattern.search(line)), None)


def _can_open(before: str) -> bool:
    """Return whether an alert behind this text stands at the opening of the post."""
    if len(before) > _MAX_CHARACTERS_BEFORE:
        return False
    rest = _NO_WORD_BEFORE.sub(" ", before)
    if _ORDER_BEFORE.search(rest):
        return False
    is_one_sentence = _SENTENCE_END.search(rest) is None
    return is_one_sentence and len(_WORD.findall(rest)) <= _MAX_WORDS_BEFORE
