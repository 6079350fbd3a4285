"""Refusals: what Discord's errors mean for an answer that is on its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from adapters.courier import NotNow, Undeliverable

_TICKET_ENDED = (10015, 10062, 40094, 50027)  # unknown webhook or interaction, five answers given, token expired
_NO_MESSAGE = (10008, 50005, 50083)  # deleted, somebody else's, in an archived thread
_NOT_IN_PRIVATE = 50007
_TOO_LARGE = 40005
_MAY_NOT_POINT = 160002  # at a message, without the permission to read older ones
MISHAPS = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)
"""All that a request can come to."""


class TicketEnded(Exception):
    """What answers a command or a button can not be used any more."""


class NoMessage(Exception):
    """The message that was to be changed can not be."""


class NotInPrivate(Exception):
    """The person takes no direct messages of the bot."""


class MayNotPoint(Exception):
    """The bot may write here, but not in reply to a message."""


class TooLarge(Exception):
    """The files are larger than is taken here."""


@contextmanager
def translated() -> Iterator[None]:
    """Say errors of the library in the words of the courier, or in those of this file."""
    try:
        yield
    except discord.RateLimited as error:
        raise NotNow(error.retry_after) from None
    except discord.DiscordServerError:
        raise NotNow from None
    except discord.HTTPException as error:
        raise _meaning(error) from None
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise NotNow from None


def _meaning(error: discord.HTTPException) -> Exception:
    if error.code in _TICKET_ENDED:
        return TicketEnded()
    if error.code in _NO_MESSAGE:
        return NoMessage()
    if error.code == _MAY_NOT_POINT:
        return MayNotPoint()
    if error.code == _NOT_IN_PRIVATE:
        return NotInPrivate()
    if error.code == _TOO_LARGE or error.status == 413:
        return TooLarge()
    # Without a code an answer 401 or 429 comes from what stands before the platform.
    return NotNow() if error.status in (401, 429) else Undeliverable()
