"""A new master key under workers that run: rolled out to all of them, rotated to, and the old one retired."""

from __future__ import annotations

import base64
import json
import secrets
from contextlib import AsyncExitStack
from pathlib import Path

from sessions.keys import write_secret
from tests.bot.running import TELEGRAM_TOKEN, running
from tests.bot.shell import Done, Shell
from tests.bot.test_workers import PATIENCE, Crowd, all_share, many
from tests.fakes.telegram.server import FakeTelegram


def key_in(path: Path) -> str:
    """Make a key file."""
    write_secret(path, base64.b64encode(secrets.token_bytes(32)))
    return str(path)


def well(done: Done) -> str:
    """Check that a command went well; give what it printed."""
    assert done.code == 0, done
    return done.out


async def test_nobody_notices_that_the_key_is_changed(tmp_path: Path, database: str) -> None:
    """Each worker is restarted once, with both keys in its settings; from then on two commands do it."""
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, AsyncExitStack() as stack:
        crowd, newcomers = Crowd(telegram, 12), Crowd(telegram, 0)
        crowd.people, newcomers.people = crowd.people[:6], crowd.people[6:]
        newcomers.chats = crowd.chats
        old, new = key_in(tmp_path / "old.key"), key_in(tmp_path / "new.key")
        settings = {name: value for name, value in many(telegram, database).items() if name != "PALAVER_KEY"}
        async with running(tmp_path / "first", {**settings, "PALAVER_KEY_FILE": old}, paced=False):
            await crowd.say("word 0")
            await crowd.hear("word 0")
        both = {**settings, "PALAVER_KEY_FILE": new, "PALAVER_OLD_KEY_FILES": json.dumps([old])}
        bots = [
            await stack.enter_async_context(running(tmp_path / f"{number}", both, paced=False)) for number in range(2)
        ]
        await all_share(*bots)
        before = bots[0].sessions.kid
        shell = Shell(tmp_path / "command", both)
        well(shell.run("keys", "rotate"))
        await crowd.say("word 1")
        await crowd.hear("word 1")
        await newcomers.say("word 0")
        await newcomers.hear("word 0")
        well(shell.run("keys", "retire", before))
        for each in (crowd, newcomers):
            await each.say("word 2")
            await each.hear("word 2")
        for person in crowd.people:
            await telegram.say(person, "/new", chat=crowd.chats[person.id])
            await telegram.wait_for(crowd.chats[person.id], "new conversation", PATIENCE)
        keys = json.loads(well(shell.run("keys", "status", "--json")))["keys"]
        assert [key["state"] for key in keys] == ["primary"]
        assert keys[0]["key"] != before
        assert "open" in well(shell.run("keys", "verify"))
        for bot in bots:
            assert await bot.sessions.verify() == []
