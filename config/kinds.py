"""Kinds: the types that settings have, each with how it is read and what it allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from config import address, readers
from config.shards import check_shards
from config.zone import read_zone


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a setting may be, to follow "must be" where the reader says nothing better."""

    text: str


@dataclass(frozen=True, slots=True)
class WhenNone:
    """How the absence of a value is shown."""

    text: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is never shown."""


MOST_DAYS = 36_500  # a hundred years
MOST_IDLE_MINUTES = 366 * 24 * 60  # as many as a conversation takes

_EMPTY_IS_NONE = BeforeValidator(readers.none_if_empty)
_OFF_IS_NONE = BeforeValidator(readers.none_if_off)

Scope = Annotated[
    Literal["main", "per-peer", "per-channel", "per-channel-peer"],
    BeforeValidator(readers.read_scope),
    Allowed("main, per-peer, per-channel or per-channel-peer"),
]
Zone = Annotated[str, BeforeValidator(read_zone), Allowed("the name of a time zone")]
DailyTime = Annotated[time | None, BeforeValidator(readers.read_time), _OFF_IS_NONE, WhenNone("off")]
IdleMinutes = Annotated[
    Annotated[int, Field(ge=1, le=MOST_IDLE_MINUTES)] | None,
    BeforeValidator(readers.read_number),
    _OFF_IS_NONE,
    Allowed(f"a whole number of minutes from 1 to {MOST_IDLE_MINUTES} (366 days), or off"),
    WhenNone("off"),
]
RetentionDays = Annotated[
    int,
    BeforeValidator(readers.read_number),
    Field(ge=0, le=MOST_DAYS),
    Allowed(f"a whole number of days from 0 (keep) to {MOST_DAYS}"),
]
OwnRetentionDays = Annotated[
    Annotated[int, Field(ge=0, le=MOST_DAYS)] | None,
    BeforeValidator(readers.read_number),
    BeforeValidator(readers.none_if_same),
    Allowed(f"a whole number of days from 0 (keep) to {MOST_DAYS}, or same"),
    WhenNone("same"),
]
Tags = Annotated[
    tuple[Annotated[str, AfterValidator(readers.read_tag)], ...],
    BeforeValidator(readers.read_list),
    Allowed("a list of words"),
]
People = Annotated[
    tuple[Annotated[str, AfterValidator(readers.check_person)], ...],
    BeforeValidator(readers.read_list),
    Allowed("a list of platform:id"),
]
Operators = Annotated[
    tuple[Annotated[str, AfterValidator(readers.check_operator)], ...],
    BeforeValidator(readers.read_list),
    Allowed("a list of platform:id"),
]
Ids = Annotated[
    tuple[Annotated[str, BeforeValidator(readers.read_id)], ...],
    BeforeValidator(readers.read_list),
    Allowed("a list of numeric ids"),
]
Shards = Annotated[
    str,
    BeforeValidator(readers.read_word),
    AfterValidator(check_shards),
    Allowed('"auto", or a part of all shards such as "0-3/16"'),
]
Count = Annotated[int, BeforeValidator(readers.read_number)]
Seconds = Annotated[
    float,
    BeforeValidator(readers.read_number),
    Field(gt=0, le=86_400),
    Allowed("a number of seconds above 0, at most 86400 (a day)"),
]
Text = Annotated[str | None, _EMPTY_IS_NONE, Allowed("text")]
Key = Annotated[
    Annotated[SecretStr, AfterValidator(readers.check_key)] | None, _EMPTY_IS_NONE, Secret(), Allowed("text")
]
Token = Annotated[
    Annotated[SecretStr, AfterValidator(readers.check_token)] | None, _EMPTY_IS_NONE, Secret(), Allowed("text")
]
WebhookSecret = Annotated[
    Annotated[SecretStr, AfterValidator(readers.check_webhook_secret)] | None,
    _EMPTY_IS_NONE,
    Secret(),
    Allowed("text"),
]
Folder = Annotated[Path, BeforeValidator(readers.read_path)]
File = Annotated[Annotated[Path, BeforeValidator(readers.read_path)] | None, _EMPTY_IS_NONE]
Files = Annotated[
    tuple[Annotated[Path, BeforeValidator(readers.read_path)], ...],
    BeforeValidator(readers.read_list),
    Allowed("a list of paths"),
]
WebAddress = Annotated[
    Annotated[str, AfterValidator(address.check_http)] | None, _EMPTY_IS_NONE, Allowed("an address in quotes")
]
TelegramAddress = Annotated[str, AfterValidator(address.check_telegram), Allowed("an address in quotes")]
SocketAddress = Annotated[
    Annotated[str, AfterValidator(address.check_websocket)] | None, _EMPTY_IS_NONE, Allowed("an address in quotes")
]
ListenAddress = Annotated[str, AfterValidator(address.check_listen), Allowed("an address and a port in quotes")]
ListenAddressOrOff = Annotated[
    Annotated[str, AfterValidator(address.check_listen)] | None,
    _EMPTY_IS_NONE,
    _OFF_IS_NONE,
    Allowed("an address and a port in quotes, or off"),
    WhenNone("off"),
]
StoreAddress = Annotated[str, AfterValidator(address.check_store), Allowed("an address in quotes")]
ExchangePlace = Annotated[
    Annotated[str, AfterValidator(address.check_place)] | None,
    _EMPTY_IS_NONE,
    Allowed("a path or an address in quotes"),
]
