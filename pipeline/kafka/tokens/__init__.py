"""Tokens for a login at Kafka by OAUTHBEARER.

token.py      a token, and what its claims say
sources.py    where settings say that tokens come from; a file, and the signer of Amazon MSK
command.py    a program that prints a token
endpoint.py   an OIDC endpoint
provider.py   gives Kafka clients their token: keeps it, renews it, notes whether Kafka accepts it
"""
