"""The page of every command of the shell, written from the command line itself.

python -m bot.cli_page docs/shell.md           writes it
python -m bot.cli_page docs/shell.md --check   exit 1 when it is not up to date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bot.cli import palaver

_HEAD = """# palaver: every command of the shell

Made from the command line itself by `make docs`. `palaver COMMAND --help` says the same.

Exit codes: 0 done, 1 the request could not be met, 2 usage, 4 an error of the sessions or the store, 75 the store is
held by another process, 78 settings or key.

## Completion with Tab

Commands, options and choices; nothing of what is stored. Put the line for your shell into its start-up file:

```
eval "$(_PALAVER_COMPLETE=bash_source palaver)"    # ~/.bashrc
eval "$(_PALAVER_COMPLETE=zsh_source palaver)"     # ~/.zshrc
_PALAVER_COMPLETE=fish_source palaver | source     # ~/.config/fish/config.fish
```
"""


def page() -> str:
    """Write all commands, each with its usage, its options and an example."""
    return "\n".join((_HEAD, *_sections(palaver, "palaver")))


def _sections(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _sections(inner, f"{path} {name}")
        return
    context = click.Context(command, info_name=path)
    usage = " ".join((path, *command.collect_usage_pieces(context)))
    yield f"## {path}\n\n```\n{usage}\n```\n\n{_text(command.help)}\n"
    options = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if options:
        rows = "\n".join(f"| `{_cell(names)}` | {_cell(words)} |" for names, words in options)
        yield f"| Option | What it does |\n| --- | --- |\n{rows}\n"
    if command.epilog:
        example = command.epilog.removeprefix("Example:").strip()
        yield f"```\n{example}\n```\n"


def _text(help_: str | None) -> str:
    """Give the help as Markdown: paragraphs stay, click's marks go."""
    paragraphs = (help_ or "").replace("\b\n", "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: Sequence[str]) -> int:
    """Write or check the file that is named."""
    names = [argument for argument in arguments if argument != "--check"]
    if len(names) != 1:
        sys.stderr.write("usage: python -m bot.cli_page FILE [--check]\n")
        return 2
    path, wanted = Path(names[0]), page()
    if "--check" in arguments:
        return int(not path.exists() or path.read_text(encoding="utf-8") != wanted)
    path.parent.mkdir(exist_ok=True)
    path.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
