"""Place: where on Discord something was said."""

from __future__ import annotations

from dataclasses import dataclass

from sessions.address import Address, ChatKind

PLATFORM = "discord"
ELSEWHERE = "user:"  # begins the chat id of what somebody says where the bot is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A channel, a thread of the channel `parent`, or a direct chat with the bot.

    In a `foreign` one there is no bot: somebody brought it along as an app of their own.
    """

    channel: int
    guild: int | None = None
    parent: int | None = None
    direct: bool = False
    foreign: bool = False

    def address(self, account: str, person: int) -> Address:
        """Give the address of somebody here; in a foreign place they are the only one in their chat."""
        chat, thread, kind = str(self.channel), None, ChatKind.GROUP
        if self.foreign:
            chat, kind = f"{ELSEWHERE}{person}", ChatKind.PRIVATE
        elif self.direct:
            kind = ChatKind.PRIVATE
        elif self.parent is not None:
            chat, thread, kind = str(self.parent), str(self.channel), ChatKind.THREAD
        return Address(
            platform=PLATFORM, account=account, chat_id=chat, user_id=str(person), thread_id=thread, chat_kind=kind
        )
