"""Receipts: what was erased or would be, as it is said and as it comes back from where it was done."""

from __future__ import annotations

import click

from bot.commands.markup import plural
from bot.control import Answer
from bot.operator.printed_json import print_json
from sessions.erasure import Receipt

NOTHING = Receipt(sessions=0, messages=0)


def counted(receipt: Receipt) -> str:
    """Count conversations, and the messages on all their branches."""
    return f"{plural(receipt.sessions, 'session')} with {plural(receipt.messages, 'stored message')}"


def together(one: Receipt, other: Receipt) -> Receipt:
    """Add up two receipts."""
    return Receipt(sessions=one.sessions + other.sessions, messages=one.messages + other.messages)


def receipt_in(answer: Answer) -> Receipt:
    """Read the receipt in an answer."""
    sessions, messages = answer.get("sessions"), answer.get("messages")
    return Receipt(
        sessions=sessions if isinstance(sessions, int) else 0, messages=messages if isinstance(messages, int) else 0
    )


def tell_result(about: Answer, words: str, *, as_json: bool) -> None:
    """Print what came of it."""
    if as_json:
        print_json(about)
    else:
        click.echo(words)
