"""Words for what the audit holds: one sentence for each entry, with whose conversation it was about."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.audit_notes import RECOVERED
from bot.commands.markup import plural
from sessions.audit import AuditEntry, AuditKind
from sessions.message import JsonValue

NAMED = 3  # sessions that a sentence names; --json has all that are known
UNREADABLE = "This entry does not open; palaver audit verify says more"
About = Mapping[str, JsonValue]
Whose = Mapping[str, str]
"""The person of each session that is still there, by its id."""
_Words = Callable[[About, Whose], str]


def in_words(entry: AuditEntry, whose: Whose) -> str:
    """Say what was done. What there are no words for is given as it stands in the audit."""
    if entry.kind is None:
        return UNREADABLE
    words = _WORDS.get(entry.kind)
    if words is not None and (said := words(entry.about, whose)):
        return said
    fields = " ".join(f"{name}={_plain(value)}" for name, value in entry.about.items())
    return f"{entry.kind} {fields}".strip()


def ids_in(entry: AuditEntry) -> list[str]:
    """Give the sessions that the words for an entry name."""
    named = [entry.about.get(name) for name in ("session", "then")]
    return [one for one in (*named, *_ids(entry.about)[:NAMED]) if isinstance(one, str)]


# -- inside ------------------------------------------------------------------------------------------


def _reset(about: About, whose: Whose) -> str:
    if "session" not in about:
        return ""
    one = _session(about, whose)
    goes_on = f"; {about['then']} goes on" if "then" in about else ""
    match about.get("how"):
        case "archive":
            return f"Archived {one}, which was {about.get('before')}"
        case "expire":
            return f"Reset {one}, as it was due{goes_on}"
        case "new":
            return f"Archived {one} for a new one{goes_on}"
    return f"Reset {one}{goes_on}"


def _restore(about: About, whose: Whose) -> str:
    if "database" in about:
        return f"Put a backup with {_count(about, 'sessions', 'session')} in the place of the database"
    return f"Went back to checkpoint {about['checkpoint']}" if "checkpoint" in about else ""


def _status(about: About, whose: Whose) -> str:
    if not {"session", "before", "after"} <= about.keys():
        return ""
    return f"Set {_session(about, whose)} from {about['before']} to {about['after']}"


def _export(about: About, whose: Whose) -> str:
    if "format" not in about:
        return ""
    if about["format"] == "person":
        return f"Exported all there is of a person: {_sessions(about, whose)}"
    what = _session(about, whose) if "session" in about else _sessions(about, whose)
    of = f" of {about['person']}" if about.get("person") else ""
    return f"Exported {what}{of} as {about['format']}"


def _import(about: About, whose: Whose) -> str:
    return f"Imported {_sessions(about, whose)}{_messages(about)}" if "count" in about else ""


def _erasure(about: About, whose: Whose) -> str:
    if about.get("notes"):
        return f"Erased {_count(about, 'notes', 'note')} on a person"
    return f"Erased {_sessions(about, whose)}{_messages(about)}" if "count" in about else ""


def _scope(about: About, whose: Whose) -> str:
    return f"Chose the scope {about['scope']} for a chat" if "scope" in about else ""


def _link(about: About, whose: Whose) -> str:
    if not isinstance(about.get("joined"), bool):
        return ""
    return "Linked two accounts" if about["joined"] else "Had an account stand alone again"


def _key(about: About, whose: Whose) -> str:
    key, deep = about.get("key"), " deep" if about.get("deep") else ""
    match about.get("done"):
        case "added":
            return f"Added key {key} to the keyring"
        case "retired":
            return f"Let key {key} go"
        case "rotation begun":
            return f"Began a{deep} rotation to key {key}"
        case "rotation ended":
            left = f", with {_count(about, 'left', 'session')} left" if about.get("left") else ""
            return f"Ended a{deep} rotation to key {key}{left}"
        case str(done) if done == RECOVERED:
            return f"Wrote out key {key} for paper"
    return ""


def _refused(about: About, whose: Whose) -> str:
    return f"Was refused {_session(about, whose)}, which is not theirs" if "session" in about else ""


def _read(about: About, whose: Whose) -> str:
    if about.get("how") == "search":
        return f"Searched what {about['person']} began" if about.get("person") else "Searched all sessions"
    if "session" in about:
        return f"Read {_session(about, whose)}"
    return f"Listed first words of {_sessions(about, whose)}" if about.get("how") == "list" else ""


def _push(about: About, whose: Whose) -> str:
    return f"Sent {_sessions(about, whose)} to other machines{_erased(about)}" if "count" in about else ""


def _pull(about: About, whose: Whose) -> str:
    taken = f"{_sessions(about, whose)}{_messages(about)}"
    return f"Took in {taken} from other machines{_erased(about)}" if "count" in about else ""


def _share(about: About, whose: Whose) -> str:
    if "session" not in about:
        return ""
    if "withdrawn" in about:
        return f"Took back {_session(about, whose)} from {_plain(about['withdrawn'])}"
    messages = f", {_count(about, 'messages', 'stored message')}," if "messages" in about else ""
    return f"Shared {_session(about, whose)}{messages} with {_plain(about.get('to'))}"


def _clone(about: About, whose: Whose) -> str:
    return f"Made {_session(about, whose)} of what {about.get('by')} shared" if "session" in about else ""


def _session(about: About, whose: Whose) -> str:
    return f"session {_named(str(about['session']), whose)}"


def _named(session_id: str, whose: Whose) -> str:
    return f"{session_id} of {whose[session_id]}" if session_id in whose else session_id


def _sessions(about: About, whose: Whose) -> str:
    """Count sessions and name the first of them."""
    ids = _ids(about)
    count = about.get("count")
    many = count if isinstance(count, int) else len(ids)
    if not ids or not many:
        return plural(many, "session")
    if many == 1:
        return f"session {_named(ids[0], whose)}"
    more = ", ..." if many > NAMED else ""
    return f"{plural(many, 'session')} ({', '.join(_named(one, whose) for one in ids[:NAMED])}{more})"


def _ids(about: About) -> list[str]:
    named = about.get("sessions")
    return [one for one in named if isinstance(one, str)] if isinstance(named, list) else []


def _messages(about: About) -> str:
    return f" with {_count(about, 'messages', 'stored message')}" if "messages" in about else ""


def _erased(about: About) -> str:
    return f"; {_count(about, 'erased', 'session')} erased" if about.get("erased") else ""


def _count(about: About, name: str, noun: str) -> str:
    value = about.get(name)
    return plural(value if isinstance(value, int) else 0, noun)


def _plain(value: JsonValue) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


_WORDS: Mapping[str, _Words] = {
    AuditKind.RESET.value: _reset,
    AuditKind.RESTORE.value: _restore,
    AuditKind.STATUS.value: _status,
    AuditKind.EXPORT.value: _export,
    AuditKind.IMPORT.value: _import,
    AuditKind.ERASURE.value: _erasure,
    AuditKind.SCOPE.value: _scope,
    AuditKind.LINK.value: _link,
    AuditKind.KEY.value: _key,
    AuditKind.REFUSED.value: _refused,
    AuditKind.READ.value: _read,
    AuditKind.PUSH.value: _push,
    AuditKind.PULL.value: _pull,
    AuditKind.SHARE.value: _share,
    AuditKind.CLONE.value: _clone,
}
