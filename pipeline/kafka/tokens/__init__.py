"""Tokens for a login at Kafka by OAUTHBEARER.

- `token`: a token, and what its claims say
- `sources`: where settings say that tokens come from; a file, and the signer of Amazon MSK
- `command`: a program that prints a token
- `endpoint`: an OIDC endpoint
- `provider`: gives Kafka clients their token: keeps it, renews it, notes whether Kafka accepts it
"""
