"""Parts: the messages that one reply becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.discord.rendering import render
from adapters.reply import Choice, Document, Reply

MOST_PIECES = 5
MOST_BUTTONS, BUTTONS_A_ROW, LABEL = 25, 5, 80
_LONG = "This answer is long. It is in the file."
_NOTHING_TO_READ = "Choose:"
_BLANK = "There are no words in this answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message: a text, files and buttons."""

    text: str
    documents: tuple[Document, ...] = ()
    choices: tuple[Choice, ...] = ()

    def without_documents(self) -> Part:
        """Say what could not be sent instead of sending it."""
        words = [self.text, *(f"The file {document.name} could not be sent here." for document in self.documents)]
        return replace(self, text="\n".join(filter(None, words)), documents=())


def parts_of(reply: Reply, file_limit: int) -> list[Part]:
    """Give the messages to send; files and buttons come with the last.

    There is none for a reply that was dropped, which is empty. One of white space says that there is nothing to see.
    """
    texts, documents = _texts(reply)
    fitting = tuple(document for document in documents if len(document.content) <= file_limit)
    texts += [_too_large(document, file_limit) for document in documents if document not in fitting]
    choices = reply.choices[:MOST_BUTTONS]
    if not texts and (fitting or choices):
        texts = ["" if fitting else _NOTHING_TO_READ]
    if not texts and reply.text:
        texts = [_BLANK]
    parts = [Part(text=text) for text in texts]
    if parts:
        parts[-1] = replace(parts[-1], documents=fitting, choices=choices)
    return parts


def _texts(reply: Reply) -> tuple[list[str], Sequence[Document]]:
    texts = render(reply.text)
    documents = [] if reply.document is None else [reply.document]
    if len(texts) <= MOST_PIECES:
        return texts, documents
    return [_LONG], [Document(name="reply.md", content=_encoded(reply.text), media_type="text/markdown"), *documents]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _too_large(document: Document, limit: int) -> str:
    size, most = len(document.content) / 1024 / 1024, limit // 1024 // 1024
    return (
        f"The file {document.name} has {size:.1f} MiB, more than the {most} MiB that Discord takes here. "
        "Ask for a shorter one."
    )
