"""The schema: defaults, what each setting allows, and settings that only clash together."""

from __future__ import annotations

import base64
from datetime import time
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from config import Settings, SettingsError, load_settings
from config.settings import fields_by_name

KEY = base64.b64encode(bytes(range(32))).decode()


def load(folder: Path, **settings: object) -> Settings:
    """Load with flags, written `sessions__scope` for `sessions.scope`."""
    flags = {name.replace("__", "."): value for name, value in settings.items()}
    return load_settings(overrides=flags, environ={"PALAVER_HOME": str(folder)})


def problem(folder: Path, **settings: object) -> str:
    """Load settings of which one is wrong, and give the line about it."""
    with pytest.raises(SettingsError) as caught:
        load(folder, **settings)
    (line,) = caught.value.problems
    return line


def test_defaults_need_no_setting_at_all(tmp_path: Path) -> None:
    """Without any setting the bot echoes, keeps to itself and never resets."""
    settings = load(tmp_path)
    assert settings.home == tmp_path
    assert settings.key_file == tmp_path / "palaver.key"
    assert settings.store.path == tmp_path / "palaver.db"
    assert settings.store.url == f"sqlite:///{tmp_path}/palaver.db"
    assert (settings.model.backend, settings.sessions.scope, settings.access.mode) == (
        "echo",
        "per-channel-peer",
        "auto",
    )
    assert settings.sessions.daily_reset is None
    assert settings.sessions.idle_reset_minutes is None
    assert (settings.model.first_token_timeout, settings.model.idle_timeout) == (60, 30)
    assert (settings.model.total_timeout, settings.model.retries) == (600, 3)


def test_old_keys_are_found_in_the_home_folder(tmp_path: Path) -> None:
    """Files of keys that were in use before are a list, from a file or a variable, and <home> stands for the folder."""
    wanted = (tmp_path / "old.key", Path("/elsewhere/older.key"))
    for said in (["<home>/old.key", "/elsewhere/older.key"], "<home>/old.key, /elsewhere/older.key"):
        assert load(tmp_path, old_key_files=said).old_key_files == wanted
        assert load(tmp_path, old_key_passphrase_files=said).old_key_passphrase_files == wanted
    assert load(tmp_path).old_key_files == ()
    assert problem(tmp_path, old_key_files=[""]).startswith("old_key_files")


@pytest.mark.parametrize(
    ("text", "scope"),
    [("main", "main"), ("peer", "per-peer"), ("Channel", "per-channel"), (" per-channel-peer ", "per-channel-peer")],
)
def test_scope_has_a_long_and_a_short_spelling(tmp_path: Path, text: str, scope: str) -> None:
    """The short names of the chat commands mean the same in the settings."""
    assert load(tmp_path, sessions__scope=text).sessions.scope == scope


@pytest.mark.parametrize(("text", "at"), [("04:30", time(4, 30)), ("7:05", time(7, 5)), ("off", None), ("OFF", None)])
def test_daily_reset_is_a_time_or_off(tmp_path: Path, text: str, at: time | None) -> None:
    """A time of day is read to the minute, `off` is none."""
    assert load(tmp_path, sessions__daily_reset=text).sessions.daily_reset == at


@pytest.mark.parametrize(("text", "minutes"), [("1", 1), (527_040, 527_040), ("off", None)])
def test_idle_reset_is_minutes_or_off(tmp_path: Path, text: object, minutes: int | None) -> None:
    """Minutes may be a number or its digits, `off` is none."""
    assert load(tmp_path, sessions__idle_reset_minutes=text).sessions.idle_reset_minutes == minutes


@pytest.mark.parametrize("text", ["work, home", '["work", "home"]', ["work", "home"], " work ,home,"])
def test_lists_may_be_separated_by_commas(tmp_path: Path, text: object) -> None:
    """A variable carries a list as words with commas or as JSON."""
    assert load(tmp_path, sessions__default_tags=text).sessions.default_tags == ("work", "home")


def test_system_zone_is_a_real_zone(tmp_path: Path) -> None:
    """The default zone is a name that the tz database knows."""
    zone = load(tmp_path).sessions.timezone
    assert load(tmp_path, sessions__timezone=zone).sessions.timezone == zone != "system"


