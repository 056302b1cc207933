"""The runner of live sources."""
