"""The console: a person at a terminal, or lines from a pipe.

    console_channel   ConsoleChannel: a prompt that stays while replies stream above it
    pipe_channel      PipeChannel: one message per line, plain replies
    screen            what stands above the prompt, and what of a reply is still growing
    markdown          Markdown as a terminal shows it, block by block
    completion        commands, ids and titles while they are typed
    descriptors       reading and writing without blocking the event loop
    exports           documents as files
    plain             text without anything a terminal would obey

Importing one of these loads only what that one needs: a pipe needs no terminal.
"""
