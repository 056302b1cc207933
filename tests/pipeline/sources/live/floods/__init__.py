"""Floods through whole sources, as commands and smaller ones as tests."""
