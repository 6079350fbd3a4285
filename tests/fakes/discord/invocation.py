"""What a person's client sends when they use a command, a button, a menu or a dialogue."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Literal

from tests.fakes.discord.body import FILE_BYTES
from tests.fakes.discord.chronicle import Entry
from tests.fakes.discord.document import Document
from tests.fakes.discord.event import Event
from tests.fakes.discord.interaction import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interaction
from tests.fakes.discord.message import BUTTON, Message, label, within
from tests.fakes.discord.option import Value, filled, leaf, nested, resolved
from tests.fakes.discord.person import ALL_PERMISSIONS, User
from tests.fakes.discord.place import AMONG_PEOPLE, IN_SERVER, Channel
from tests.fakes.discord.refusal import Refused
from tests.fakes.discord.world import World

Installed = Literal["guild", "user"]


class Invocations:
    """Makes interactions, and refuses what the client would refuse."""

    def __init__(self, world: World) -> None:
        self._world = world

    def command(
        self,
        person: User,
        words: str,
        channel: Channel,
        installed: Installed,
        values: Mapping[str, Value],
        focused: str = "",
    ) -> Interaction:
        """Use a slash command, or ask for completions of its option `focused`."""
        _check_presence(person, channel)
        command, path = self._find(words, channel)
        _check_reach(command, channel, installed)
        options = filled(leaf(command, path), values, focused=focused)
        data: Document = {"id": command["id"], "name": command["name"], "type": 1}
        data |= {"options": nested(command, path, options)}
        if found := resolved(values, in_server=channel.guild is not None):
            data["resolved"] = found
        if "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        kind, name = (AUTOCOMPLETE if focused else COMMAND), f"/{words}"
        if not focused:
            shown = "".join(f" {key}={_shown(value)}" for key, value in values.items())
            self._world.chronicle.note(Entry(channel, person, name + shown))
        return self._start(person, channel, kind, name, data, installed)

    def press(self, person: User, message: Message, wanted: str) -> Interaction:
        """Press a button, named by its label or its custom id."""
        _check_sees(person, message)
        parts = [part for part in within(message.components) if part.get("type") == BUTTON]
        for part in parts:
            if wanted in (label(part), part.get("custom_id")):
                return self._press(person, message, part)
        raise Refused(f"no button {wanted!r}; there is {', '.join(map(label, parts)) or 'none'}")

    def _press(self, person: User, message: Message, part: Document) -> Interaction:
        if part.get("disabled") or not part.get("custom_id"):
            raise Refused(f"button {label(part)!r} cannot be pressed")
        self._world.chronicle.note(Entry(message.channel, person, f"(presses [{label(part)}])", message.ephemeral_for))
        data = {"custom_id": part["custom_id"], "component_type": BUTTON}
        return self._start(person, message.channel, COMPONENT, f"[{label(part)}]", data, source=message)

    def choose(self, person: User, message: Message, value: str) -> Interaction:
        """Choose an option of a menu, named by its label or its value."""
        _check_sees(person, message)
        for select in message.selects:
            for option in select.get("options") or ():
                if value in (option["label"], option["value"]) and not select.get("disabled"):
                    note = Entry(message.channel, person, f"(chooses {option['label']})", message.ephemeral_for)
                    self._world.chronicle.note(note)
                    data = {"custom_id": select["custom_id"], "component_type": 3, "values": [option["value"]]}
                    return self._start(person, message.channel, COMPONENT, option["label"], data, source=message)
        raise Refused(f"no menu has {value!r}")

    def submit(self, person: User, asked: Interaction, values: Mapping[str, str]) -> Interaction:
        """Send back the dialogue that an interaction was answered with."""
        modal = asked.answer.modal
        if modal is None or asked.person is not person:
            raise Refused("there is no dialogue to send")
        components = [_filled_in(part, values) for part in modal["components"]]
        data = {"custom_id": modal["custom_id"], "components": components}
        self._world.chronicle.note(Entry(asked.channel, person, f"(sends {modal['title']})", person))
        return self._start(person, asked.channel, MODAL, modal["title"], data, source=asked.source)

    def _find(self, words: str, channel: Channel) -> tuple[Document, list[str]]:
        name, *path = words.split()
        guild = channel.guild.id if channel.guild else 0
        command = self._world.commands.find(name, guild)
        if command is None:
            raise Refused(f"there is no command /{name}")
        return command, path

    def _start(
        self,
        person: User,
        channel: Channel,
        kind: int,
        name: str,
        data: Document,
        installed: Installed = "guild",
        source: Message | None = None,
    ) -> Interaction:
        world = self._world
        interaction = Interaction(world.ids(), secrets.token_urlsafe(64), kind, person, channel, world.clock(), name)
        guild = channel.guild
        foreign = channel.context == AMONG_PEOPLE or (guild is not None and not guild.has_bot)
        installed = "user" if foreign else installed
        interaction.installed_for_user, interaction.source = foreign, source
        world.interactions[interaction.token] = interaction
        document = self._document(interaction, data, installed)
        world.emit(Event("INTERACTION_CREATE", document, guild))
        return interaction

    def _document(self, interaction: Interaction, data: Document, installed: Installed) -> Document:
        person, channel = interaction.person, interaction.channel
        guild = channel.guild
        owners = {"1": str(person.id)} if installed == "user" else {"0": str(guild.id) if guild else "0"}
        document: Document = {
            "id": str(interaction.id),
            "application_id": str(self._world.application_id),
            "type": interaction.kind,
            "token": interaction.token,
            "version": 1,
            "data": data,
            "locale": person.locale,
            "entitlements": [],
            "channel_id": str(channel.id),
            "channel": {**channel.document(), "permissions": ALL_PERMISSIONS},
            "context": channel.context,
            "authorizing_integration_owners": owners,
            "app_permissions": ALL_PERMISSIONS,
            "attachment_size_limit": FILE_BYTES,
        }
        if guild:
            document |= {"guild_id": str(guild.id), "guild_locale": "en-US", "member": person.member(permissions=True)}
            document["guild"] = {"id": str(guild.id), "locale": "en-US", "features": []}
        else:
            document["user"] = person.document()
        if interaction.source:
            document["message"] = interaction.source.document(self._world.files_url)
        return document


def _check_presence(person: User, channel: Channel) -> None:
    if person not in (channel.guild.members if channel.guild else channel.people):
        raise Refused(f"{person.name} is not in {channel.title}")


def _check_sees(person: User, message: Message) -> None:
    _check_presence(person, message.channel)
    if message.deleted or message.ephemeral_for not in (None, person):
        raise Refused(f"{person.name} does not see that message")


def _check_reach(command: Document, channel: Channel, installed: Installed) -> None:
    if channel.archived:
        raise Refused("commands cannot be used in an archived thread")
    contexts = command.get("contexts")
    if contexts is None and command.get("dm_permission") is False:
        contexts = [IN_SERVER]
    if contexts is not None and channel.context not in contexts:
        raise Refused(f"/{command['name']} is not offered here")
    if (1 if installed == "user" else 0) not in command["integration_types"]:
        raise Refused(f"/{command['name']} cannot be installed for a {installed}")
    absent = channel.context == AMONG_PEOPLE or (channel.guild is not None and not channel.guild.has_bot)
    if installed == "guild" and absent:
        raise Refused(f"the bot is not in {channel.title}")


def _filled_in(part: Document, values: Mapping[str, str]) -> Document:
    if part.get("type") == 4:
        return {
            "type": 4,
            "id": part.get("id", 1),
            "custom_id": part["custom_id"],
            "value": values.get(part["custom_id"], ""),
        }
    filled_part = {"type": part.get("type"), "id": part.get("id", 1)}
    if "component" in part:
        filled_part["component"] = _filled_in(part["component"], values)
    if "components" in part:
        filled_part["components"] = [_filled_in(inner, values) for inner in part["components"]]
    return filled_part


def _shown(value: Value) -> str:
    return value.name if isinstance(value, User | Channel) else str(value)
