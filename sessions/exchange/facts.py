"""Facts: title, model, tags and metadata of a session, and how two versions of them become one.

Of each the machine notes when it found it changed. What was changed last wins, on every machine the same: a title, a
model, each tag and each name in the metadata for itself. What has lost, and was not known where the winner comes from,
stays in the metadata under `sync.` and its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from sessions.errors import InvalidValue
from sessions.exchange.trouble import BadBundle
from sessions.message import JsonValue, clean_metadata
from sessions.profile import Profile
from sessions.session import Session

OTHER = "sync."  # how the name of what has lost begins
TITLE, MODEL, TAG, NAME = "title", "model", "tag:", "name:"
_NONE, _PRESENT = "", "1"  # the digest of what is not there, and that of a tag that is
_REMEMBERED, _MOST, _LATEST = 8, 20_000, 1 << 60


class Stamp(NamedTuple):
    """When something was found to be what it is, and what it was before, as digests, newest first."""

    at: int
    digest: str
    before: tuple[str, ...] = ()


Stamps = dict[str, Stamp]
"""By what they are of: title, model, a tag by its digest, a name in the metadata by its digest."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What two machines agree upon of a session beside its messages."""

    title: str | None
    model: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, JsonValue]

    @classmethod
    def of(cls, session: Session | Profile) -> Facts:
        """Take them from a session."""
        return cls(session.title, session.model, tuple(session.tags), dict(session.metadata))

    def digests(self) -> dict[str, str]:
        """Give a digest of each, by what it is of."""
        found = {TAG + digest_of(tag): _PRESENT for tag in self.tags}
        found |= {NAME + digest_of(name): digest_of(value) for name, value in self.metadata.items()}
        if self.title is not None:
            found[TITLE] = digest_of(self.title)
        if self.model is not None:
            found[MODEL] = digest_of(self.model)
        return found

    def plain(self) -> JsonValue:
        """Give them in a form in which the same facts are the same bytes."""
        return [self.title, self.model, [*sorted(self.tags)], dict(self.metadata)]

    def onto(self, profile: Profile) -> Profile:
        """Put them into a profile, which stays the same object if nothing changes."""
        if Facts.of(profile) == self:
            return profile
        return replace(profile, title=self.title, model=self.model, tags=self.tags, metadata=self.metadata)


def observed(stamps: Stamps, facts: Facts, at: int) -> Stamps:
    """Give the stamps as they are now that the facts are found to be these."""
    digests, found = facts.digests(), dict(stamps)
    for name in {*stamps, *digests}:
        digest, known = digests.get(name, _NONE), stamps.get(name)
        if known is None:
            found[name] = Stamp(at, digest)
        elif known.digest != digest:
            before = (known.digest, *known.before)[:_REMEMBERED]
            found[name] = Stamp(max(at, known.at + 1), digest, before)
    return found


def merged(ours: Facts, theirs: Facts, known: Stamps, told: Stamps) -> tuple[Facts, Stamps]:
    """Merge two versions whose stamps are `known` here and `told` there; give the outcome and its stamps."""
    stamps = {name: _later(known.get(name), told.get(name)) for name in {*known, *told}}
    digests, there = ours.digests(), theirs.digests()
    lost: dict[str, JsonValue] = {}

    def is_theirs(name: str) -> bool:
        return name in stamps and stamps[name].digest != digests.get(name, _NONE)

    def take(name: str, label: str, mine: JsonValue, other: JsonValue) -> JsonValue:
        if not is_theirs(name):
            return mine
        unseen = digests.get(name, _NONE) not in (_NONE, *stamps[name].before)
        if unseen and not label.startswith(OTHER):
            lost[OTHER + label] = mine
        return other

    title = take(TITLE, TITLE, ours.title, theirs.title)
    model = take(MODEL, MODEL, ours.model, theirs.model)
    metadata: dict[str, JsonValue] = {}
    for label in dict.fromkeys((*ours.metadata, *theirs.metadata)):
        name = NAME + digest_of(label)
        value = take(name, label, ours.metadata.get(label), theirs.metadata.get(label))
        if (there if is_theirs(name) else digests).get(name, _NONE) != _NONE:
            metadata[label] = value
    tags = [
        tag
        for tag in dict.fromkeys((*ours.tags, *theirs.tags))
        if (there if is_theirs(TAG + digest_of(tag)) else digests).get(TAG + digest_of(tag)) == _PRESENT
    ]
    facts = Facts(
        None if title is None else str(title),
        None if model is None else str(model),
        tuple(tags),
        _fitting(metadata, lost),
    )
    newest = max((stamp.at for stamp in stamps.values()), default=0)
    return facts, observed(stamps, facts, newest)


def _later(one: Stamp | None, other: Stamp | None) -> Stamp:
    """Give the later of two stamps; of two at the same moment all machines choose the same."""
    if one is None or other is None:
        return one or other or Stamp(0, _NONE)
    winner = max(one, other, key=lambda stamp: (stamp.at, stamp.digest))
    before = dict.fromkeys((*winner.before, *one.before, *other.before))
    return winner._replace(before=tuple(before)[:_REMEMBERED])


def _fitting(metadata: Mapping[str, JsonValue], lost: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Add what has lost, if there is room for it."""
    try:
        return clean_metadata({**metadata, **lost})
    except InvalidValue:
        return metadata


def digest_of(value: JsonValue) -> str:
    """Give 16 hex digits that differ for different values."""
    data = json.dumps(value, sort_keys=True, ensure_ascii=True).encode()
    return hashlib.sha256(b"palaver/exchange/v1/fact" + data).hexdigest()[:16]


# -- as JSON -----------------------------------------------------------------------------------


def encode_stamps(stamps: Stamps) -> dict[str, JsonValue]:
    """Write as JSON."""
    return {name: [stamp.at, stamp.digest, *stamp.before] for name, stamp in sorted(stamps.items())}


def decode_stamps(said: object) -> Stamps:
    """Read what `encode_stamps` made. Raises `BadBundle`."""
    if not isinstance(said, dict) or len(said) > _MOST:
        raise BadBundle("its facts have no proper stamps")
    return {str(name): _stamp(one) for name, one in said.items()}


def _stamp(said: object) -> Stamp:
    if isinstance(said, list) and 2 <= len(said) <= 2 + _REMEMBERED:
        at, *digests = said
        if type(at) is int and 0 <= at < _LATEST and all(isinstance(one, str) and len(one) <= 16 for one in digests):
            return Stamp(at, digests[0], tuple(digests[1:]))
    raise BadBundle("its facts have no proper stamps")
