"""Running what was typed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.reply import Reply
from bot.commands.command import Access, Command
from bot.commands.context import Context
from bot.commands.parameters import Parameters
from bot.commands.registry import COMMANDS, invoke, run_command
from bot.commands.table import help_
from sessions.errors import KeyRefused, SessionLocked, StoreFull, StoreHeld, Tampered
from tests.bot.commands.person import Person, manager
from tests.conftest import ManualClock

WORDS = sorted({word for command in COMMANDS for word in command.path})
PIECES = st.sampled_from([*WORDS, "/", '"', "“x y”", "1", "2", "off", "04:00", "\u00a0", "\\", "*", "`", "'", "x"])
LINES = st.builds(
    lambda head, rest: f"/{head} {' '.join(rest)}",
    st.one_of(st.sampled_from([command.path[0] for command in COMMANDS]), st.text(max_size=5)),
    st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=4),
)


async def _fails_with_full_disk(context: Context, parameters: Parameters) -> Reply:
    raise StoreFull("no room in /var/lib/palaver/palaver.db")


async def _finds_the_store_held(context: Context, parameters: Parameters) -> Reply:
    raise StoreHeld("/var/lib/palaver/palaver.db", 42)


async def _finds_damage(context: Context, parameters: Parameters) -> Reply:
    raise Tampered("a conversation")


async def _lacks_a_key(context: Context, parameters: Parameters) -> Reply:
    raise SessionLocked("5e" * 8)


async def _lacks_every_key(context: Context, parameters: Parameters) -> Reply:
    raise KeyRefused("the key file /var/lib/palaver/palaver.key does not exist")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, min_size=1, max_size=6))
async def test_no_line_raises(lines: list[str]) -> None:
    """Whatever is typed, in whatever order, is answered."""
    clock = ManualClock()
    async with manager(clock) as sessions:
        person = Person(sessions, clock)
        await person.says("hello")
        for line in lines:
            result = await run_command(line, person.context, person.pending)
            assert not isinstance(result, Reply) or result.text


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(command.path) for command in COMMANDS])
async def test_every_example_is_answered(ann: Person, command: Command) -> None:
    """Each example of the help runs, in a conversation in which something was said."""
    ann.operator = True
    await ann.says("hello")
    result = await run_command(command.example, ann.context, ann.pending)
    assert not isinstance(result, Reply) or result.text


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.private], ids=lambda c: " ".join(c.path))
async def test_private_commands_answer_in_private(ann: Person, command: Command) -> None:
    """Every answer of a command that is declared private is marked so, failures and questions too."""
    ann.operator = True
    await ann.says("hello")
    assert (await ann.types(command.example)).private


async def test_mistakes_are_answered_with_the_usage(ann: Person) -> None:
    """Too little, too much, a wrong value, a loose quote: an error that says what is right."""
    for line, part in (
        ("/session switch", "Usage: `/session switch <which>`"),
        ("/reset now", "Usage: `/reset`"),
        ("/undo many", "from 1 to 100"),
        ('/checkpoint save "x', "Close it"),
        ("/sesion", "Did you mean `/session`?"),
    ):
        reply = await ann.types(line)
        assert reply.error, line
        assert part in reply.text


@pytest.mark.parametrize(
    ("handler", "part"),
    [
        (_fails_with_full_disk, "disk is full"),
        (_finds_the_store_held, "can not be used right now"),
        (_finds_damage, "can not be opened"),
        (_lacks_a_key, "locked with a key that is not at hand"),
        (_lacks_every_key, "A key is missing here"),
    ],
)
async def test_failures_of_the_store_are_answered_without_paths(ann: Person, handler: object, part: str) -> None:
    """What goes wrong below is said in plain words that give nothing away about the machine."""
    command = replace(COMMANDS[0], handler=handler)  # type: ignore[arg-type]  # parametrised as object
    reply = await invoke(command, ann.context, Parameters(), ann.pending)
    assert isinstance(reply, Reply)
    assert reply.error
    assert part in reply.text
    assert "/var" not in reply.text


async def test_commands_for_operators_are_hidden_from_others(ann: Person) -> None:
    """For anybody else an operator's command does not exist, typed or native."""
    secret = replace(COMMANDS[0], path=("audit",), handler=help_, access=Access.OPERATOR)
    table = (*COMMANDS, secret)
    refused = await run_command("/audit", ann.context, ann.pending, table=table)
    assert refused == await run_command("/audit", ann.context, ann.pending)
    native = await invoke(secret, ann.context, Parameters(), ann.pending)
    assert isinstance(native, Reply)
    assert native.error


async def test_operators_may_use_their_commands(ann: Person) -> None:
    """The same command runs for an operator."""
    secret = replace(COMMANDS[0], path=("audit",), handler=help_, access=Access.OPERATOR)
    context = replace(ann.context, operator=True)
    reply = await run_command("/audit", context, ann.pending, table=(secret,))
    assert isinstance(reply, Reply)
    assert not reply.error
