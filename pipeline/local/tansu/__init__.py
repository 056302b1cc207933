"""Tansu, the embedded broker, behind a proxy that closes its gaps in Kafka's protocol.

- `broker`: starts both.
- `proxy`: the proxy before Tansu.
- `translation`: what the proxy changes in requests and answers, and why.
- `sessions`: keeps group members alive in their clients' names.
- `relay`: passes connections on, each through a translator.
- `frames`: one request or answer on a connection.
"""
