"""Everything on one machine: brokers, LLM servers and agents, each in a process of its own.

- `stack`: starts a broker, an LLM server and the agents, and stops them.
- `services`: what the stack needs of a broker and of an LLM server: add another by a class with these methods.
- `process`: a child process, with its log, its readiness and its end; ports.
- `slow_start`: what is reported while a part is not ready.
- `http_probe`: asks a part over HTTP whether it is ready.
- `tansu`: the embedded broker.
- `apache_kafka`: Apache Kafka from its jars.
- `kafka_jars`: finds the jars, and a Java.
- `embedded_llm`: the embedded LLM as a part of the stack.
- `llama_server`: the embedded LLM's server, a program of its own.
- `vllm`: vLLM from its own Python environment.
- `made`: where `make kafka` and `make vllm` put what they fetch.
"""
