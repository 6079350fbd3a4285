"""Settings: all that can be set, with defaults. `palaver.toml` beside this file explains each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config import kinds, readers
from config.errors import SettingsError
from config.kinds import Allowed, WhenNone
from config.layer import Layer
from config.secret_file import read_secret

HOME = "<home>"  # stands for the setting `home` in paths
MOST_TOKENS = 100_000_000
_FILES_ONLY = (
    "this works on a database in a file. For one on a PostgreSQL server use the server's own tools, such as pg_dump; "
    "palaver db copy brings it into a file"
)
SECRETS_IN_FILES = ("model.api_key", "telegram.token", "discord.token")  # each may be the content of its ..._file
G = TypeVar("G", bound="Group")


class Group(BaseModel):
    """Settings under one heading."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


class StoreSettings(Group):
    """Where conversations are kept."""

    url: kinds.StoreAddress = f"sqlite:///{HOME}/palaver.db"
    connection: Annotated[Literal["direct", "pooled"], Allowed("direct or pooled")] = "direct"
    workers: Annotated[Literal["one", "many"], Allowed("one or many")] = "one"
    lease_seconds: Annotated[kinds.Count, Field(ge=3, le=300), Allowed("a whole number of seconds from 3 to 300")] = 15

    @property
    def file(self) -> Path | None:
        """The database file; None where the database is on a server."""
        path = self.url.removeprefix("sqlite:///")
        return None if path == self.url else Path(path).expanduser().absolute()

    @property
    def path(self) -> Path:
        """The database file. Raises `SettingsError` where the database is on a server."""
        if self.file is None:
            raise SettingsError([f"store.url: {_FILES_ONLY}"])
        return self.file


class SessionSettings(Group):
    """Who shares a conversation, and when it starts anew. None means off."""

    scope: kinds.Scope = "per-channel-peer"
    timezone: kinds.Zone = "system"
    daily_reset: kinds.DailyTime = None
    idle_reset_minutes: kinds.IdleMinutes = None
    retention_days: kinds.RetentionDays = 0
    retention_days_main: kinds.OwnRetentionDays = None
    retention_days_per_peer: kinds.OwnRetentionDays = None
    retention_days_per_channel: kinds.OwnRetentionDays = None
    retention_days_per_channel_peer: kinds.OwnRetentionDays = None
    default_tags: kinds.Tags = ()


class ModelSettings(Group):
    """Who answers."""

    backend: Annotated[Literal["echo", "openai", "anthropic"], Allowed("echo, openai or anthropic")] = "echo"
    name: kinds.Text = None
    base_url: Annotated[kinds.WebAddress, WhenNone("the backend's own")] = None
    api_key: kinds.Token = None
    api_key_file: kinds.File = None
    system_prompt: kinds.Text = None
    max_context_tokens: Annotated[
        kinds.Count, Field(ge=256, le=MOST_TOKENS), Allowed(f"a whole number from 256 to {MOST_TOKENS}")
    ] = 100_000
    first_token_timeout: kinds.Seconds = 60.0
    idle_timeout: kinds.Seconds = 30.0
    total_timeout: kinds.Seconds = 600.0
    retries: Annotated[kinds.Count, Field(ge=0, le=10), Allowed("a whole number from 0 to 10")] = 3


class TelegramSettings(Group):
    """The Telegram channel; on when it has a token."""

    token: kinds.Token = None
    token_file: kinds.File = None
    api_url: kinds.TelegramAddress = "https://api.telegram.org"
    mode: Annotated[Literal["polling", "webhook"], Allowed("polling or webhook")] = "polling"
    webhook_url: kinds.WebAddress = None
    webhook_listen: kinds.ListenAddress = "127.0.0.1:8443"
    webhook_secret: kinds.WebhookSecret = None


class DiscordSettings(Group):
    """The Discord channel; on when it has a token."""

    token: kinds.Token = None
    token_file: kinds.File = None
    api_url: Annotated[kinds.WebAddress, WhenNone("Discord's own")] = None
    gateway_url: Annotated[kinds.SocketAddress, WhenNone("Discord's own")] = None
    always: kinds.Ids = ()
    shards: kinds.Shards = "auto"


class AccessSettings(Group):
    """Who may talk to the bot, and how much."""

    mode: Annotated[Literal["auto", "open", "pairing", "allow-list"], Allowed("auto, open, pairing or allow-list")] = (
        "auto"
    )
    allow: kinds.People = ()
    operators: kinds.Operators = ()
    messages_per_minute: Annotated[
        kinds.Count, Field(ge=0, le=1_000), Allowed("a whole number from 0 (no limit) to 1000")
    ] = 20
    daily_tokens: Annotated[
        kinds.Count, Field(ge=0, le=MOST_TOKENS), Allowed(f"a whole number from 0 (no limit) to {MOST_TOKENS}")
    ] = 0


class OperationsSettings(Group):
    """Where the program tells how it does."""

    listen: kinds.ListenAddressOrOff = None


class SyncSettings(Group):
    """Where bundles for other machines and people are left and fetched."""

    place: kinds.ExchangePlace = None


class LogSettings(Group):
    """What is written to standard error while the program runs."""

    format: Annotated[Literal["text", "json"], Allowed("text or json")] = "text"
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(readers.read_word),
        Allowed("debug, info, warning or error"),
    ] = "info"


