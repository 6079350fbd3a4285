"""Time limits, retries, and what a person is shown when a model fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from bot.models.backend import Delta, Finished, Prompt, TextDelta
from bot.models.errors import (
    ModelBroken,
    ModelEmpty,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelStalled,
    ModelUnavailable,
)
from bot.models.patience import Patience, PatientBackend
from tests.bot.models.talk import Vendor, ask, hear
from tests.fakes.model_server import Answer

QUICK = Patience(first_token=0.3, idle=0.3, total=5.0, retries=2, first_wait=0.0)


class Waits:
    """A sleep that takes no time and remembers what it was asked for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Scripted:
    """A backend that plays one list of deltas and errors per attempt."""

    name = "scripted"

    def __init__(self, *attempts: Sequence[Delta | ModelError | float]) -> None:
        self._attempts = iter(attempts)
        self.started = 0
        self.closed = 0

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.started += 1
        try:
            for step in next(self._attempts):
                if isinstance(step, ModelError):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        finally:
            self.closed += 1

    async def close(self) -> None:
        """Nothing is open."""


WORD, END = TextDelta("word"), Finished()


async def test_a_good_reply_passes_unchanged(vendor: Vendor) -> None:
    """Patience adds nothing to a reply and drops only empty pieces."""
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert heard.pieces == ["Hello", " there", "."]
    assert heard.finished is not None
    assert heard.finished.usage is not None


async def test_a_model_that_never_answers_is_given_up(vendor: Vendor) -> None:
    """No first word in time ends in a clear error, the connection is closed, nothing is asked twice."""
    vendor.server.then(Answer(first_delay=60))
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert isinstance(heard.error, ModelStalled)
    assert "said nothing for" in heard.error.advice
    await _left(vendor)
    assert len(vendor.server.requests) == 1


async def test_a_model_that_goes_silent_keeps_its_words(vendor: Vendor) -> None:
    """A stall after three tokens gives those three, then the error, and closes the connection."""
    vendor.server.then(Answer(words=("a", "b", "c"), ending="stall"))
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert heard.pieces == ["a", "b", "c"]
    assert isinstance(heard.error, ModelStalled)
    await _left(vendor)


async def test_a_model_that_talks_for_ever_is_stopped(vendor: Vendor) -> None:
    """The limit on the whole holds although every token comes in time."""
    vendor.server.then(Answer(words=["on "] * 1000, word_delay=0.02))
    patience = Patience(first_token=2.0, idle=2.0, total=0.4)
    heard = await hear(PatientBackend(vendor.backend(), patience), ask("hi"))

    assert heard.text.startswith("on on ")
    assert isinstance(heard.error, ModelStalled)
    assert "too long" in heard.error.advice
    await _left(vendor)


async def test_a_slow_but_steady_model_is_let_alone(vendor: Vendor) -> None:
    """Silence is measured between tokens, not from the start."""
    vendor.server.then(Answer(words=["on "] * 8, word_delay=0.2))
    heard = await hear(PatientBackend(vendor.backend(), Patience(first_token=1.2, idle=1.2)), ask("hi"))

    assert heard.error is None
    assert heard.text == "on " * 8


async def test_a_thinking_model_is_alive() -> None:
    """Empty deltas are signs of life before the first word, and are not passed on."""
    thinking: list[Delta | ModelError | float] = [0.15, TextDelta("")] * 4
    heard = await hear(PatientBackend(Scripted([*thinking, WORD, END]), QUICK), ask("hi"))

    assert (heard.pieces, heard.error) == (["word"], None)


@pytest.mark.parametrize(
    "failure",
    [
        Answer(status=500),
        Answer(status=529, error="overloaded_error"),
        Answer(status=429, error="rate_limit_error"),
        Answer(words=(), ending="cut"),
        Answer(words=(), ending="error", error="overloaded_error"),
    ],
    ids=["500", "529", "429", "cut", "in the stream"],
)
async def test_a_passing_failure_is_tried_again(vendor: Vendor, failure: Answer) -> None:
    """Before the first word the person notices nothing but a pause."""
    vendor.server.then(failure, failure)
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert (heard.text, heard.error) == ("Hello there.", None)
    assert len(vendor.server.requests) == 3


