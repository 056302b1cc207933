"""What a post says, as far as rules of the filter need more than a comparison of words.

- `dictation`: tells news in the form of an alert from orders to write one.
- `support`: whether the post has a word for what a theme says.
- `associations.txt`: the words of posts that go with a word of themes, as learnt from labelled posts.
"""
