"""JSON: the export that loses nothing and can be read back.

    {"format": "palaver-session", "version": 1,
    "exported_at": time, "session": {...}, "address": {...}, "head": n, "damaged": count,
    "branches": [{"number", "start", "parent"}],
    "checkpoints": [{"number", "name", "description", "message_count", "created_at", "automatic", "position"}],
    "messages": [{"n", "branch", "seq", "role", "created_at", "content",
                  "kind", "important", "usage", "author", "metadata"}]}

One message stands on one line. Times are ISO 8601 in UTC with milliseconds. The last five fields of
a message, `position` of a checkpoint, and `backend` and `reset_policy` of a session are left out where there is nothing
to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sessions.checkpoint import Checkpoint
from sessions.export.characters import encode_string
from sessions.export.json_values import encode
from sessions.export.pieces import gather
from sessions.export.times import iso, to_ms
from sessions.export.transcript import Branch, StoredMessage, Transcript
from sessions.message import Usage
from sessions.profile import encode_policy

FORMAT = "palaver-session"
VERSION = 1


def to_json(transcript: Transcript, *, include_metadata: bool = True) -> str:
    """Write the whole conversation, all its branches and checkpoints, as one JSON document.

    Without metadata the address, the settings of the session and what is known of a message beside
    its words are left out; such a file can be read back too.
    """
    return "".join(iter_json(transcript, include_metadata=include_metadata))


def iter_json(transcript: Transcript, *, include_metadata: bool = True) -> Iterator[str]:
    """Give the text of `to_json` in pieces."""
    return gather(_parts(transcript, include_metadata))


def _parts(transcript: Transcript, full: bool) -> Iterator[str]:
    yield f'{{"format": "{FORMAT}", "version": {VERSION},\n'
    yield f'"exported_at": "{iso(to_ms(transcript.exported_at))}",\n'
    yield f'"session": {_session(transcript, full)},\n'
    if full and transcript.address:
        yield f'"address": {encode(dict(transcript.address), where="address", depth=1)},\n'
    yield f'"head": {transcript.head}, "damaged": {transcript.damaged},\n'
    yield from _array("branches", map(_branch, transcript.branches))
    positions = transcript.checkpoint_positions
    yield from _array("checkpoints", (_checkpoint(one, positions.get(one.id)) for one in transcript.checkpoints))
    yield from _array("messages", (_message(one, full, transcript.session.id) for one in transcript.stored), end="}\n")


def _array(name: str, items: Iterable[str], end: str = ",\n") -> Iterator[str]:
    yield f'"{name}": ['
    separator = "\n"
    for item in items:
        yield separator
        yield item
        separator = ",\n"
    yield f"\n]{end}"


def _session(transcript: Transcript, full: bool) -> str:
    session = transcript.session
    fields = {
        "id": encode_string(session.id),
        "status": f'"{session.status.value}"',
        "scope": f'"{session.scope.value}"',
        "title": _optional(session.title),
        "created_at": f'"{iso(to_ms(session.created_at))}"',
        "last_activity_at": f'"{iso(to_ms(session.last_activity_at))}"',
        "updated_at": f'"{iso(to_ms(session.updated_at))}"',
        "message_count": f"{session.message_count}",
    }
    if full:
        reset = session.next_reset_at
        fields["tags"] = f"[{', '.join(map(encode_string, session.tags))}]"
        fields["model"] = _optional(session.model)
        if session.backend is not None:
            fields["backend"] = encode_string(session.backend)
        fields["usage"] = _usage(session.usage)
        fields["next_reset_at"] = f'"{iso(to_ms(reset))}"' if reset else "null"
        fields["forked_from"] = _optional(session.forked_from)
        fields["metadata"] = encode(session.metadata, where=f"metadata of session {session.id}", depth=2)
        if transcript.policy is not None:
            fields["reset_policy"] = encode(encode_policy(transcript.policy), where="the reset policy", depth=2)
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


def _branch(branch: Branch) -> str:
    parent = "null" if branch.parent is None else branch.parent
    return f'{{"number": {branch.number}, "start": {branch.start}, "parent": {parent}}}'


def _checkpoint(checkpoint: Checkpoint, position: int | None) -> str:
    name, description = encode_string(checkpoint.name), encode_string(checkpoint.description)
    placed = "" if position is None else f', "position": {position}'
    return (
        f'{{"number": {checkpoint.number}, "name": {name}, "description": {description}, '
        f'"message_count": {checkpoint.message_count}, "created_at": "{iso(to_ms(checkpoint.created_at))}", '
        f'"automatic": {_flag(checkpoint.automatic)}{placed}}}'
    )


def _message(stored: StoredMessage, full: bool, session_id: str) -> str:
    n, branch, message = stored
    seq, role, content, created_ms, usage, kind, important, author, metadata = message
    # Put together by hand: a third of the time of one json.dumps for each message.
    line = (
        f'{{"n": {n}, "branch": {branch}, "seq": {seq}, "role": "{role}", '
        f'"created_at": "{iso(created_ms)}", "content": {encode_string(content)}'
    )
    if kind != "text":
        line += f', "kind": "{kind}"'
    if important:
        line += ', "important": true'
    if full and usage is not None:
        line += f', "usage": {_usage(usage)}'
    if full and author is not None:
        line += f', "author": {encode_string(author)}'
    if full and metadata is not None:
        where = f"metadata of message {seq} of session {session_id}"
        line += f', "metadata": {encode(metadata, where=where, depth=3)}'
    return line + "}"


def _usage(usage: Usage) -> str:
    given, made, cached = usage
    return f'{{"input_tokens": {given}, "output_tokens": {made}, "cached_tokens": {cached}}}'


def _optional(text: str | None) -> str:
    return "null" if text is None else encode_string(text)


def _flag(value: bool) -> str:
    return "true" if value else "false"
