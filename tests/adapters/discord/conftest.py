"""What the tests of Discord share."""

from __future__ import annotations

import warnings

# Until Python 3.12 the import of discord.py warns of audioop, which Python drops.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    import discord  # noqa: F401
