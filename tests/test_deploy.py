"""What is there to run Palaver in earnest: it names only what exists, and asks for no more rights than it needs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bot.cli import palaver
from bot.prometheus_meter import PrometheusMeter
from bot.startup import key_provider
from config.errors import SettingsError
from config.load import load_settings
from config.settings import fields_by_name
from tests.bot.running import TELEGRAM_TOKEN
from tests.bot.shell import ROOT
from tests.bot.test_run import on_telegram
from tests.fakes.telegram.server import FakeTelegram

DEPLOY = ROOT / "config" / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
UNIT = (DEPLOY / "palaver.service").read_text(encoding="utf-8")
BOARD = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
_NAME = re.compile(r"\b(?:palaver|process)_[a-z_]+\b")


def command(words: list[str]) -> click.Command:
    """Find the command that words name; options it does not have fail."""
    found: click.Command = palaver
    rest = list(words)
    while isinstance(found, click.Group):
        found = found.commands[rest.pop(0)]
    known = {option for parameter in found.params for option in [*parameter.opts, *parameter.secondary_opts]}
    assert {word for word in rest if word.startswith("-")} <= known
    return found


def variables(text: str) -> set[str]:
    """Give the settings that are named as variables."""
    return {name.lower().replace("__", ".") for name in re.findall(r"\bPALAVER_([A-Z_]*[A-Z])\b", text)}


# -- the dashboard -----------------------------------------------------------------------------------


def _exprs(panels: list[dict[str, object]]) -> Iterator[str]:
    for panel in panels:
        targets = panel.get("targets", [])
        assert isinstance(targets, list)
        yield from (target["expr"] for target in targets)


def test_the_dashboard_shows_every_number_there_is_and_no_other() -> None:
    """Each name in it is one that the program gives, and of its own numbers none is left out."""
    page = PrometheusMeter(["telegram"], "echo", "1").page("")[0].decode()
    given = set(re.findall(r"^([a-z_]+)(?:\{| )", page, re.MULTILINE))
    shown = {name for expr in _exprs(BOARD["panels"]) for name in _NAME.findall(expr)}
    assert shown - given == set()
    ours = {name for name in given if name.startswith("palaver_") and not name.endswith("_created")}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in ours}
    assert families == {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown if name.startswith("palaver_")}


def test_the_dashboard_asks_for_no_label_that_is_not_there() -> None:
    """What is summed by and matched is a label of the number; a panel says what it shows."""
    labels = {"platform", "backend", "outcome", "reason", "le", "job"}
    for expr in _exprs(BOARD["panels"]):
        named = {name.strip() for group in re.findall(r"by \(([^)]*)\)", expr) for name in group.split(",")}
        named |= set(re.findall(r"[{,]([a-z]+)=", expr))
        assert named <= labels, expr
    drawn = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
    assert all(panel["description"] and panel["title"] for panel in drawn)
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


# -- the image ---------------------------------------------------------------------------------------


def test_the_image_runs_as_nobody_special_and_looks_after_its_health() -> None:
    """By a number that is not root's; the commands in it exist, and so do the extras that it installs."""
    stages = DOCKERFILE.split("\nFROM ")
    user = re.findall(r"^USER (\d+):\d+$", stages[-1], re.MULTILINE)
    assert user
    assert user[-1] != "0"
    commands = re.findall(r"CMD (\[.*\])", stages[-1])
    assert len(commands) == 2
    for words in map(json.loads, commands):
        assert words[0] == "palaver"
        command(words[1:])
    assert json.loads(re.findall(r"^HEALTHCHECK .* CMD (\[.*\])", DOCKERFILE, re.MULTILINE)[0]) == ["palaver", "health"]
    extras = re.findall(r"palaver\[([a-z,]+)\]", stages[-1])[0].split(",")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {extra for extra in extras if not re.search(rf"^{extra} = \[", project, re.MULTILINE)} == set()
    assert variables(DOCKERFILE) <= set(fields_by_name())


def test_compose_starts_the_bot_and_keeps_the_console() -> None:
    """Read-only, without rights, and never both by accident: the store is one program's at a time."""
    services = COMPOSE.split("\nservices:\n")[1].split("\nvolumes:")[0]
    assert re.findall(r"^  ([a-z]+):$", services, re.MULTILINE) == ["palaver", "bot", "database", "worker"]
    for words in re.findall(r"command: \[palaver, ([a-z]+)\]", services):
        command([words])
    assert "profiles: [console]" in services.split("  bot:")[0]
    for line in ("read_only: true", "tmpfs: [/tmp]", "cap_drop: [ALL]", "no-new-privileges:true"):
        assert line in COMPOSE
    assert "ports:" not in COMPOSE  # /metrics is for a network of one's own
    assert variables(COMPOSE.replace("PALAVER_...", "")) <= set(fields_by_name())


