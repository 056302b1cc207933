"""Tokens of social-media text, with their place in it; the same code in training and in serving.

Conventions, so that corpora can be cut the same way:

- The sign and the name of a mention or hashtag are two tokens (`@`, `name`; `#`, `NepalEarthquake`): entities
  begin after the sign, and the name can be looked up.
- Contractions are split as in CoNLL and GloVe (`do`, `n't`; `it`, `'s`), with straight or curly apostrophes.
- Hyphenated words, abbreviations with dots (`U.S.`, `Mr.`), numbers (`1,000.50`, `10:30`, `1996-08-22`),
  links, e-mail addresses, HTML entities (`&amp;`, looked up as `&`), emoticons and emoji sequences stay whole.
- A run of one punctuation mark is one token (`!!!`); every other mark is a token of its own.

A token is always `text[start:end]`; no character but white space is left out.
"""

import re
from typing import NamedTuple


class Token(NamedTuple):
    """A stretch of the original text; a tuple, which is made several times faster than a frozen dataclass."""

    text: str
    start: int
    """Offset of the first character."""
    end: int
    """Offset after the last character."""


# Marks, which \w leaves out, with the scripts that need them: Indic (not its danda) to Burmese, Khmer.
_MARKS = r"\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u109f\u1780-\u17d3\u20d0-\u20dc"
_CHAR = rf"[\w{_MARKS}]"
_PICTURE = (
    r"(?:[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    r"\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
    r"[\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*)"
)
_DOMAINS = r"(?:com|org|net|edu|gov|info|tv|ly|co|io|me|gl|uk|be|us|de|fr|eu|in|to|fm)"
_SHORT_FORMS = r"(?:mr|mrs|ms|dr|st|prof|gen|gov|sen|rep|lt|col|sgt|capt|jr|sr|inc|corp|co|ltd|vs|etc)"

# Bounded repetitions, and fall-backs that consume what was scanned, keep matching linear on hostile text.
_TOKEN = re.compile(
    rf"""
      [a-z]++ (?=[\s,])                                                  # most words, without a look at the rest
    | (?:https?://|www\.) [^\s<>"]* [^\s<>".,;:!?'’”)(\[\]…*]            # link
    | (?:[\w-]{{1,63}}\.){{1,4}} {_DOMAINS} (?:/[^\s<>"]*[\w/=-] | (?![\w.@-]))   # link without a scheme
    | [\w.+-]{{1,64}} @ (?:[\w-]{{1,63}}\.){{1,4}} [a-z]{{2,12}} (?!\w)   # e-mail address
    | & (?: [a-z]{{2,8}} | \#\d{{1,7}} | \#x[\da-f]{{1,6}} ) ;            # HTML entity
    | [\U0001f1e6-\U0001f1ff]{{2}}                                       # flag
    | [\d\#*] \ufe0f? \u20e3                                             # keycap
    | {_PICTURE} (?: \u200d {_PICTURE} )*                                # emoji, also joined ones
    | </?3 (?!\d)                                                        # heart
    | [:;=] [-'o^]? [)(\[\]dp/\\|*] (?![\w/])                            # emoticon
    | (?: [^\W\d_] \. ){{2,}}                                            # U.S.
    | {_SHORT_FORMS} \. (?=\s+[\w"'(])                                   # Mr.
    | \d+ (?: [.,:/-] \d+ )* {_CHAR}* (?: - {_CHAR}+ )*                  # number, also 5-year-old and 1st
    | {_CHAR}+ (?: (?: [-'’\u200d] | & (?! [a-z]{{2,8}}; ) ) {_CHAR}+ )*   # word
    | ['’] (?: s|m|re|ve|ll|d ) (?!\w)                                   # contraction after something odd
    | ([^\w\s]) \1*                                                      # punctuation
    | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CONTRACTION = re.compile(r"(?<=\w)(?:n['’]t|['’](?:s|m|re|ve|ll|d))$", re.IGNORECASE)


def tokenize(text: str) -> list[Token]:
    """Cut `text` into tokens in order of their offsets."""
    tokens = []
    for match in _TOKEN.finditer(text):
        word, (start, end) = match[0], match.span()
        if ("'" in word or "’" in word) and (contraction := _CONTRACTION.search(word)):
            cut = start + contraction.start()
            tokens.append(Token(text[start:cut], start, cut))
            start, word = cut, contraction[0]
        tokens.append(Token(word, start, end))
    return tokens