async def test_retries_come_to_an_end(vendor: Vendor) -> None:
    """After the last retry the person is told."""
    vendor.server.default = Answer(status=500)
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert isinstance(heard.error, ModelUnavailable)
    assert len(vendor.server.requests) == 3


@pytest.mark.parametrize("ending", ["cut", "end", "error"])
async def test_nothing_is_tried_again_once_a_word_was_shown(vendor: Vendor, ending: str) -> None:
    """A reply that broke off is kept as it is; a second one would not continue it."""
    vendor.server.then(
        Answer(words=("Half",), ending="cut" if ending == "cut" else "end" if ending == "end" else "error")
    )
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert heard.text == "Half"
    assert type(heard.error) is ModelBroken
    assert len(vendor.server.requests) == 1


@pytest.mark.parametrize("error", [ModelRefused("no"), ModelEmpty(), ModelStalled("late")])
async def test_what_does_not_pass_is_not_tried_again(error: ModelError) -> None:
    """A wrong key does not become right by asking twice."""
    scripted = Scripted([error], [WORD, END])
    heard = await hear(PatientBackend(scripted, QUICK), ask("hi"))

    assert (heard.error, scripted.started) == (error, 1)


async def test_waits_grow_with_full_jitter() -> None:
    """Each wait is a random part of a bound that doubles and is capped."""
    waits, chances = Waits(), iter([0.5, 1.0, 0.0, 1.0])
    patience = Patience(retries=4, first_wait=1.0, longest_wait=4.0)
    failing = Scripted(*[[ModelUnavailable()]] * 5)
    await hear(PatientBackend(failing, patience, chance=lambda: next(chances), sleep=waits), ask("hi"))

    assert waits.seconds == [0.5, 2.0, 0.0, 4.0]


async def test_retry_after_is_obeyed_and_never_undercut() -> None:
    """The jitter comes on top of what the server asked for."""
    waits = Waits()
    limited = Scripted([ModelRateLimited(retry_after=7.0)], [ModelUnavailable(retry_after=3.0)], [WORD, END])
    heard = await hear(PatientBackend(limited, Patience(), chance=lambda: 0.5, sleep=waits), ask("hi"))

    assert heard.error is None
    assert waits.seconds == [7.25, 3.5]


async def test_a_long_retry_after_is_told_and_not_waited_for(vendor: Vendor) -> None:
    """Nobody sits before a silent chat for two minutes: the person learns when to come back."""
    vendor.server.then(Answer(status=429, error="rate_limit_error", headers={"Retry-After": "120"}))
    waits = Waits()
    heard = await hear(PatientBackend(vendor.backend(), Patience(), sleep=waits), ask("hi"))

    assert isinstance(heard.error, ModelRateLimited)
    assert "in 2 minutes" in heard.error.advice
    assert (waits.seconds, len(vendor.server.requests)) == ([], 1)


async def test_no_wait_goes_beyond_the_whole_limit() -> None:
    """A retry that could only start after the deadline is not waited for."""
    waits = Waits()
    limited = Scripted([ModelRateLimited(retry_after=7.0)])
    heard = await hear(PatientBackend(limited, Patience(total=5.0), sleep=waits), ask("hi"))

    assert isinstance(heard.error, ModelRateLimited)
    assert waits.seconds == []


@pytest.mark.parametrize("words", [(), (" ", "\n")])
async def test_an_empty_answer_is_an_error(vendor: Vendor, words: tuple[str, ...]) -> None:
    """A reply without a word is not stored as if it were one."""
    vendor.server.then(Answer(words=words))
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert isinstance(heard.error, ModelEmpty)
    assert heard.finished is None


