"""The commented default file and the schema tell the same."""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from pathlib import Path

from config import describe, load_settings
from config.settings import Settings, fields_by_name

TEXT = importlib.resources.files("config").joinpath("palaver.toml").read_text(encoding="utf-8")
EVERY_DEFAULT = re.sub(r"^# (\w+ = )", r"\1", TEXT, flags=re.MULTILINE)


def names(table: dict[str, object], group: str = "") -> list[str]:
    """List the settings of a parsed file by dotted name."""
    return [
        name
        for key, value in table.items()
        for name in (names(value, f"{key}.") if isinstance(value, dict) else [group + key])
    ]


def load(text: str, folder: Path) -> Settings:
    """Load a file with this text, in a folder that stands for the person's."""
    path = folder / "palaver.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load_settings(config_file=path, environ={})


def test_the_file_names_every_setting_and_no_other() -> None:
    """A setting that is added to one of the two and not to the other fails here."""
    assert sorted(names(tomllib.loads(EVERY_DEFAULT))) == sorted(fields_by_name())


def test_every_default_in_the_file_is_the_one_of_the_schema(tmp_path: Path) -> None:
    """Taking every comment sign away changes nothing but where the values come from."""
    from_file = load(EVERY_DEFAULT.replace("~/.local/share/palaver", str(tmp_path)), tmp_path)
    from_schema = load(f'home = "{tmp_path}"', tmp_path)
    assert from_file.model_dump() == from_schema.model_dump()
    assert {shown.source for shown in describe(from_file)} == {"file"}


def test_the_file_as_it_ships_sets_nothing(tmp_path: Path) -> None:
    """Copying the file into the home folder is harmless."""
    assert {shown.source for shown in describe(load(TEXT, tmp_path))} == {"default"}


def test_every_setting_is_explained() -> None:
    """Each setting, or the group of lines it stands in, follows a comment in words."""
    paragraphs = re.split(r"\n\n|\n(?=# \d\. )", TEXT)
    for paragraph in paragraphs:
        lines = [line for line in paragraph.splitlines() if not line.startswith("[")]
        settings = [line for line in lines if re.match(r"# \w+ = ", line)]
        assert not settings or lines[0] not in settings, f"not explained: {settings}"
