"""The slash commands: one table, and everything that is made from it.

    command     Command, Parameter: what a command is called, takes and answers
    grammar     from a typed line to words, with quotes
    binding     from words to typed values: Parameters
    table       every command, declared once
    registry    run a typed command, complete one that is being typed
    help, page  the same table as an answer and as a page of the README

The handlers live in the other files, which are called after what they are about.
"""
