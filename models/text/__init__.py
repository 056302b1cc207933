"""Words, before they are tensors.

- `reading`: a text as it is read (markup, references and odd characters resolved), with the map to its source.
- `html_text`: the text of a post that comes as HTML.
- `tokenizer`: cuts a text into tokens, with their offsets.
- `hashtags`: hashtags as their words.
- `parts`: a long text in parts that are read one by one.
- `sentence`: a sentence as a list of words, with its parse.
- `parser`: dependency parses by spaCy.
- `tok2vec`: a faster tok2vec for that parser.
- `word_table`: remembers features of words from call to call.
- `spans`: entities as spans and as tags.
- `word_forms`: the forms in which a word is looked up, and its case class.
- `vocabulary`: the words, characters and relations that a checkpoint knows.
"""
