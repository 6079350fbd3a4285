"""Errors that end the channel: somebody has to change something in Discord's Developer Portal."""

from __future__ import annotations

from adapters.refusal import ChannelRefused

_PORTAL = "https://discord.com/developers/applications"


class DiscordRefusal(ChannelRefused):
    """Discord will not let the bot in as it is set up. Its words say what to do."""


class IntentMissing(DiscordRefusal):
    """The bot is not allowed to read what people write in servers."""

    def __init__(self) -> None:
        super().__init__(
            "Discord does not let this bot read messages. "
            f'Open {_PORTAL}, choose the application, and on the page "Bot" switch on '
            '"Message Content Intent" under "Privileged Gateway Intents". Then start again.'
        )


class TokenRefused(DiscordRefusal):
    """The token is not, or no longer, that of a bot."""

    def __init__(self) -> None:
        super().__init__(
            "Discord does not know this bot's token. "
            f'Open {_PORTAL}, choose the application, and on the page "Bot" press "Reset Token". '
            "Put the new token into the settings, then start again."
        )
