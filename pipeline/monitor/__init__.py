"""What a process shows of itself, and what watches it.

- `metrics`: the metrics that every agent exposes.
- `health`: whether the process is alive and its work gets on; the working parts write it, the others read it.
- `readiness`: whether the agent can work now, and if not, why.
- `watchdog`: finds a process that does nothing while records wait, and can end it.
- `backlog`: how many records wait, as the broker says.
- `probes`: serves `/metrics`, `/livez` and `/readyz`.
- `logs`: log lines on standard error.
"""
