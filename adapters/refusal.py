"""ChannelRefused: a platform does not let the bot in, and only the operator can mend that."""

from __future__ import annotations


class ChannelRefused(Exception):
    """The text says what is wrong and what to do; it never holds a token."""
