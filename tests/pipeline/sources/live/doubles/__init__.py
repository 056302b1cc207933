"""Small local servers that speak the protocols of the networks. Each also runs as a process: `python -m MODULE`."""
