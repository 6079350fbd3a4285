"""Documents that become files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from adapters.console.exports import write_document
from adapters.reply import Document


def document(content: bytes = b"words", *, name: str = "session-1.md") -> Document:
    return Document(name=name, content=content, media_type="text/markdown")


def test_a_file_is_the_owners_alone(tmp_path: Path) -> None:
    """Folder and file are closed to everybody else, whatever the umask allows."""
    path = write_document(tmp_path / "home" / "exports", document())

    assert path.read_bytes() == b"words"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """The second and third file of a name get a number."""
    names = [write_document(tmp_path, document(content)).name for content in (b"1", b"2", b"3")]

    assert names == ["session-1.md", "session-1-2.md", "session-1-3.md"]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"1", b"2", b"3"]


def test_a_link_that_lies_in_the_way_is_not_followed(tmp_path: Path) -> None:
    """Whoever can guess the name can not redirect the words."""
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "session-1.md").symlink_to(elsewhere)

    assert write_document(tmp_path, document()).name == "session-1-2.md"
    assert not elsewhere.exists()


@pytest.mark.parametrize("name", ["../out.md", "/tmp/out.md", "a/b/out.md"])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """Only the last part of a name counts."""
    assert write_document(tmp_path / "exports", document(name=name)).parent == tmp_path / "exports"


def test_a_file_that_can_not_be_written_whole_is_taken_away() -> None:
    """A full disk leaves no half export behind: shown with a file that refuses to grow."""
    import resource
    import signal
    import tempfile

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with tempfile.TemporaryDirectory() as folder:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                write_document(Path(folder), document(b"x" * 50_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list(Path(folder).iterdir()) == []
