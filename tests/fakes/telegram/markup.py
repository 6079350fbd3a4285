"""Markup: the buttons under a message."""

from __future__ import annotations

from tests.fakes.telegram.failure import bad
from tests.fakes.telegram.message import Json, items
from tests.fakes.telegram.parameters import Parameters

MOST = 100
MOST_IN_A_ROW = 8
LONGEST_DATA = 64
OTHER_KEYBOARDS = ("keyboard", "remove_keyboard", "force_reply")
ACTIONS = frozenset(
    [
        "url",
        "callback_data",
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "copy_text",
        "callback_game",
        "pay",
    ]
)


def markup(parameters: Parameters) -> Json:
    """Give the inline keyboard that comes with a call, empty where there is none; refuse a wrong one."""
    given = parameters.mapping("reply_markup")
    if not given or any(name in given for name in OTHER_KEYBOARDS):
        return {}
    rows = given.get("inline_keyboard")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad("can't parse inline keyboard: expected an Array of Array")
    for button in (button for row in rows for button in row):
        _check(button)
    if sum(map(len, rows)) > MOST or any(len(row) > MOST_IN_A_ROW for row in rows):
        raise bad("REPLY_MARKUP_TOO_LONG")
    filled = [items(row) for row in rows if row]
    return {"inline_keyboard": filled} if filled else {}


def _check(button: object) -> None:
    if not isinstance(button, dict):
        raise bad("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    if not str(button.get("text") or "").strip():
        raise bad("BUTTON_TEXT_INVALID")
    actions = ACTIONS & button.keys()
    if not actions:
        raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise bad("can't parse inline keyboard button: exactly one action is expected")
    if "callback_data" in button and not 1 <= len(str(button["callback_data"]).encode()) <= LONGEST_DATA:
        raise bad("BUTTON_DATA_INVALID")
