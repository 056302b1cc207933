"""A hashtag as its words: `#PrayForNepal` is also read as `Pray For Nepal`, so that `Nepal` can be an entity.

- `word_list`: cuts letters that run together (`prayfornepal`) into the most probable words.
- `name`: where the words of a hashtag's name are: by its capitals and digits, or else by the word list.
- `second_reading`: a text's tokens with its hashtags as words, and what of that reading counts.
"""
