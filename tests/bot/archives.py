"""Archives that people get of themselves, as a program sees them."""

from __future__ import annotations

import json
from io import BytesIO
from zipfile import ZipFile

from adapters.reply import Document


class Archive:
    """What is in an archive."""

    def __init__(self, content: bytes) -> None:
        with ZipFile(BytesIO(content)) as file:
            assert file.testzip() is None
            self.files = {name: file.read(name).decode() for name in file.namelist()}
        self.text = "".join(self.files.values())
        self.readme = self.files["README.txt"]
        self.about = json.loads(self.files["about-you.json"])
        self.markdown = [text for name, text in self.files.items() if name.endswith(".md")]
        self.ids = [name.split("-")[-1].removesuffix(".md") for name in self.files if name.endswith(".md")]
        self.json = [json.loads(text) for name, text in self.files.items() if name.startswith("c") and ".json" in name]


def words_of(content: bytes) -> str:
    """Give all that stands in a file that somebody was sent, packed or not."""
    return Archive(content).text if content.startswith(b"PK") else content.decode()


def archive_of(document: Document | None) -> Archive:
    """Open the archive that came with a reply."""
    assert document is not None
    assert (document.name[-4:], document.media_type) == (".zip", "application/zip")
    return Archive(document.content)
