"""The client of an LLM server. It waits out outages, and it finds out whether the server or a prompt is at fault.

Any server with OpenAI's API will do. When the client connects, an *examination* asks the server harmless questions and
finds out what it supports: grammars, log-probabilities, and which request fields. After that, this happens to one
question:

1. `LlmClient` makes a `Question` for samples, a choice or verdicts, and gives it to `RetryingLlm`.
2. The question waits at the *gate*. The gate is open while the server can be used.
3. `LlmAbilities` turns the question into a request with only those fields that the server supports. `LlmHttp` sends it.
   If the server answers, the answer is returned.
4. If the server fails or refuses, its *twin* is sent: a harmless question with the same fields, as long as the longest
   real prompt. If the server does not answer the twin either, the server is at fault and the gate is shut. One task
   then asks harmless questions until the server can be used again, and the question goes back to step 2.
5. If the server answers the twin, the failure counts against the prompt: it adds to the prompt's *blame*, and the
   question goes back to step 2. A prompt with too much blame raises `LlmRefusedError`, and its post becomes a dead
   letter.

The files:

    client.py       `LlmClient`: asks for samples, choices and verdicts; examines the server again when it comes back
    options.py      `LlmOptions`: the server, the model, the limits of waiting; `Demands` makes the harmless questions
    question.py     `Question`, `Wording` and `LlmAbilities`: from a question to the request for one server
    grammar.py      grammars that constrain an answer, and the request field that each kind of server has for them
    chat.py         chat templates for reasoning models, rendered here instead of by the server
    http.py         `LlmHttp`: sends one request and translates its failures; the only file that imports `openai`
    refusal.py      what may be shown of a refusal without repeating the prompt
    answers/        reads an answer: texts, log-probabilities, the number that a choice names, a verdict
    examination.py  finds out by harmless questions what the server supports
    gate.py         `LlmGate`: holds questions back during an outage, and reports the state
    retry.py        `RetryingLlm`: asks one question until it is answered or refused
    blame.py        `Blame`: adds up the failures that count against one prompt
"""
