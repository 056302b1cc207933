"""What a format has done to make a text whole or plain. The codes are labels of metrics, so the set is closed."""

NETWORK_CHANGES = (
    *("html", "spoiler_text", "custom_emoji"),
    *("note_tweet", "extended_tweet", "retweeted_post"),
)
