"""Sentences, commands and table cells for people: what the packages below found, for the command line and the UI.

Nothing here reads a system or decides anything.
"""
