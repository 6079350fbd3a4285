"""HTML: one self-contained page that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from sessions.export.characters import one_line, visible
from sessions.export.facts import body, facts, heading, tokens
from sessions.export.pieces import gather
from sessions.export.times import iso
from sessions.export.transcript import Transcript
from sessions.message import Message

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: #d8d8d2; --soft: #66665f; --page: #fbfbf8; --ink: #22221f; --user: #eef3fb; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a3a38; --soft: #a3a39b; --page: #191918; --ink: #e8e8e3; --user: #202a38; }
}
body { margin: 0 auto; max-width: 46rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0 0 1.5rem; font-size: .85rem; }
dt, h2, footer { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
article { margin: 0 0 1rem; padding: .6rem .9rem; border: 1px solid var(--line); border-radius: .6rem; }
article.user { background: var(--user); }
article.system, article.tool, article.unreadable { border-style: dashed; }
h2, footer { margin: 0; font-size: .8rem; font-weight: normal; overflow-wrap: anywhere; }
pre { margin: .3rem 0 0; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
@media print { article { break-inside: avoid; } }
"""


def to_html(transcript: Transcript, *, include_metadata: bool = True) -> str:
    """Write the current branch as a page in which everything people said is text and nothing else.

    Without metadata it shows the title and the messages alone.
    """
    return "".join(iter_html(transcript, include_metadata=include_metadata))


def iter_html(transcript: Transcript, *, include_metadata: bool = True) -> Iterator[str]:
    """Give the text of `to_html` in pieces."""
    return gather(_parts(transcript, include_metadata))


def _parts(transcript: Transcript, full: bool) -> Iterator[str]:
    title = escape(one_line(transcript.session.title or "") or "Conversation")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1><bdi>{title}</bdi></h1>\n"
    )
    if full:
        yield "<dl>\n"
        yield from (
            f"<dt>{escape(label)}</dt><dd><bdi>{escape(value)}</bdi></dd>\n" for label, value in facts(transcript)
        )
        yield "</dl>\n"
    yield "<main>\n"
    yield from (_article(message, full) for message in transcript.messages)
    yield "</main>\n</body>\n</html>\n"


def _article(message: Message, full: bool) -> str:
    number, role, readable, *marks = heading(message)
    time = f'<time datetime="{iso(message.created_ms)}">{readable}</time>'
    marked = "".join(f" · <strong>{mark}</strong>" for mark in marks)
    # A browser drops the first line break inside <pre>, so one is given that it may drop.
    return (
        f'<article class="{role} {message.kind}" id="m{number}">\n'
        f"<h2>{number} · <strong>{role}</strong> · {time}{marked}</h2>\n"
        f'<pre dir="auto">\n{escape(visible(body(message)))}</pre>\n'
        f"{_footer(message) if full else ''}</article>\n"
    )


def _footer(message: Message) -> str:
    notes = []
    if message.author:
        notes.append(f"<bdi>{escape(one_line(message.author))}</bdi>")
    if message.usage is not None:
        notes.append(f"tokens: {tokens(message.usage)}")
    return f"<footer>{' · '.join(notes)}</footer>\n" if notes else ""