@pytest.mark.parametrize("name", ["Etc/UTC", "UTC", "Etc/Zulu", "UCT", "Universal"])
def test_utc_has_one_name(tmp_path: Path, name: str) -> None:
    """However a machine or a file calls it, people read UTC."""
    assert load(tmp_path, sessions__timezone=name).sessions.timezone == "UTC"


def test_paths_start_at_home_or_at_the_person(tmp_path: Path) -> None:
    """`<home>` stands for the home folder and `~` for the person's."""
    settings = load(tmp_path, key_passphrase_file="<home>/phrase", store__url="sqlite:///~/elsewhere.db")
    assert settings.key_passphrase_file == tmp_path / "phrase"
    assert settings.store.path == Path.home() / "elsewhere.db"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("sessions.scope", "everyone", "main, per-peer, per-channel or per-channel-peer"),
        ("sessions.timezone", "Europe/Berln", "did you mean Europe/Berlin?"),
        ("sessions.timezone", "Europe", "a zone of the tz database"),
        ("sessions.timezone", "../../etc/passwd", "a zone of the tz database"),
        ("sessions.daily_reset", "24:00", "a time of day like 04:30, or off"),
        ("sessions.daily_reset", "4h", "a time of day like 04:30, or off"),
        ("sessions.idle_reset_minutes", 0, "from 1 to 527040 (366 days), or off"),
        ("sessions.idle_reset_minutes", 527_041, "from 1 to 527040 (366 days), or off"),
        ("sessions.idle_reset_minutes", "soon", "from 1 to 527040 (366 days), or off"),
        ("sessions.idle_reset_minutes", True, "must be a number"),
        ("sessions.retention_days", -1, "a whole number of days from 0 (keep)"),
        ("sessions.retention_days_main", -1, "a whole number of days from 0 (keep) to 36500, or same"),
        ("sessions.retention_days_per_peer", 36_501, "a whole number of days from 0 (keep) to 36500, or same"),
        ("sessions.retention_days_per_channel", "long", "a whole number of days from 0 (keep) to 36500, or same"),
        ("sessions.retention_days_per_channel_peer", True, "must be a number"),
        ("sessions.default_tags", ["ok", " "], "none of them empty"),
        ("sessions.default_tags", '["open', 'a list like ["a", "b"]'),
        ("model.backend", "telepathy", "echo, openai or anthropic"),
        ("operations.listen", "9464", "a host and a port, like 127.0.0.1:8443"),
        ("operations.listen", 9464, "an address and a port in quotes, or off"),
        ("logs.format", "xml", "text or json"),
        ("logs.level", "loud", "debug, info, warning or error"),
        ("model.base_url", "localhost:8000", "an address that starts with http:// or https://"),
        ("model.max_context_tokens", 10, "a whole number from 256"),
        ("model.idle_timeout", "nan", "a number of seconds above 0"),
        ("model.total_timeout", 0, "a number of seconds above 0"),
        ("model.retries", 11, "a whole number from 0 to 10"),
        ("telegram.mode", "pigeon", "polling or webhook"),
        ("discord.gateway_url", "https://example.org", "ws:// or wss://"),
        ("access.mode", "maybe", "auto, open, pairing or allow-list"),
        ("access.allow", ["42"], "platform:id, like telegram:42"),
        ("access.allow", ["telegram:ann"], "never a name"),
        ("access.allow", ["discord:ann"], "never a name"),
        ("access.operators", ["telegram:42", "irc:me"], "platform:id, like telegram:42"),
        ("access.operators", ["telegram:ann"], "never a name"),
        ("access.operators", ["telegram:chat:-100"], "a chat can not be an operator"),
        ("access.messages_per_minute", -1, "a whole number from 0 (no limit) to 1000"),
        ("access.daily_tokens", "lots", "a whole number from 0 (no limit)"),
        ("discord.always", ["general"], "numeric ids"),
        ("discord.always", [True], "numeric ids"),
        ("telegram.webhook_url", "example.org", "an address that starts with http:// or https://"),
        ("telegram.webhook_listen", "127.0.0.1", "a host and a port"),
        ("telegram.webhook_listen", "host:0", "a host and a port"),
        ("telegram.webhook_listen", "host:99999", "a host and a port"),
        ("telegram.webhook_listen", "http://host:80", "a host and a port"),
        ("telegram.webhook_listen", "me@host:80", "a host and a port"),
        ("store.url", "mysql://host/db", "sqlite:/// and the path of a file"),
        ("store.url", "sqlite:///:memory:", "sqlite:/// and the path of a file"),
        ("store.url", "postgresql://host", "an address like postgresql://user@host/database"),
        ("store.url", "postgresql://host/my db", "an address like postgresql://user@host/database"),
        ("store.connection", "fast", "direct or pooled"),
        ("store.workers", "two", "one or many"),
        ("store.lease_seconds", "2", "from 3 to 300"),
        ("discord.shards", "some", 'write "auto"'),
        ("discord.shards", "3-1/4", "from 0 to 3"),
        ("discord.shards", "4/4", "from 0 to 3"),
        ("sync.place", "mysql://host/db", "the path of a folder"),
        ("sync.place", "postgresql://host", "an address like postgresql://user@host/database"),
        ("key_file", "~nobody-of-this-name/key", "must be a path"),
    ],
)
def test_a_wrong_setting_names_itself_its_value_and_what_is_allowed(
    tmp_path: Path, name: str, value: object, allowed: str
) -> None:
    """One wrong setting gives one line with its name, its value, where it was set and what it may be."""
    line = problem(tmp_path, **{name.replace(".", "__"): value})
    assert line.startswith(f"{name} = {value!r} (flag): ")
    assert allowed in line


