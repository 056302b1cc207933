"""What a process shows of itself, and what watches it.

metrics.py    the metrics that every agent exposes
health.py     is the process alive, and does its work get on: state that others write and read
readiness.py  can the agent work now, and if not, why
watchdog.py   finds a process that does nothing while records wait, and can end it
backlog.py    how many records wait, as the broker says
probes.py     serves `/metrics`, `/livez` and `/readyz`
logs.py       log lines on standard error
"""
