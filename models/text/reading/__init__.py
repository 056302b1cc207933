"""A text as it is read: what a post spells as markup, references or odd characters, as the characters that are meant.

The network, the prompts and `alert` see the text as read. Entities and their offsets stay those of the source, the text
as it came: a map leads from each character that is read to the characters of the source that stand for it.

- `source_map`: edits of a text, and the text with the map to its source.
- `markup`: HTML in a text that certainly holds some.
- `references`: character references of HTML (`&amp;`).
- `characters`: invisible characters, and letters in odd forms.
- `steps`: the three in their order.
- `tokens`: the tokens of what was read, at their offsets in the source.
- `cut_word`: the word that an ellipsis cuts off at the end.
"""

from models.text.reading.source_map import Edit as Edit
from models.text.reading.source_map import ReadText as ReadText
from models.text.reading.steps import read_text as read_text