def test_compose_starts_two_workers_only_when_asked_to() -> None:
    """They share one database and one key, keep nothing of their own, and are not started with the bot."""
    worker = COMPOSE.split("\n  worker:\n")[1].split("\nvolumes:")[0]
    assert "profiles: [many]" in worker
    assert "PALAVER_STORE__WORKERS: many" in worker
    assert "replicas: 2" in worker
    assert "data:/data" not in worker
    database = COMPOSE.split("\n  database:\n")[1].split("\n  worker:\n")[0]
    assert "profiles: [many]" in database
    settings = {
        "PALAVER_STORE__URL": re.findall(r"PALAVER_STORE__URL: (\S+)", worker)[0],
        "PALAVER_STORE__WORKERS": "many",
        "PALAVER_OPERATIONS__LISTEN": re.findall(r"PALAVER_OPERATIONS__LISTEN: (\S+)", worker)[0],
    }
    loaded = load_settings(environ={"PALAVER_HOME": "/nowhere", **settings})
    assert loaded.store.workers == "many"
    with pytest.raises(SettingsError, match="PALAVER_KEY"):
        key_provider(loaded, alone=False)


async def test_nothing_is_written_but_to_the_home_folder(tmp_path: Path) -> None:
    """So the root file system can be read-only; every file that is opened to be written is looked at."""
    looking = (
        "import os, sys\n"
        "def look(event, arguments):\n"
        "    if event == 'open':\n"
        "        path, mode, flags = arguments\n"
        "        if isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):\n"
        "            os.write(2, b'WROTE ' + os.fsencode(path) + b'\\n')\n"
        "    elif event in ('os.mkdir', 'os.rename', 'os.link', 'os.symlink', 'sqlite3.connect'):\n"
        "        os.write(2, b'WROTE ' + os.fsencode(str(arguments[-1 if event == 'os.rename' else 0])) + b'\\n')\n"
        "sys.addaudithook(look)\n"
        "sys.dont_write_bytecode = True\n"
        "from bot.__main__ import main\n"
        "sys.argv = ['palaver', 'run']\n"
        "sys.exit(main())\n"
    )
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
        home, ann = on_telegram(telegram, tmp_path), telegram.person(42, "Ann")
        chat = telegram.private_chat(ann)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PALAVER_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", looking,
            cwd=ROOT, env={**kept, "PALAVER_HOME": str(home.path), **home.environ},
            stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await telegram.say(ann, "hello", chat=chat)
            await telegram.wait_for(chat, "hello", 20)
            await telegram.say(ann, "/history export html", chat=chat)
            await telegram.wait_for(chat, lambda message: message.document is not None, 20)
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = await asyncio.wait_for(process.communicate(), 30)
    wrote = set(re.findall(r"^WROTE (.*)$", errors.decode(), re.MULTILINE))
    assert str(home.path / "palaver.key") in wrote  # the search finds what there is
    inside = re.compile(rf"(file:(//)?)?{re.escape(str(home.path))}(/|\?|$)|control\.sock|/dev/null$|\d+$")
    assert {path for path in wrote if not inside.match(path) and not path.startswith("/proc/self/fd/")} == set()


# -- the unit ----------------------------------------------------------------------------------------


def unit() -> list[tuple[str, str]]:
    lines = [line for line in UNIT.splitlines() if "=" in line and not line.startswith("#")]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("User", "palaver"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("StateDirectory", "palaver"),
        ("CapabilityBoundingSet", ""),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("RestartPreventExitStatus", "78"),
    ],
)
def test_the_unit_gives_no_right_that_is_not_needed(name: str, value: str) -> None:
    """As nobody special, with a folder of its own, and the rest of the system read-only."""
    assert (name, value) in unit()


def test_the_unit_names_what_exists_and_hands_secrets_over_as_credentials() -> None:
    """Its settings are settings, its command a command; no secret is in a variable, and each is copied for its eyes."""
    given = dict(value.partition("=")[::2] for name, value in unit() if name == "Environment")
    assert variables(" ".join(given)) <= set(fields_by_name())
    assert set(given) == {"PALAVER_HOME", "PALAVER_KEY_FILE", "PALAVER_TELEGRAM__TOKEN_FILE"}
    (start,) = [value for name, value in unit() if name == "ExecStart"]
    command(start.split()[1:])
    loaded = {value.partition(":")[0] for name, value in unit() if name == "LoadCredential"}
    (copied,) = [value for name, value in unit() if name == "ExecStartPre"]
    assert loaded == {"palaver.key", "telegram.token"}
    assert all(f"%d/{name}" in copied for name in loaded)
    assert "install -m 0400" in copied
    assert {value.removeprefix("%t/palaver/") for name, value in given.items() if name.endswith("_FILE")} == loaded