@pytest.mark.parametrize("name", ["key", "model.api_key", "telegram.token", "discord.token", "telegram.webhook_secret"])
@pytest.mark.parametrize("value", ["canary canary", "canary\ncanary", "cänary"])
def test_a_wrong_secret_is_never_shown(tmp_path: Path, name: str, value: str) -> None:
    """The line about a wrong secret names it and says what is allowed, without the value."""
    line = problem(tmp_path, **{name.replace(".", "__"): value})
    assert line.startswith(f"{name} (flag): must be ")
    assert "nary" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store.url", "postgresql://me:canary@host"),
        ("store.url", "postgresql://me:can/ary@host/a db"),
        ("store.url", "postgresql://me:canary/db"),
        ("store.url", "postgresql://host:5432/db;password=canary"),
        ("sync.place", "postgresql://me:canary@host"),
        ("model.base_url", "https://me:canary@host/v1"),
        ("model.base_url", "https://host/v1?key=canary"),
        ("telegram.api_url", "https://host/bot123:canary"),
    ],
)
def test_an_address_is_shown_without_what_it_carries(tmp_path: Path, name: str, value: str) -> None:
    """A password, a query or a token inside of a refused address does not reach the screen."""
    line = problem(tmp_path, **{name.replace(".", "__"): value})
    assert name in line
    assert "***" in line
    assert "ary" not in line


