"""A text as it is read: what a post spells as markup, references or odd characters, as the characters that are meant.

The network, the prompts and `alert` see the text as read. Entities and their offsets stay those of the source, the text
as it came: a map leads from each character that is read to the characters of the source that stand for it.

- `source_map`: edits of a text, and the text with the map to its source.
- `markup`: HTML in a text that certainly holds some.
- `references`: character references of HTML (`&amp;`).
- `links`: links that run into the word before them.
- `characters`: invisible characters, and letters in odd forms.
- `steps`: these four in their order.
- `tokens`: the tokens of what was read, at their offsets in the source.
- `lines`: where lines begin.
- `cut_words`: the words that an ellipsis cuts off.
"""

from models.text.reading.source_map import Edit as Edit
from models.text.reading.source_map import ReadText as ReadText
from models.text.reading.steps import read_text as read_text