async def test_white_space_waits_for_the_first_word() -> None:
    """Nothing blank is shown by itself; what stands before the first word comes with it, unchanged."""
    blank = TextDelta(" \n")
    spoken = await hear(PatientBackend(Scripted([blank, blank, WORD, blank, END]), QUICK), ask("hi"))
    assert spoken.pieces == [" \n \nword", " \n"]
    silent = await hear(PatientBackend(Scripted([blank, END]), QUICK), ask("hi"))
    assert (silent.pieces, type(silent.error)) == ([], ModelEmpty)
    again = await hear(PatientBackend(Scripted([blank, ModelUnavailable()], [WORD, END]), QUICK), ask("hi"))
    assert again.pieces == ["word"]
    endless = PatientBackend(Scripted([blank] * 9), Patience(retries=0, max_characters=8))
    assert type((await hear(endless, ask("hi"))).error) is ModelEmpty


async def test_a_huge_answer_is_cut_at_the_limit(vendor: Vendor) -> None:
    """Five megabytes end as a reply of the longest length that can be stored, and the rest is not read."""
    vendor.server.then(Answer(words=["x" * 50_000] * 100))
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert len(heard.text) == 1_000_000
    assert heard.finished == Finished(None, "length")


async def test_a_huge_token_is_cut_at_the_limit(vendor: Vendor) -> None:
    """The limit holds for a single piece as well."""
    vendor.server.then(Answer(words=["x" * 5_000_000]))
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert len(heard.text) == 1_000_000


async def test_halves_of_characters_are_put_together(vendor: Vendor) -> None:
    """An emoji that a server cut in two is shown whole, and a lone half can not break the display."""
    vendor.server.then(Answer(words=("a\ud83d", "\ude00", "b\ud83d")))
    heard = await hear(PatientBackend(vendor.backend(), QUICK), ask("hi"))

    assert heard.pieces == ["a", "😀", "b", "\ufffd"]


async def test_a_backend_that_forgets_its_end_has_broken_off() -> None:
    """Finished is part of the promise; without it the reply counts as cut short."""
    heard = await hear(PatientBackend(Scripted([WORD]), QUICK), ask("hi"))

    assert (heard.text, type(heard.error)) == ("word", ModelBroken)


async def test_cancelling_the_reader_closes_the_connection(vendor: Vendor) -> None:
    """The service learns at once that nobody listens any more."""
    vendor.server.then(Answer(words=("a",), ending="stall"))
    patient = PatientBackend(vendor.backend(), Patience())
    reading = asyncio.create_task(hear(patient, ask("hi")))
    await vendor.server.arrived.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    await _left(vendor)


async def test_leaving_the_block_closes_the_connection(vendor: Vendor) -> None:
    """A reader that has enough needs only to leave."""
    vendor.server.then(Answer(words=("a",), ending="stall"))
    async with aclosing(PatientBackend(vendor.backend(), Patience()).stream(ask("hi"))) as deltas:
        assert await anext(deltas) == TextDelta("a")

    await _left(vendor)


async def test_cancelling_during_a_wait_asks_no_more(vendor: Vendor) -> None:
    """A stop between two attempts is a stop."""
    vendor.server.default = Answer(status=500)
    patient = PatientBackend(vendor.backend(), Patience(first_wait=20.0), chance=lambda: 1.0)
    reading = asyncio.create_task(hear(patient, ask("hi")))
    await vendor.server.arrived.wait()
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert len(vendor.server.requests) == 1


async def test_every_attempt_is_closed() -> None:
    """Attempts that failed leave nothing open behind the one that did not."""
    scripted = Scripted([ModelUnavailable()], [ModelBroken()], [WORD, END])
    await hear(PatientBackend(scripted, QUICK), ask("hi"))

    assert (scripted.started, scripted.closed) == (3, 3)


async def _left(vendor: Vendor) -> None:
    began = time.monotonic()
    async with asyncio.timeout(2):
        await vendor.server.requests[-1].left.wait()
    assert time.monotonic() - began < 1