def test_the_error_carries_no_value_of_a_secret_in_its_chain(tmp_path: Path) -> None:
    """No exception behind the error holds what was set."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, telegram__token="canary canary")
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Two wrong settings and a misspelt one give three lines."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, sessions__scope="all", model__retries=-1, model__retrys=1)
    assert len(caught.value.problems) == len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("key", [KEY, f" {KEY}\n"])
def test_a_key_is_base64_of_32_bytes(tmp_path: Path, key: str) -> None:
    """32 random bytes in base64 pass, and stay out of every printed form."""
    settings = load(tmp_path, key=key)
    assert isinstance(settings.key, SecretStr)
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    "key", ["correct horse battery staple", base64.b64encode(bytes(31)).decode(), base64.b64encode(bytes(33)).decode()]
)
def test_a_phrase_or_a_key_of_another_size_is_refused(tmp_path: Path, key: str) -> None:
    """What is not 32 bytes is refused with the command that makes a key."""
    assert "openssl rand -base64 32" in problem(tmp_path, key=key)


def test_only_one_way_to_the_key(tmp_path: Path) -> None:
    """Two ways to give the master key are refused: nobody could tell which one sealed the store."""
    assert problem(tmp_path, key=KEY, key_file="k").startswith("key and key_file: only one of them")
    assert load(tmp_path, key_file="k").key is None


def test_a_real_backend_needs_a_model(tmp_path: Path) -> None:
    """A backend that has many models must be told which."""
    assert problem(tmp_path, model__backend="openai").startswith("model.name: not set")
    assert load(tmp_path, model__backend="openai", model__name="m").model.name == "m"


@pytest.mark.parametrize("channel", ["telegram__token", "discord__token"])
def test_scope_main_is_refused_where_strangers_may_write(tmp_path: Path, channel: str) -> None:
    """One conversation for all needs a list of who may read it, once others can reach the bot."""
    main: dict[str, object] = {"sessions__scope": "main", channel: "token"}
    assert problem(tmp_path, **main).startswith("sessions.scope = 'main': ")
    assert problem(tmp_path, **main, access__allow="telegram:42", access__mode="open")
    assert load(tmp_path, **main, access__allow="telegram:42").sessions.scope == "main"
    assert load(tmp_path, sessions__scope="main").sessions.scope == "main"


def test_people_and_channels_are_numbers(tmp_path: Path) -> None:
    """Ids may stand in lists with or without quotes, or behind commas; a chat may be let in like a person."""
    settings = load(
        tmp_path,
        access__allow="telegram:42, telegram:chat:-100, discord:7, console:ann",
        access__operators=["telegram:1"],
        discord__always=[123456789012345678, "8"],
    )
    assert settings.access.allow == ("telegram:42", "telegram:chat:-100", "discord:7", "console:ann")
    assert settings.access.operators == ("telegram:1",)
    assert settings.discord.always == ("123456789012345678", "8")
    assert load(tmp_path, discord__always="9, 10").discord.always == ("9", "10")
    assert (settings.access.messages_per_minute, settings.access.daily_tokens) == (20, 0)


@pytest.mark.parametrize("listen", ["127.0.0.1:8443", "[::1]:443", "bot.internal:80"])
def test_a_webhook_needs_an_address_and_a_secret(tmp_path: Path, listen: str) -> None:
    """Both are asked for by name once there is a token; without one the channel is off."""
    webhook: dict[str, object] = {"telegram__mode": "webhook", "telegram__webhook_listen": listen}
    assert load(tmp_path, **webhook).telegram.webhook_secret is None
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **webhook, telegram__token="t")
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "telegram.webhook_url",
        "telegram.webhook_secret",
    ]
    complete = load(
        tmp_path,
        **webhook,
        telegram__token="t",
        telegram__webhook_url="https://bot.example/hook",
        telegram__webhook_secret="s" * 256,
    )
    assert complete.telegram.webhook_listen == listen
    assert "sss" not in repr(complete)


def test_several_workers_need_a_server(tmp_path: Path) -> None:
    """A file can not be shared; that is said before anything is opened."""
    assert "store.url" in problem(tmp_path, store__workers="many")
    shared = load(tmp_path, store__workers="many", store__url="postgresql://db/palaver")
    assert shared.store.lease_seconds == 15


@pytest.mark.parametrize("secret", ["s" * 257, "with.dot", "with space"])
def test_a_webhook_secret_is_what_telegram_takes(tmp_path: Path, secret: str) -> None:
    """1 to 256 letters, digits, _ and - pass; what was wrong is not shown."""
    line = problem(tmp_path, telegram__webhook_secret=secret)
    assert "1 to 256 of A-Z, a-z, 0-9, _ and -" in line
    assert secret not in line


@pytest.mark.parametrize("name", fields_by_name())
@hypothesis.settings(max_examples=50)
@given(
    value=st.one_of(
        st.text(max_size=20),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.times(),
        st.lists(st.text(max_size=5), max_size=2),
        st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    )
)
def test_any_value_is_taken_or_refused_with_a_line(name: str, value: object) -> None:
    """Whatever a file may hold is a setting or a line about it; nothing else ever comes out."""
    try:
        load_settings(overrides={name: value}, environ={"PALAVER_HOME": "absent"})
    except SettingsError as error:
        assert len(error.problems) == 1  # noqa: PT017 - taking the value is right as well
        assert error.problems[0].startswith((name, "model.name"))  # noqa: PT017
