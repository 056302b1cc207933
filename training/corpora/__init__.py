"""Files of labelled text, read into one form, and the corpora by name.

- `labelled_text`: the form that every corpus is read into: a text, entities at character offsets, a sentiment.
- `lines`: reading JSON lines, so that every damaged line is reported with its file and number.
- `json_formats`: the three kinds of JSON lines: tagged tokens, a post with its entities, a text with a sentiment.
- `columns`: column files, a token and its tag on each line.
- `label_mapping`: entity types of a corpus, mapped to those of the network.
- `mention_mask`: which entities are user names, and their names replaced by one stand-in.
- `corpus`: one corpus: its file in whichever format, which rows of it, and how they are made fit for training.
- `data_folder`: where the files of the corpora lie.
- `named`: the corpora by name, and their test splits.
- `retokenise`: from a corpus's tokens to the pipeline's and back.
- `sentiment_labels`: sentiments from a Hugging Face classifier for sentences that have none.
"""