class Settings(BaseSettings):
    """Everything that can be set. `load_settings` makes one from its three sources.

    The master key comes from `key` if that is set, else from `key_passphrase_file`, else from `key_file`. The old ones
    open what they wrapped until they are retired.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    home: kinds.Folder
    key: kinds.Key = None
    key_file: kinds.File = Path(HOME, "palaver.key")
    key_passphrase_file: kinds.File = None
    old_key_files: kinds.Files = ()
    old_key_passphrase_files: kinds.Files = ()
    store: StoreSettings = StoreSettings()
    sessions: SessionSettings = SessionSettings()
    model: ModelSettings = ModelSettings()
    telegram: TelegramSettings = TelegramSettings()
    discord: DiscordSettings = DiscordSettings()
    access: AccessSettings = AccessSettings()
    operations: OperationsSettings = OperationsSettings()
    sync: SyncSettings = SyncSettings()
    logs: LogSettings = LogSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else: the sources are read by `load_settings`."""
        return (init_settings,)

    @classmethod
    def from_layers(cls, layers: tuple[Layer, ...]) -> Settings:
        """Lay sources over one another, the strongest first, and remember which one won."""
        settings = cls(_build_sources=(layers, {}))
        for layer in reversed(layers):
            settings._origins.update(dict.fromkeys(layer.values, layer.origin))
        for name in SECRETS_IN_FILES:
            if f"{name}_file" in settings._origins:
                settings._origins.setdefault(name, settings._origins[f"{name}_file"])
        return settings

    def origin_of(self, name: str) -> str:
        """Tell where a value came from: `default`, `file`, `environment` or `flag`."""
        return self._origins.get(name, "default")

    @field_validator("key_file", "key_passphrase_file", "old_key_files", "old_key_passphrase_files", mode="before")
    @classmethod
    def _find_in_home(cls, value: object, info: ValidationInfo) -> object:
        return [_in_home(one, info) for one in value] if isinstance(value, list) else _in_home(value, info)

    @field_validator("model", "telegram", "discord", mode="before")
    @classmethod
    def _find_files_in_home(cls, group: object, info: ValidationInfo) -> object:
        if not isinstance(group, dict):
            return group
        return {name: _in_home(value, info) if str(name).endswith("_file") else value for name, value in group.items()}

    @field_validator("store")
    @classmethod
    def _keep_in_home(cls, store: StoreSettings, info: ValidationInfo) -> StoreSettings:
        home = info.data.get("home")
        return store.model_copy(update={"url": store.url.replace(HOME, str(home))}) if home else store

    @field_validator("model", "telegram", "discord")
    @classmethod
    def _read_secret(cls, group: G, info: ValidationInfo) -> G:
        return _with_secret(group, str(info.field_name))

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        problems = list(_conflicts(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _in_home(value: object, info: ValidationInfo) -> object:
    home = info.data.get("home")
    return str(value).replace(HOME, str(home)) if home and isinstance(value, str | Path) else value


def _with_secret(group: G, name: str) -> G:
    """Put the content of a secret file in the place of the secret."""
    secret = next(name_.partition(".")[2] for name_ in SECRETS_IN_FILES if name_.startswith(f"{name}."))
    file = getattr(group, f"{secret}_file")
    if file is None:
        return group
    setting = f"{name}.{secret}"
    if getattr(group, secret) is not None:
        raise ValueError(f"{setting}_file and {setting}: only one of them can give the secret; remove the other")
    try:
        return group.model_copy(update={secret: read_secret(file)})
    except ValueError as error:
        raise ValueError(f"{setting}_file: {error}") from None


def _conflicts(settings: Settings) -> Iterator[str]:
    """Find values that are fine alone and wrong together."""
    ways = ("key", "key_passphrase_file", "key_file")
    given = [name for name in ways if name in settings.model_fields_set and getattr(settings, name)]
    if len(given) > 1:
        yield f"{' and '.join(given)}: only one of them can give the master key; remove the others"
    if settings.model.backend != "echo" and not settings.model.name:
        yield f"model.name: not set; model.backend {settings.model.backend} must be told which model to use"
    if settings.store.workers == "many" and settings.store.file is not None:
        yield "store.workers = 'many': a file is one program's alone; set store.url to a PostgreSQL server, or say one"
    telegram = settings.telegram
    if telegram.token and telegram.mode == "webhook":
        for name in ("webhook_url", "webhook_secret"):
            if not getattr(telegram, name):
                yield f"telegram.{name}: not set; telegram.mode webhook needs it"
    others_reach_it = settings.telegram.token or settings.discord.token
    limited = settings.access.allow and settings.access.mode != "open"
    if settings.sessions.scope == "main" and others_reach_it and not limited:
        yield (
            "sessions.scope = 'main': everybody would read one conversation, so it needs access.allow with the people "
            "who may, and an access.mode other than open; or choose per-peer"
        )


@cache
def fields_by_name() -> dict[str, FieldInfo]:
    """Give every setting under its dotted name, in the order of the schema."""
    fields: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            fields |= {f"{name}.{inner}": info for inner, info in field.annotation.model_fields.items()}
        else:
            fields[name] = field
    return fields
