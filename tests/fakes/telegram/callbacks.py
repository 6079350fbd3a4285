"""Callbacks: answers to the press of a button."""

from __future__ import annotations

from tests.fakes.telegram.entities import units
from tests.fakes.telegram.failure import QUERY_TOO_OLD, bad
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.query import ANSWER_SECONDS, CallbackAnswer
from tests.fakes.telegram.registry import method
from tests.fakes.telegram.world import World

LONGEST_ANSWER = 200


@method("answerCallbackQuery", "callback_query_id text show_alert url cache_time")
async def answer_callback_query(world: World, parameters: Parameters) -> object:
    """End the wait of whoever pressed, with words or without."""
    query = world.queries.get(parameters.text("callback_query_id"))
    if query is None or query.answer.done() or world.clock() - query.at > ANSWER_SECONDS:
        raise bad(QUERY_TOO_OLD)
    text = parameters.text("text")
    if units(text) > LONGEST_ANSWER:
        raise bad("MESSAGE_TOO_LONG")
    query.answer.set_result(CallbackAnswer(text, parameters.flag("show_alert")))
    if text:
        world.journal.note(world.chats[query.chat], world.bot.first_name, f"(answers the press) {text}")
    world.changed.ring()
    return True
