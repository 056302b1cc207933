"""Live sources against local servers that speak their protocols."""
