"""Posts of X, by the filtered stream of its API v2.

- `source`: the source
- `rules`: the rules at X by which it filters; those of others are left alone
- `backoff`: how long X wants us to wait after each kind of failure
"""
