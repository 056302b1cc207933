#!/bin/sh
# cloudevents for Python writes Kafka records that the CloudEvents binding for Kafka does not know, in two versions and ways:
#
# - 1.13: a record in structured form has the content type of the data, application/json, where the binding asks for
#   application/cloudevents+json. It is the header by which a reader tells the form, so that readers who follow the binding
#   take the event for the data.
# - 2.2: the value of a record in binary form whose data are a list is Python's form of it, in single quotes, and no JSON. Data
#   that are an object become JSON. Its annotations know no list as data, but nothing refuses one, and 1.13 takes it.
#
# The binding: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md (3.1, 3.3)
#
# Seen with cloudevents 1.13.0 and 2.2.0:
#   1.13.0, structured: content-type application/json
#   2.2.0, structured: content-type application/cloudevents+json
#   1.13.0, binary, a list: [{"id": "1"}]
#   2.2.0, binary, a list: [{'id': '1'}]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/finding.py" <<'PYTHON'
from importlib.metadata import version

ATTRIBUTES = {"type": "post", "source": "/desk", "id": "e1", "specversion": "1.0", "datacontenttype": "application/json"}
if version("cloudevents").startswith("1."):
    from cloudevents.http import CloudEvent
    from cloudevents.kafka import to_binary, to_structured
else:
    from cloudevents.core.bindings.kafka import to_binary_event as to_binary, to_structured_event as to_structured
    from cloudevents.core.v1.event import CloudEvent

text = lambda value: value.decode() if isinstance(value, bytes) else value
header = text(to_structured(CloudEvent(ATTRIBUTES, {"id": "1"})).headers["content-type"])
value = text(to_binary(CloudEvent(ATTRIBUTES, [{"id": "1"}])).value)
print(f"{version('cloudevents')}, structured: content-type {header}")
print(f"{version('cloudevents')}, binary, a list: {value}")
expected = {
    "1.13.0": ("application/json", '[{"id": "1"}]'),
    "2.2.0": ("application/cloudevents+json", "[{'id': '1'}]"),
}
assert (header, value) == expected[version("cloudevents")], "this has changed"
PYTHON
for release in 1.13.0 2.2.0; do
    python3 -m venv "$folder/$release"
    "$folder/$release/bin/pip" install --quiet --disable-pip-version-check "cloudevents==$release"
    "$folder/$release/bin/python" "$folder/finding.py"
done
