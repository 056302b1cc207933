"""The broker, through clients: login, connection, ACLs, topics, publishing and reading.

- `cluster`: the cluster and the login as one value: the first argument of every client
- `security`: the login and TLS, as aiokafka takes them
- `tokens`: tokens for a login by OAUTHBEARER
- `refusals`: why Kafka refuses us: one login to find out, and the words for it
- `metadata`: asked before a client starts: can its brokers be reached, do its topics exist
- `connection`: starting a client, with errors that say where and why
- `acls`: do our ACLs allow what an agent does
- `topics`: creating topics; what a group has committed
- `producer`: sending one batch; replacing a producer that the broker has forgotten
- `publisher`: publishing until every record is acknowledged
- `reading`: reading topics outside a consumer group
- `aiokafka_internals`: the private parts of aiokafka that we use
"""
