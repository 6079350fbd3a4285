"""The rules for registering commands."""

from __future__ import annotations

import aiohttp
import pytest

from tests.conftest import ManualClock
from tests.fakes.discord.document import Document
from tests.fakes.discord.rate import Rate, Rates
from tests.fakes.discord.server import FakeDiscord


def command(name: str = "save", **more: object) -> Document:
    """Make a command that may be registered."""
    return {"name": name, "description": "Keep it", "type": 1, **more}


def option(name: str, **more: object) -> Document:
    """Make a text option."""
    return {"name": name, "description": "A name", "type": 3, **more}


async def put(fake: FakeDiscord, commands: list[Document], *, place: str = "") -> tuple[int, object]:
    """Replace all commands."""
    url = f"{fake.api_url}/applications/{fake.world.application_id}{place}/commands"
    headers = {"Authorization": f"Bot {fake.world.token}"}
    async with aiohttp.ClientSession(headers=headers) as http, http.put(url, json=commands) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    "wrong",
    [
        command("Save"),
        command("s" * 33),
        command(description=""),
        command(description="d" * 101),
        command(colour="red"),
        command(options=[option(f"o{number}") for number in range(26)]),
        command(options=[option("a"), option("b", required=True)]),
        command(options=[option("a"), option("a")]),
        command(options=[option("a", choices=[{"name": str(n), "value": str(n)} for n in range(26)])]),
        command(options=[option("a", autocomplete=True, choices=[{"name": "x", "value": "x"}])]),
        command(
            options=[
                option(
                    f"o{number}",
                    description="d" * 100,
                    choices=[{"name": f"{n:0100}", "value": f"{n:0100}"} for n in range(5)],
                )
                for number in range(8)
            ]
        ),
    ],
)
async def test_commands_outside_the_limits_are_refused(wrong: Document) -> None:
    """Names, descriptions, options, choices and the size in all have limits; nothing is registered beyond them."""
    async with FakeDiscord.running() as fake:
        status, answer = await put(fake, [command("fine"), wrong])
        assert status == 400
        assert isinstance(answer, dict)
        assert (answer["code"], list(answer["errors"])) == (50035, ["1"])
        assert fake.commands == {0: []}


async def test_a_known_name_keeps_its_id_and_a_server_may_have_its_own() -> None:
    """Registering again keeps ids; commands of one server stand beside those of all."""
    async with FakeDiscord.running() as fake:
        guild = fake.guild("Club", members=[fake.person("Ann")])
        await put(fake, [command("a"), command("b")])
        first = [one["id"] for one in fake.commands[0]]
        await put(fake, [command("b"), command("c")])
        await put(fake, [command("d")], place=f"/guilds/{guild.id}")
        assert fake.commands[0][0]["id"] == first[1]
        assert [one["name"] for one in fake.commands[guild.id]] == ["d"]


async def test_only_so_many_commands_can_be_made_in_a_day(clock: ManualClock) -> None:
    """After 200 new commands there are no more until the next day."""
    async with FakeDiscord.running(clock=clock, rates=Rates(Rate(1000, 1.0))) as fake:
        for number in range(200):
            assert (await put(fake, [command(f"c{number}")]))[0] == 200
        status, answer = await put(fake, [command("one-more")])
        clock.advance(86_401)
        later, _ = await put(fake, [command("one-more")])
    assert isinstance(answer, dict)
    assert (status, answer["code"], later) == (400, 30034, 200)


async def test_a_bucket_that_is_full_says_when_to_come_again() -> None:
    """With strict limits the sixth request in five seconds is answered with 429 and the platform's headers."""
    async with FakeDiscord.running(rates=Rates.strict()) as fake:
        url, headers = f"{fake.api_url}/users/@me", {"Authorization": f"Bot {fake.world.token}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            for left in (4, 3, 2, 1, 0):
                async with http.get(url) as passed:
                    assert (passed.status, passed.headers["X-RateLimit-Remaining"]) == (200, str(left))
            async with http.get(url) as refused:
                body = await refused.json()
    assert (refused.status, refused.headers["X-RateLimit-Scope"]) == (429, "user")
    assert 0 < body["retry_after"] <= 5
