"""Characters that arrive in halves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.models.whole_text import WholeText

HALVES = st.text(alphabet=st.characters() | st.sampled_from("\ud83d\ude00\ud800\udfff"))


def test_an_emoji_cut_in_two_is_put_together() -> None:
    """The first half waits for the second, however far apart they come."""
    text = WholeText()

    assert [text.feed("a\ud83d"), text.feed(""), text.feed("\ude00b"), text.rest()] == ["a", "", "😀b", ""]


def test_a_half_that_stays_alone_is_replaced() -> None:
    """What never becomes a character is shown as U+FFFD, not dropped."""
    text = WholeText()

    assert [text.feed("\ude00"), text.feed("\ud83d"), text.feed("x"), text.feed("\ud83d"), text.rest()] == [
        "\ufffd",
        "",
        "\ufffdx",
        "",
        "\ufffd",
    ]


@given(st.lists(HALVES))
def test_every_piece_can_be_printed_and_none_is_lost(pieces: list[str]) -> None:
    """Each piece encodes by itself, and together they are what repairing the whole would give."""
    text = WholeText()
    mended = [text.feed(piece) for piece in pieces] + [text.rest()]

    assert all(piece.encode() or not piece for piece in mended)
    whole = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert "".join(mended) == whole
