"""Where posts end, read back from the topics: outcomes, posts that are done, dead letters to replay.

- `outcome`: an alert, an abstention or a dead letter, read from its topic; a tally of them.
- `ledger`: which posts already have their alert or abstention.
- `marks`: hashes of outcomes, which the ledger holds.
- `repeats`: posts of a file that get no outcome of their own, by the ledger's rule.
- `dead_letters`: dead letters, found and replayed.
- `render`: outcomes as text for a terminal.
"""
