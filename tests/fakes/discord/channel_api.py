"""Channels, their messages and their threads."""

from __future__ import annotations

from aiohttp import web

from tests.fakes.discord import draft
from tests.fakes.discord.document import Document, integer
from tests.fakes.discord.event import needs_content_intent, without_content
from tests.fakes.discord.form import Form
from tests.fakes.discord.message import Message
from tests.fakes.discord.place import PRIVATE_THREAD, THREAD, Channel
from tests.fakes.discord.refusal import ApiRefusal
from tests.fakes.discord.rest import BASE, BODY
from tests.fakes.discord.world import World

NONCE_SECONDS = 180.0
_PATCHABLE = frozenset(
    [
        "name",
        "archived",
        "auto_archive_duration",
        "locked",
        "invitable",
        "rate_limit_per_user",
        "flags",
        "applied_tags",
        "topic",
        "nsfw",
    ]
)
_THREAD_FIELDS = ("name", "auto_archive_duration", "rate_limit_per_user", "type", "invitable")
_DURATIONS = (60, 1440, 4320, 10080)


class ChannelApi:
    """The routes under /channels."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._nonces: dict[tuple[int, str], tuple[float, Message]] = {}

    def add_to(self, app: web.Application) -> None:
        """Serve these routes."""
        channel, router = f"{BASE}/channels/{{channel}}", app.router
        router.add_get(channel, self._channel)
        router.add_patch(channel, self._patch)
        router.add_post(f"{channel}/typing", self._typing)
        router.add_get(f"{channel}/messages", self._history)
        router.add_post(f"{channel}/messages", self._send)
        router.add_get(f"{channel}/messages/{{message}}", self._message)
        router.add_patch(f"{channel}/messages/{{message}}", self._edit)
        router.add_delete(f"{channel}/messages/{{message}}", self._delete)
        router.add_post(f"{channel}/messages/{{message}}/threads", self._thread)
        router.add_post(f"{channel}/threads", self._thread)
        router.add_put(f"{channel}/thread-members/{{user}}", self._nothing)
        router.add_delete(f"{channel}/thread-members/{{user}}", self._nothing)

    def _found(self, request: web.Request) -> Channel:
        return self._world.channel(integer(request.match_info["channel"]))

    def _found_message(self, request: web.Request, *, own: bool = False) -> Message:
        message = self._world.message(self._found(request), integer(request.match_info["message"]))
        if own and message.author is not self._world.bot:
            raise ApiRefusal(403, 50005)
        return message

    def _document(self, message: Message) -> Document:
        document = message.document(self._world.files_url)
        hidden = not self._world.message_content and needs_content_intent(message, self._world.bot.id)
        return without_content(document) if hidden else document

    async def _channel(self, request: web.Request) -> web.Response:
        return web.json_response(self._found(request).document())

    async def _typing(self, request: web.Request) -> web.Response:
        channel = self._writable(request)
        self._world.typed.append(channel)
        return web.Response(status=204)

    async def _nothing(self, request: web.Request) -> web.Response:
        self._found(request)
        return web.Response(status=204)

    def _writable(self, request: web.Request) -> Channel:
        channel = self._found(request)
        if not channel.writable or (channel.archived and channel.locked):
            raise ApiRefusal(403, 50013)
        if channel.guild is None and channel.people[0].blocks_bot:
            raise ApiRefusal(403, 50007)
        return channel

    async def _history(self, request: web.Request) -> web.Response:
        channel, query, form = self._found(request), request.query, Form()
        limit = integer(query.get("limit", "50"))
        if not 1 <= limit <= 100:
            form.fault("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        form.finish()
        shown = [one for one in self._world.messages[channel.id].values() if not one.deleted and not one.ephemeral]
        shown.sort(key=lambda one: one.id)
        if after := query.get("after"):
            picked = [one for one in shown if one.id > integer(after)][:limit]
        else:
            before = integer(query["before"]) if "before" in query else 1 << 63
            picked = [one for one in shown if one.id < before][-limit:]
        return web.json_response([self._document(one) for one in reversed(picked)])

    async def _message(self, request: web.Request) -> web.Response:
        return web.json_response(self._document(self._found_message(request)))

    async def _send(self, request: web.Request) -> web.Response:
        channel, body, world = self._writable(request), request[BODY], self._world
        draft.check(body.document, draft.NEW)
        draft.check_not_empty(body.document, body.files)
        if first := self._sent_before(channel, body.document):
            return web.json_response(self._document(first))
        message = Message(world.ids(), channel, world.bot, "", world.clock(), nonce=body.document.get("nonce"))
        message.reply_to = self._replied(channel, body.document)
        draft.apply(message, body, body.document, [world.ids() for _ in body.files])
        world.add_message(message)
        if message.nonce is not None:
            self._nonces[channel.id, str(message.nonce)] = (world.clock(), message)
        return web.json_response(self._document(message))

    def _sent_before(self, channel: Channel, document: Document) -> Message | None:
        if not document.get("enforce_nonce") or document.get("nonce") is None:
            return None
        at, message = self._nonces.get((channel.id, str(document["nonce"])), (0.0, None))
        return message if self._world.clock() - at < NONCE_SECONDS else None

    def _replied(self, channel: Channel, document: Document) -> Message | None:
        reference = document.get("message_reference")
        if not reference:
            return None
        try:
            return self._world.message(channel, integer(reference.get("message_id")))
        except ApiRefusal:
            if not reference.get("fail_if_not_exists", True):
                return None
        form = Form()
        form.fault("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        form.finish()
        return None

    async def _edit(self, request: web.Request) -> web.Response:
        message, body = self._found_message(request, own=True), request[BODY]
        if message.channel.archived:
            raise ApiRefusal(400, 50083)
        draft.check(body.document, draft.EDIT, flags_of=message.flags)
        draft.check_stays_filled(message, body.document, body.files)
        before = message.content
        draft.apply(message, body, body.document, [self._world.ids() for _ in body.files])
        self._world.revise(message, before)
        return web.json_response(self._document(message))

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._found_message(request)
        if message.author is not self._world.bot and message.channel.guild is None:
            raise ApiRefusal(403, 50003)
        self._world.remove(message)
        return web.Response(status=204)

    async def _thread(self, request: web.Request) -> web.Response:
        parent, world, body, form = self._writable(request), self._world, request[BODY].document, Form()
        if parent.guild is None or parent.is_thread:
            raise ApiRefusal(400, 50024)
        form.known(body, _THREAD_FIELDS)
        form.text(body, "name", "", 1, 100)
        form.choice(body, "auto_archive_duration", "", _DURATIONS)
        form.choice(body, "type", "", (10, THREAD, PRIVATE_THREAD))
        form.finish()
        key = self._found_message(request).id if "message" in request.match_info else 0
        if key in world.channels:
            raise ApiRefusal(400, 160004)
        kind = THREAD if key else integer(body.get("type") or PRIVATE_THREAD)
        thread = world.add_thread(parent, body["name"], world.bot, key=key, kind=kind)
        thread.auto_archive_minutes = integer(body.get("auto_archive_duration") or 1440)
        return web.json_response(thread.document(), status=201)

    async def _patch(self, request: web.Request) -> web.Response:
        channel, body, form = self._found(request), request[BODY].document, Form()
        if channel.guild is None:
            raise ApiRefusal(400, 50024)
        form.known(body, _PATCHABLE)
        form.text(body, "name", "", 1, 100, required=False)
        form.choice(body, "auto_archive_duration", "", _DURATIONS)
        form.finish()
        channel.name = body.get("name", channel.name)
        channel.archived = bool(body.get("archived", channel.archived))
        channel.locked = bool(body.get("locked", channel.locked))
        channel.auto_archive_minutes = integer(body.get("auto_archive_duration", channel.auto_archive_minutes))
        self._world.tell("THREAD_UPDATE" if channel.is_thread else "CHANNEL_UPDATE", channel)
        return web.json_response(channel.document())
