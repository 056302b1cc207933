"""The formats of social networks and feeds."""
