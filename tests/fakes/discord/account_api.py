"""Who the bot is, where its gateway is, and which commands it has."""

from __future__ import annotations

from aiohttp import web

from tests.fakes.discord.document import Document, integer
from tests.fakes.discord.form import Form
from tests.fakes.discord.gateway import Gateway, app_flags
from tests.fakes.discord.place import Guild
from tests.fakes.discord.refusal import ApiRefusal
from tests.fakes.discord.rest import BASE, BODY
from tests.fakes.discord.world import World


class AccountApi:
    """The routes under /users, /applications, /gateway and /guilds."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self._world, self._gateway = world, gateway

    def add_to(self, app: web.Application) -> None:
        """Serve these routes."""
        get, post = app.router.add_get, app.router.add_post
        get(f"{BASE}/gateway", self._gateway_url)
        get(f"{BASE}/gateway/bot", self._gateway_url)
        get(f"{BASE}/users/@me", self._me)
        get(f"{BASE}/users/{{user}}", self._user)
        post(f"{BASE}/users/@me/channels", self._direct)
        get(f"{BASE}/applications/@me", self._application)
        get(f"{BASE}/oauth2/applications/@me", self._application)
        get(f"{BASE}/guilds/{{guild}}", self._guild)
        get(f"{BASE}/guilds/{{guild}}/channels", self._channels)
        get(f"{BASE}/guilds/{{guild}}/threads/active", self._threads)
        get(f"{BASE}/guilds/{{guild}}/members/{{user}}", self._member)
        for place in ("", "/guilds/{guild}"):
            path = f"{BASE}/applications/{{application}}{place}/commands"
            get(path, self._commands)
            app.router.add_put(path, self._replace_commands)
            post(path, self._add_command)
            app.router.add_delete(f"{path}/{{command}}", self._remove_command)

    async def _gateway_url(self, request: web.Request) -> web.Response:
        return web.json_response(self._gateway.document())

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response({**self._world.bot.document(), "email": None, "mfa_enabled": True, "verified": True})

    async def _user(self, request: web.Request) -> web.Response:
        person = self._world.people.get(integer(request.match_info["user"]))
        if person is None:
            raise ApiRefusal(404, 10013)
        return web.json_response(person.document())

    async def _direct(self, request: web.Request) -> web.Response:
        body, form = request[BODY].document, Form()
        form.known(body, ("recipient_id", "access_tokens", "nicks"))
        if "recipient_id" not in body:
            form.fault("recipient_id", "BASE_TYPE_REQUIRED", "This field is required")
        form.finish()
        person = self._world.people.get(integer(body["recipient_id"]))
        if person is None:
            raise ApiRefusal(404, 10013)
        if person.bot:
            raise ApiRefusal(400, 50007)
        return web.json_response(self._world.direct(person).document())

    async def _application(self, request: web.Request) -> web.Response:
        world = self._world
        owner = next((one for one in world.people.values() if not one.bot), world.bot)
        document: Document = {"id": str(world.application_id), "name": world.bot.name, "icon": None, "description": ""}
        document |= {"bot_public": True, "bot_require_code_grant": False, "verify_key": "0" * 64, "summary": ""}
        document |= {"owner": owner.document(), "team": None, "flags": app_flags(world), "tags": []}
        document |= {"integration_types_config": {"0": {}, "1": {}}, "interactions_endpoint_url": None}
        return web.json_response(document)

    async def _guild(self, request: web.Request) -> web.Response:
        guild = self._found(request)
        return web.json_response(guild.document(self._world.bot))

    async def _channels(self, request: web.Request) -> web.Response:
        return web.json_response([one.document() for one in self._found(request).channels if not one.is_thread])

    async def _threads(self, request: web.Request) -> web.Response:
        threads = [one.document() for one in self._found(request).channels if one.is_thread and not one.archived]
        return web.json_response({"threads": threads, "members": [], "has_more": False})

    async def _member(self, request: web.Request) -> web.Response:
        guild, key = self._found(request), integer(request.match_info["user"])
        for person in (*guild.members, self._world.bot):
            if person.id == key:
                return web.json_response(person.member())
        raise ApiRefusal(404, 10013)

    async def _commands(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.commands.listed(self._command_place(request)))

    async def _replace_commands(self, request: web.Request) -> web.Response:
        commands = request[BODY].listed
        if commands is None:
            form = Form()
            form.fault("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            form.finish()
        return web.json_response(self._world.commands.replace_all(commands or [], self._command_place(request)))

    async def _add_command(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.commands.upsert(request[BODY].document, self._command_place(request)))

    async def _remove_command(self, request: web.Request) -> web.Response:
        self._world.commands.remove(integer(request.match_info["command"]), self._command_place(request))
        return web.Response(status=204)

    def _command_place(self, request: web.Request) -> int:
        if integer(request.match_info["application"]) != self._world.application_id:
            raise ApiRefusal(403, 50001)
        guild = integer(request.match_info.get("guild", "0"))
        if guild and guild not in self._world.guilds:
            raise ApiRefusal(403, 50001)
        return guild

    def _found(self, request: web.Request) -> Guild:
        guild = self._world.guilds.get(integer(request.match_info["guild"]))
        if guild is None or not guild.has_bot:
            raise ApiRefusal(404, 10004)
        return guild
