"""Cuts social-media text into tokens; training and serving use the same code.

The conventions, so that corpora can be cut in the same way:

- A mention or hashtag is two tokens, its sign and its name (`@`, `name`; `#`, `NepalEarthquake`). Entities begin
  after the sign, and the name can be looked up.
- Contractions are split as in CoNLL and GloVe (`do`, `n't`; `it`, `'s`), with straight or curly apostrophes.
- Hyphenated words, abbreviations with dots (`U.S.`, `Mr.`), numbers (`1,000.50`, `10:30`, `1996-08-22`), links,
  e-mail addresses, HTML references (`&amp;`, which is looked up as `&`), emoticons and emoji sequences stay whole.
- A short link of Twitter's (`https://t.co/...`) ends after its letters and digits, any other link at white space, at a
  comma before a capital, and before punctuation at its end.
- A run of the same punctuation mark is one token (`!!!`); any other mark is one token.

A token is always `text[start:end]`. Only white space belongs to no token.
"""

import re
from typing import NamedTuple


class Token(NamedTuple):
    """A piece of the original text. It is a tuple because a frozen dataclass takes several times as long to make."""

    text: str
    start: int
    """Offset of the first character."""
    end: int
    """Offset just after the last character."""


# Combining marks, which \w does not match, and the blocks of the scripts that need them: Indic scripts (without the
# danda) up to Burmese, and Khmer.
_MARKS = r"\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u109f\u1780-\u17d3\u20d0-\u20dc"
_CHAR = rf"[\w{_MARKS}]"
_PICTURE = (
    r"(?:[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    r"\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
    r"[\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*)"
)
# A comma before a capital ends a link: the next sentence begins there.
_ADDRESS = r"""(?: [^\s<>",]* ,(?!(?-i:[A-ZÀ-ÖØ-Þ])) )* [^\s<>",]*"""
_DOMAINS = r"(?:com|org|net|edu|gov|info|tv|ly|co|io|me|gl|uk|be|us|de|fr|eu|in|to|fm)"
# An ampersand joins what is short on one side ("AT&T", "M&S", "Texas A&M"), and parts "India&Nepal".
_JOINING_AND = (
    rf"(?: (?<!{_CHAR}{_CHAR}{_CHAR}{_CHAR})& | &(?={_CHAR}{{1,3}}(?!{_CHAR})) ) (?! [a-z]{{2,8}}; )"
)
_SHORT_FORMS = r"(?:mr|mrs|ms|dr|st|prof|gen|gov|sen|rep|lt|col|sgt|capt|jr|sr|inc|corp|co|ltd|vs|etc)"

# Matching stays linear on hostile text: repetitions are bounded, and a fall-back consumes what was scanned.
_TOKEN = re.compile(
    rf"""
      [a-z]++ (?=[\s,])                                                  # most words: matched first, for speed
    | https?://t\.co/ [a-z\d]++ (?:\?[a-z]{{1,16}}=\w{{1,64}})?              # Twitter's short link
    | (?:https?://|www\.) {_ADDRESS} [^\s<>".,;:!?'’”)(\[\]…*]            # link
    | (?:[\w-]{{1,63}}\.){{1,4}} {_DOMAINS} (?:/{_ADDRESS}[\w/=-] | (?![\w.@-]))   # link without a scheme
    | [\w.+-]{{1,64}} @ (?:[\w-]{{1,63}}\.){{1,4}} [a-z]{{2,12}} (?!\w)   # e-mail address
    | & (?: [a-z]{{2,8}} | \#\d{{1,7}} | \#x[\da-f]{{1,6}} ) ;            # HTML reference
    | [\U0001f1e6-\U0001f1ff]{{2}}                                       # flag
    | [\d\#*] \ufe0f? \u20e3                                             # keycap
    | {_PICTURE} (?: \u200d {_PICTURE} )*                                # emoji, also joined ones
    | </?3 (?!\d)                                                        # heart
    | [:;=] [-'o^]? [)(\[\]dp/\\|*] (?![\w/])                            # emoticon
    | (?: [^\W\d_] \. ){{2,}}                                            # U.S.
    | {_SHORT_FORMS} \. (?=\s+[\w"'(])                                   # Mr.
    | \d+ (?: [.,:/-] \d+ )* {_CHAR}* (?: - {_CHAR}+ )*                  # number, also 5-year-old and 1st
    | {_CHAR}+ (?: (?: [-'’\u200d\ufffd] | {_JOINING_AND} ) {_CHAR}+ )*  # word, also AT&T
    | ['’] (?: s|m|re|ve|ll|d ) (?!\w)                                   # contraction without a word before it
    | ([^\w\s]) \1*                                                      # punctuation
    | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CONTRACTION = re.compile(r"(?<=\w)(?:n['’]t|['’](?:s|m|re|ve|ll|d))$", re.IGNORECASE)


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text` in the order of their offsets."""
    tokens = []
    for match in _TOKEN.finditer(text):
        word, (start, end) = match[0], match.span()
        if ("'" in word or "’" in word) and (contraction := _CONTRACTION.search(word)):
            cut = start + contraction.start()
            tokens.append(Token(text[start:cut], start, cut))
            start, word = cut, contraction[0]
        tokens.append(Token(word, start, end))
    return tokens
