"""Application commands as the bot registered them, and the rules for registering."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tests.fakes.discord.document import Document
from tests.fakes.discord.form import Form
from tests.fakes.discord.refusal import ApiRefusal

_NAME = re.compile(r"[-_'\w]{1,32}")
_COMMAND = frozenset(
    [
        "id",
        "type",
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "options",
        "default_member_permissions",
        "dm_permission",
        "default_permission",
        "integration_types",
        "contexts",
        "nsfw",
        "handler",
    ]
)
_OPTION = frozenset(
    [
        "type",
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "required",
        "choices",
        "options",
        "channel_types",
        "min_value",
        "max_value",
        "min_length",
        "max_length",
        "autocomplete",
        "file_types",
    ]
)
CHAT_INPUT, SUBCOMMAND, GROUP = 1, 1, 2
_LIMITS = {1: 100, 2: 15, 3: 15}
_CREATES_A_DAY, _CHARACTERS = 200, 8000


class Commands:
    """What is registered: everywhere (key 0), and in single servers."""

    def __init__(self, application_id: int, ids: Callable[[], int], clock: Callable[[], float]) -> None:
        self._application_id, self._ids, self._clock = application_id, ids, clock
        self._by_place: dict[int, dict[tuple[int, str], Document]] = {0: {}}
        self._created: dict[int, list[float]] = {}

    def listed(self, guild_id: int = 0) -> list[Document]:
        """Give what is registered everywhere, or in one server."""
        return list(self._by_place.get(guild_id, {}).values())

    def places(self) -> dict[int, list[Document]]:
        """Give all, by server; 0 is everywhere."""
        return {place: self.listed(place) for place in self._by_place}

    def find(self, name: str, guild_id: int) -> Document | None:
        """Find a slash command as somebody in this server would."""
        key = (CHAT_INPUT, name)
        return self._by_place.get(guild_id, {}).get(key) or self._by_place[0].get(key)

    def replace_all(self, commands: Sequence[Document], guild_id: int = 0) -> list[Document]:
        """Register these and no others, keeping the ids of those with known names."""
        self._check(commands, bulk=True)
        known = self._by_place.get(guild_id, {})
        self._count_new(sum(1 for command in commands if _key(command) not in known), guild_id)
        self._by_place[guild_id] = {_key(command): self._stored(command, guild_id) for command in commands}
        return self.listed(guild_id)

    def upsert(self, command: Document, guild_id: int = 0) -> Document:
        """Register one more, or a new form of one."""
        self._check([command], bulk=False)
        place = self._by_place.setdefault(guild_id, {})
        self._count_new(_key(command) not in place, guild_id)
        place[_key(command)] = stored = self._stored(command, guild_id)
        return stored

    def remove(self, command_id: int, guild_id: int = 0) -> None:
        """Take one out."""
        place = self._by_place.get(guild_id, {})
        for key, command in list(place.items()):
            if command["id"] == str(command_id):
                del place[key]
                return
        raise ApiRefusal(404, 10063)

    def _stored(self, command: Document, guild_id: int) -> Document:
        known = self._by_place.get(guild_id, {}).get(_key(command), {})
        head = {"id": known.get("id") or str(self._ids()), "application_id": str(self._application_id)}
        place = {"guild_id": str(guild_id)} if guild_id else {}
        default = {
            "type": CHAT_INPUT,
            "description": "",
            "options": [],
            "nsfw": False,
            "default_member_permissions": None,
        }
        reach = {"contexts": command.get("contexts"), "integration_types": command.get("integration_types") or [0]}
        return {**default, **command, **reach, **head, **place, "version": str(self._ids())}

    def _count_new(self, new: int, guild_id: int) -> None:
        today = [at for at in self._created.get(guild_id, []) if at > self._clock() - 86_400]
        if len(today) + new > _CREATES_A_DAY:
            raise ApiRefusal(400, 30034)
        self._created[guild_id] = today + [self._clock()] * new

    def _check(self, commands: Sequence[Document], *, bulk: bool) -> None:
        form = Form()
        for kind, limit in _LIMITS.items():
            if sum(1 for command in commands if command.get("type", CHAT_INPUT) == kind) > limit:
                form.fault("", "APPLICATION_COMMANDS_LIMIT", f"Maximum number of commands reached ({limit})")
        if len({_key(command) for command in commands}) < len(commands):
            form.fault("", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
        for index, command in enumerate(commands):
            check_command(form, command, str(index) if bulk else "")
        form.finish()


def check_command(form: Form, command: Document, path: str) -> None:
    """Check one command: names, descriptions, options, size in all."""
    form.known(command, _COMMAND, path)
    if command.get("type", CHAT_INPUT) != CHAT_INPUT:
        form.text(command, "name", path, 1, 32)
        return
    _check_words(form, command, path)
    _check_options(form, command, path, depth=0)
    if sum(_size(command)) > _CHARACTERS:
        form.fault(path, "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({_CHARACTERS})")


def _check_words(form: Form, part: Document, path: str) -> None:
    name = str(part.get("name") or "")
    if not _NAME.fullmatch(name) or name != name.lower():
        form.fault(f"{path}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    form.text(part, "description", path, 1, 100)


def _check_options(form: Form, part: Document, path: str, *, depth: int) -> None:
    options = form.array(part, "options", path, 25)
    base = f"{path}.options"
    if len({str(option.get("name")) for option in options}) < len(options):
        form.fault(base, "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option names must be unique")
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        form.fault(base, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options must come first")
    nested = [option.get("type") in (SUBCOMMAND, GROUP) for option in options]
    if any(nested) and not all(nested):
        form.fault(base, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Subcommands and options cannot be mixed")
    for index, option in enumerate(options):
        _check_option(form, option, f"{base}.{index}", depth)


def _check_option(form: Form, option: Document, path: str, depth: int) -> None:
    form.known(option, _OPTION, path)
    allowed = {0: range(1, 12), 1: (SUBCOMMAND,), 2: range(3, 12)}[depth]
    form.choice(option, "type", path, allowed)
    _check_words(form, option, path)
    if option.get("type") in (SUBCOMMAND, GROUP):
        if depth < 2:
            _check_options(form, option, path, depth=2 if option["type"] == SUBCOMMAND else 1)
        return
    choices = form.array(option, "choices", path, 25)
    for index, choice in enumerate(choices):
        form.text(choice, "name", f"{path}.choices.{index}", 1, 100)
        if isinstance(choice.get("value"), str):
            form.text(choice, "value", f"{path}.choices.{index}", 1, 100)
    if choices and option.get("autocomplete"):
        form.fault(path, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID", "Choices exclude autocomplete")


def _size(part: Document) -> Iterator[int]:
    yield sum(len(str(part.get(name) or "")) for name in ("name", "description", "value"))
    for inner in (*(part.get("options") or ()), *(part.get("choices") or ())):
        yield from _size(inner)


def _key(command: Document) -> tuple[int, str]:
    return int(command.get("type") or CHAT_INPUT), str(command.get("name"))
