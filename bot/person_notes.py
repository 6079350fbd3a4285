"""PersonNotes: under which names the bot notes something of a person, and which notes speak of somebody."""

from __future__ import annotations

from collections.abc import Mapping

from sessions.message import JsonValue


def approval_note(person: str) -> str:
    """Name the note that somebody was let in."""
    return f"access/{person}"


def spending_note(person: str) -> str:
    """Name the note of what somebody used on their latest day; there is one for each person."""
    return f"spent/{person}"


def is_code_for(said: Mapping[str, JsonValue], platform: str, user_id: str) -> bool:
    """Tell whether a note is a code for linking accounts, and one of them is this person's.

    Such a code is noted under its own name, which nobody knows any more when it was not used.
    """
    return "until" in said and any(_is_of(said.get(name), platform, user_id) for name in ("main", "other"))


def without_person(said: Mapping[str, JsonValue], platform: str, user_id: str) -> Mapping[str, JsonValue]:
    """Leave out of a note with an entry for each of many people what is about one of them."""
    person = f"{platform}:{user_id}"
    return {name: value for name, value in said.items() if name != person and not _mentions(value, platform, user_id)}


def _mentions(value: JsonValue, platform: str, user_id: str) -> bool:
    match value:
        case {"person": str(person)}:
            return person == f"{platform}:{user_id}"
        case {"address": place}:
            return _is_of(place, platform, user_id)
    return False


def _is_of(place: JsonValue, platform: str, user_id: str) -> bool:
    return isinstance(place, dict) and (place.get("platform"), place.get("user_id")) == (platform, user_id)
