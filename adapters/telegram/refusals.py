"""Refusals: what Telegram's words say about what else could be tried."""

from __future__ import annotations

from dataclasses import replace

from telegram.error import BadRequest

from adapters.courier import Undeliverable
from adapters.telegram.piece import Piece
from adapters.telegram.target import Target

# What no other form of the same message would change.
_GONE = (
    "chat not found",
    "peer_id_invalid",
    "user is deactivated",
    "chat_write_forbidden",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "group is deactivated",
    "topic_closed",
)
_EDIT_IN_VAIN = ("message to edit not found", "message can't be edited", "no text in the message to edit")


def simpler(error: BadRequest, target: Target, piece: Piece) -> tuple[Target, Piece]:
    """Give another way to say the same, or raise `Undeliverable`."""
    words = str(error).lower()
    if any(gone in words for gone in _GONE):
        raise Undeliverable from None
    if target.thread is not None and "thread not found" in words:
        return replace(target, thread=None), piece
    if target.reply_to is not None and ("replied not found" in words or "reply message not found" in words):
        return replace(target, reply_to=None), piece
    if piece.entities:
        return target, Piece(piece.text)
    raise Undeliverable from None


def is_unchanged(error: BadRequest) -> bool:
    """Tell whether an edit found that the message says that already."""
    return "not modified" in str(error).lower()


def is_gone(error: BadRequest) -> bool:
    """Tell whether there is nothing to edit any more."""
    return any(vain in str(error).lower() for vain in _EDIT_IN_VAIN)
