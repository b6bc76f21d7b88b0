"""Sentences, commands and tables for people.

`previews` says in sentences what `cw_pipeline.billing` gives as data; whoever stores or shows a reason takes it from
here. Nothing here reads a system or decides anything.
"""
