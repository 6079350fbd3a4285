"""Reply: what goes back to the person, before a channel renders it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that goes with a reply. `name` never holds words of a conversation."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button. Pressing it is the same as sending `text`.

    `anywhere` says that it means the same in every chat; other buttons count only where they were asked for.
    """

    label: str
    text: str
    anywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: Markdown text, maybe a document, maybe buttons.

    `private` marks an answer that shows content: in a group it must reach its receiver alone or not
    at all; then `aside` is said in its place, without content, for everybody there to read. `error` marks one that
    says a request could not be met.
    """

    text: str
    private: bool = False
    error: bool = False
    document: Document | None = None
    choices: tuple[Choice, ...] = ()
    aside: str = ""
