"""The page of coverage, made from the rows beside this file.

python -m tests.coverage.page docs/coverage.md   writes it

A row names a line of somebody else's documentation, what does it here, and the tests that show it. One with `left`
instead says why it is left out.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
_HEAD = """# What is covered

Three documents by others describe what people expect of a session manager. Each line of their command references has
a row here: the same in Palaver, and the tests that prove it. Made by `make docs` from `tests/coverage`, and checked: a
row whose test is not there fails.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a reference. `here` is what to write in Palaver, `note` what is different."""

    line: str
    here: str = ""
    tests: tuple[str, ...] = ()
    note: str = ""
    left: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One document, section by section."""

    title: str
    sections: dict[str, list[Row]]


def references() -> list[Reference]:
    """Read all rows. Anything that is not of this shape is a TypeError or a KeyError."""
    found = []
    for path in sorted(HERE.glob("*.toml")):
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        sections: dict[str, list[Row]] = {}
        for section in said["section"]:
            sections[section["title"]] = [
                Row(**{**row, "tests": tuple(row.get("tests", ()))}) for row in section["row"]
            ]
        found.append(Reference(title=said["title"], sections=sections))
    return found


def rows() -> Iterator[Row]:
    """Give all rows of all references."""
    for reference in references():
        for section in reference.sections.values():
            yield from section


def is_there(test: str) -> bool:
    """Tell whether a test, named `path::function`, exists."""
    path, _, name = test.partition("::")
    return name in _functions(path)


@cache
def _functions(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def page() -> str:
    """Write the page."""
    parts = [_HEAD]
    for reference in references():
        parts.append(f"## {reference.title}\n")
        for title, section in reference.sections.items():
            head = f"### {title}\n\n| There | Here | Shown by |\n| --- | --- | --- |"
            parts.append("\n".join((head, *map(_line, section))) + "\n")
    return "\n".join(parts)


def _line(row: Row) -> str:
    if row.left:
        return f"| {_code(row.line)} | left out: {row.left} | |"
    note = f". {row.note}" if row.note else ""
    shown = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in row.tests)
    return f"| {_code(row.line)} | {_code(row.here)}{note} | {shown} |"


def _code(text: str) -> str:
    escaped = text.replace("|", "\\|")
    return f"`` {escaped} ``" if "`" in text else f"`{escaped}`"


def main(arguments: Sequence[str]) -> int:
    """Write the file that is named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.coverage.page FILE\n")
        return 2
    Path(arguments[0]).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
