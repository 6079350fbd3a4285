"""A message as the bot asks for it, checked by the rules for new messages, edits and answers."""

from __future__ import annotations

from collections.abc import Collection

from tests.fakes.discord.body import Body
from tests.fakes.discord.component import COMPONENTS_V2, check_components
from tests.fakes.discord.document import Document, integer
from tests.fakes.discord.form import Form
from tests.fakes.discord.message import EPHEMERAL, File, Message
from tests.fakes.discord.refusal import ApiRefusal

_COMMON = frozenset(("content", "embeds", "flags", "allowed_mentions", "components", "attachments", "tts"))
NEW = _COMMON | {"nonce", "enforce_nonce", "message_reference", "sticker_ids", "poll", "shared_client_theme"}
EDIT = _COMMON
FOLLOWUP = _COMMON | {"username", "avatar_url", "thread_name", "applied_tags", "poll"}
ANSWER = _COMMON | {"poll"}
_SUPPRESS_EMBEDS, _SUPPRESS_NOTIFICATIONS, _VOICE = 1 << 2, 1 << 12, 1 << 13
_SETTABLE = _SUPPRESS_EMBEDS | _SUPPRESS_NOTIFICATIONS | _VOICE | COMPONENTS_V2
_CONTENT, _EMBEDS = 2000, 6000


def check(document: Document, known: Collection[str], *, path: str = "", flags_of: int = 0) -> None:
    """Refuse a message that the platform would not take; `flags_of` are those that it has already."""
    form = Form()
    form.known(document, known, path)
    form.text(document, "content", path, 0, _CONTENT, required=False)
    _check_flags(form, document, known, path)
    _check_embeds(form, document, path)
    _check_nonce(form, document, path)
    form.array(document, "attachments", path, 10)
    flags = integer(document.get("flags") or 0) | flags_of
    check_components(form, document, path, flags)
    if flags & COMPONENTS_V2 and document.get("content"):
        form.fault(
            _at(path, "content"), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "Not with components V2"
        )
    form.finish()


def check_not_empty(document: Document, files: Collection[object]) -> None:
    """Refuse a new message with nothing in it."""
    content = str(document.get("content") or "").strip()
    if (
        not content
        and not files
        and not any(document.get(name) for name in ("embeds", "components", "sticker_ids", "poll"))
    ):
        raise ApiRefusal(400, 50006)


def check_stays_filled(message: Message, document: Document, files: Collection[object]) -> None:
    """Refuse an edit that would leave nothing in a message."""
    after = [document.get(name, getattr(message, name)) for name in ("content", "components", "embeds")]
    if not any(after) and not files and not message.files:
        raise ApiRefusal(400, 50006)


def apply(message: Message, body: Body, document: Document, ids: Collection[int]) -> None:
    """Put what was asked for into the message; `ids` are for the new files."""
    if "content" in document:
        message.content = str(document["content"] or "").strip()
    for name in ("components", "embeds"):
        if name in document:
            setattr(message, name, list(document[name] or []))
    if document.get("flags") is not None:
        message.flags = (message.flags & ~_SETTABLE) | (integer(document["flags"]) & _SETTABLE)
    if "attachments" in document:
        kept = {integer(item.get("id")) for item in document["attachments"] or []}
        message.files = [file for file in message.files if file.id in kept]
    message.files += [File(*file, id=new) for file, new in zip(body.files.values(), ids, strict=False)]
    message.allowed_mentions = document.get("allowed_mentions")


def _check_flags(form: Form, document: Document, known: Collection[str], path: str) -> None:
    allowed = _SETTABLE if known in (NEW, EDIT) else _SETTABLE | EPHEMERAL
    if integer(document.get("flags") or 0) & ~allowed:
        form.fault(_at(path, "flags"), "MESSAGE_FLAGS_INVALID", "These flags cannot be set here")


def _check_embeds(form: Form, document: Document, path: str) -> None:
    embeds = form.array(document, "embeds", path, 10)
    for index, embed in enumerate(embeds):
        where = f"{_at(path, 'embeds')}.{index}"
        form.text(embed, "title", where, 0, 256, required=False)
        form.text(embed, "description", where, 0, 4096, required=False)
        form.array(embed, "fields", where, 25)
    if sum(_embed_length(embed) for embed in embeds) > _EMBEDS:
        form.fault(_at(path, "embeds"), "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {_EMBEDS}")


def _embed_length(embed: Document) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for field in embed.get("fields") or []:
        texts += [field.get("name"), field.get("value")]
    return sum(len(str(text)) for text in texts if text)


def _check_nonce(form: Form, document: Document, path: str) -> None:
    nonce = document.get("nonce")
    if isinstance(nonce, bool) or not isinstance(nonce, str | int | None):
        form.fault(_at(path, "nonce"), "NONCE_TYPE_INVALID", "A nonce is a string or an integer")
    elif len(str(nonce or "")) > 25:
        form.length(_at(path, "nonce"), 0, 25)


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
