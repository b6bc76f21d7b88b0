"""Sentences, commands and table cells for people: what the rooms below found, said for the command line and the UI.

Nothing here reads a system or decides anything.
"""
