"""Answers to interactions: the first one, its edits, and followups."""

from __future__ import annotations

from aiohttp import web

from tests.fakes.discord import draft
from tests.fakes.discord.body import Body
from tests.fakes.discord.document import Document, integer
from tests.fakes.discord.form import Form
from tests.fakes.discord.interaction import (
    AUTOCOMPLETE,
    COMPONENT,
    FIRST_ANSWER_SECONDS,
    TOKEN_SECONDS,
    Interaction,
)
from tests.fakes.discord.message import EPHEMERAL, LOADING, Message
from tests.fakes.discord.refusal import ApiRefusal
from tests.fakes.discord.rest import BASE, BODY
from tests.fakes.discord.world import World

_MESSAGE, _DEFER, _DEFER_UPDATE, _UPDATE, _CHOICES, _MODAL = 4, 5, 6, 7, 8, 9
_FOLLOWUPS_WHEN_INSTALLED_FOR_USER = 5


class InteractionApi:
    """The routes under /interactions and /webhooks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def add_to(self, app: web.Application) -> None:
        """Serve these routes."""
        webhook, router = f"{BASE}/webhooks/{{application}}/{{token}}", app.router
        router.add_post(f"{BASE}/interactions/{{interaction}}/{{token}}/callback", self._callback)
        router.add_post(webhook, self._followup)
        router.add_get(f"{webhook}/messages/{{message}}", self._message)
        router.add_patch(f"{webhook}/messages/{{message}}", self._edit)
        router.add_delete(f"{webhook}/messages/{{message}}", self._delete)

    async def _callback(self, request: web.Request) -> web.Response:
        interaction, body = self._waiting(request), request[BODY]
        form, kind = Form(), body.document.get("type")
        form.known(body.document, ("type", "data"))
        form.choice({"type": kind}, "type", "", self._kinds(interaction))
        form.finish()
        self._answer(interaction, integer(kind), body.document.get("data") or {}, body)
        interaction.answer.acknowledged_at = self._world.clock()
        interaction.touch()
        if request.query.get("with_response") not in ("1", "true"):
            return web.Response(status=204)
        return web.json_response(self._callback_document(interaction, integer(kind)))

    def _waiting(self, request: web.Request) -> Interaction:
        interaction = self._world.interactions.get(request.match_info["token"])
        if interaction is None or str(interaction.id) != request.match_info["interaction"]:
            raise ApiRefusal(404, 10062)
        if interaction.answer.acknowledged_at is not None:
            raise ApiRefusal(400, 40060)
        if self._world.clock() - interaction.at > FIRST_ANSWER_SECONDS:
            raise ApiRefusal(404, 10062)
        return interaction

    def _kinds(self, interaction: Interaction) -> tuple[int, ...]:
        if interaction.kind == AUTOCOMPLETE:
            return (_CHOICES,)
        more = (_DEFER_UPDATE, _UPDATE) if interaction.kind == COMPONENT else ()
        return (_MESSAGE, _DEFER, _MODAL, *more)

    def _answer(self, interaction: Interaction, kind: int, data: Document, body: Body) -> None:
        answer = interaction.answer
        if kind == _CHOICES:
            answer.choices = _checked_choices(data)
        elif kind == _MODAL:
            answer.modal = _checked_modal(data)
        elif kind == _DEFER:
            answer.deferred = True
            answer.message = self._new_message(interaction, _only_ephemeral(data), Body(), flags=LOADING)
        elif kind == _MESSAGE:
            draft.check(data, draft.ANSWER, path="data")
            draft.check_not_empty(data, body.files)
            answer.message = self._new_message(interaction, data, body)
        elif kind == _UPDATE and interaction.source:
            draft.check(data, draft.ANSWER, path="data", flags_of=interaction.source.flags)
            answer.updates, answer.message = True, interaction.source
            self._revise(interaction.source, data, body)
        else:
            answer.updates = answer.deferred = True
        answer.ephemeral = bool(answer.message and answer.message.ephemeral)

    def _new_message(self, interaction: Interaction, data: Document, body: Body, *, flags: int = 0) -> Message:
        world = self._world
        message = Message(world.ids(), interaction.channel, world.bot, "", world.clock(), interaction_id=interaction.id)
        draft.apply(message, body, data, [world.ids() for _ in body.files])
        if integer(data.get("flags") or 0) & EPHEMERAL:
            message.flags |= EPHEMERAL
            message.ephemeral_for = interaction.person
        message.flags |= flags
        return world.add_message(message)

    def _revise(self, message: Message, data: Document, body: Body) -> None:
        before, was_thinking = message.content, message.thinking
        draft.apply(message, body, data, [self._world.ids() for _ in body.files])
        message.flags &= ~LOADING
        if was_thinking:
            self._world.shown(message)
            self._world.announce("MESSAGE_UPDATE", message)
        else:
            self._world.revise(message, before)

    def _alive(self, request: web.Request) -> Interaction:
        interaction = self._world.interactions.get(request.match_info["token"])
        if interaction is None or integer(request.match_info["application"]) != self._world.application_id:
            raise ApiRefusal(404, 10015)
        if self._world.clock() - interaction.at > TOKEN_SECONDS:
            raise ApiRefusal(401, 50027)
        if interaction.answer.acknowledged_at is None:
            raise ApiRefusal(404, 10015)
        return interaction

    async def _followup(self, request: web.Request) -> web.Response:
        interaction, body = self._alive(request), request[BODY]
        answer = interaction.answer
        draft.check(body.document, draft.FOLLOWUP)
        draft.check_not_empty(body.document, body.files)
        if answer.message and answer.message.thinking and not answer.message.deleted:
            # The first followup after a deferral is its answer, and as private as the deferral was.
            self._revise(answer.message, body.document, body)
            message = answer.message
        else:
            if interaction.installed_for_user and len(answer.followups) >= _FOLLOWUPS_WHEN_INSTALLED_FOR_USER:
                raise ApiRefusal(400, 40094)
            message = self._new_message(interaction, body.document, body)
            answer.followups.append(message)
        interaction.touch()
        return web.json_response(message.document(self._world.files_url))

    def _own(self, request: web.Request) -> tuple[Interaction, Message]:
        interaction, key = self._alive(request), request.match_info["message"]
        answer = interaction.answer
        original = answer.message or (interaction.source if answer.updates else None)
        mine = [original] if key == "@original" else [original, *answer.followups]
        for message in mine:
            if message and not message.deleted and key in ("@original", str(message.id)):
                return interaction, message
        raise ApiRefusal(404, 10008)

    async def _message(self, request: web.Request) -> web.Response:
        return web.json_response(self._own(request)[1].document(self._world.files_url))

    async def _edit(self, request: web.Request) -> web.Response:
        (interaction, message), body = self._own(request), request[BODY]
        draft.check(body.document, draft.EDIT | {"poll"}, flags_of=message.flags)
        draft.check_stays_filled(message, body.document, body.files)
        self._revise(message, body.document, body)
        interaction.answer.message = interaction.answer.message or message
        interaction.touch()
        return web.json_response(message.document(self._world.files_url))

    async def _delete(self, request: web.Request) -> web.Response:
        interaction, message = self._own(request)
        self._world.remove(message)
        interaction.touch()
        return web.Response(status=204)

    def _callback_document(self, interaction: Interaction, kind: int) -> Document:
        message, head = interaction.answer.message, {"id": str(interaction.id), "type": interaction.kind}
        if message is None or kind == _DEFER_UPDATE:
            return {"interaction": head}
        more = {"response_message_id": str(message.id), "response_message_loading": message.thinking}
        document: Document = {"interaction": {**head, **more, "response_message_ephemeral": message.ephemeral}}
        if kind in (_MESSAGE, _UPDATE):
            document["resource"] = {"type": kind, "message": message.document(self._world.files_url)}
        return document


def _only_ephemeral(data: Document) -> Document:
    form = Form()
    form.known(data, ("flags", "tts"), "data")
    if integer(data.get("flags") or 0) & ~EPHEMERAL:
        form.fault("data.flags", "MESSAGE_FLAGS_INVALID", "Only EPHEMERAL may be set on a deferral")
    form.finish()
    return data


def _checked_choices(data: Document) -> list[Document]:
    form = Form()
    form.known(data, ("choices",), "data")
    choices = form.array(data, "choices", "data", 25)
    for index, choice in enumerate(choices):
        form.text(choice, "name", f"data.choices.{index}", 1, 100)
        if isinstance(choice.get("value"), str):
            form.text(choice, "value", f"data.choices.{index}", 1, 100)
    form.finish()
    return choices


def _checked_modal(data: Document) -> Document:
    form = Form()
    form.text(data, "custom_id", "data", 1, 100)
    form.text(data, "title", "data", 1, 45)
    if not 1 <= len(form.array(data, "components", "data", 5)) <= 5:
        form.length("data.components", 1, 5)
    form.finish()
    return data
