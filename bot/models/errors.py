"""Every way a model can fail to answer.

    ModelError
    ├── ModelUnavailable       not reachable, overloaded or broken on its side; passes by itself
    ├── ModelRateLimited       too many requests; carries how long to wait, if that was said
    ├── ModelBroken            the reply broke off before its end
    ├── ModelStalled           nothing came for too long
    ├── ModelEmpty             the reply ended without a word
    ├── ContextTooLong         more was sent than the model can read
    └── ModelRefused           key, model name, address or settings are wrong; says what to check

`advice` is for the person who waits for the reply. Neither it nor `str()` ever holds a word of what
the server answered, because servers quote keys and messages; `detail` is for the operator's log and is
made of our own words and numbers alone.
"""

from __future__ import annotations

import math
from typing import ClassVar


class ModelError(Exception):
    """Base of every failure of a model backend."""

    passing: ClassVar[bool] = False
    """Whether the same request may well succeed a moment later."""

    def __init__(self, advice: str, *, detail: str = "", retry_after: float | None = None) -> None:
        self.advice, self.detail, self.retry_after = advice, detail, retry_after
        super().__init__(f"{advice} ({detail})" if detail else advice)


class ModelUnavailable(ModelError):
    """The service can not be reached, is overloaded, or failed on its side."""

    passing = True

    def __init__(self, *, detail: str = "", retry_after: float | None = None) -> None:
        advice = "The model service is not available right now. Try again in a moment with /retry."
        super().__init__(advice, detail=detail, retry_after=retry_after)


class ModelRateLimited(ModelError):
    """The service wants fewer requests; `retry_after` is in seconds."""

    passing = True

    def __init__(self, *, detail: str = "", retry_after: float | None = None) -> None:
        when = "in a moment" if retry_after is None else f"in {spoken(retry_after)}"
        advice = f"The model service is getting too many requests. Try again {when} with /retry."
        super().__init__(advice, detail=detail, retry_after=retry_after)


class ModelBroken(ModelError):
    """The reply broke off before its end, or could not be read."""

    passing = True

    def __init__(self, *, detail: str = "") -> None:
        super().__init__("The reply broke off before its end. /retry asks for a new one.", detail=detail)


class ModelStalled(ModelError):
    """Nothing came for too long, or the whole took too long."""

    def __init__(self, advice: str, *, detail: str = "") -> None:
        super().__init__(f"{advice} Try again with /retry.", detail=detail)


class ModelEmpty(ModelError):
    """The reply ended without a word."""

    def __init__(self, *, detail: str = "") -> None:
        super().__init__("The model ended without saying anything. Put it differently, or /retry.", detail=detail)


class ContextTooLong(ModelError):
    """More was sent than the model can read."""

    def __init__(self, *, detail: str = "") -> None:
        advice = "This conversation is longer than the model can read. Shorten it with /compact, or begin a /new one."
        super().__init__(advice, detail=detail)


class ModelRefused(ModelError):
    """The service will not answer until something is set differently; `advice` says what."""


def spoken(seconds: float) -> str:
    """Say a length of time the way people do, rounded up: `45 seconds`, `2 minutes`."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds > size:
            return _counted(math.ceil(seconds / size), unit)
    return _counted(max(1, math.ceil(seconds)), "second")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
