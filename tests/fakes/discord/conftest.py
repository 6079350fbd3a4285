"""Reads discord.py before the tests do: until Python 3.12 its import warns of audioop, which Python drops."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    import discord  # noqa: F401
