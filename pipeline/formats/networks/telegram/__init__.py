"""The format of Telegram.

- `document`: which of its forms a document has, and the posts and deletions in it
- `message`: one message, in each form
- `chat`: the ids of chats, the same in all forms
"""
