"""Failure: what a vendor's SDK raised, judged as one of our errors.

Both SDKs are generated from one template, so their errors have the same shape. They are read by
attribute, which keeps the SDKs out of this module and lets an incomplete error through.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from bot.models.backend import Delta
from bot.models.errors import (
    ContextTooLong,
    ModelBroken,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
)

_STATUS_OF_CODE = {  # errors inside a stream come after a 200 and have only a name
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "insufficient_quota": 402,  # OpenAI sends it with 429, but waiting does not fill an account
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "context_length_exceeded": 413,
    "exceed_context_size_error": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_OVERRULES = frozenset({402, 413})  # these names are more exact than the status they come with
_TOO_LONG = re.compile(r"context (length|window|size)|prompt is too long|too many (input )?tokens|maximum context")
_TRY_LATER = frozenset({408, 409, 425})
_CHECK = {
    401: "The model service did not accept the key. Check model.api_key.",
    402: "The account at the model service has no credit left. Top it up, or set another model.api_key.",
    403: "The key may not use this model. Check model.api_key and model.name.",
    404: "The model service does not know this model or address. Check model.name (or /model) and model.base_url.",
}
_CHECK_ADDRESS = "The model service is not at this address any more. Check model.base_url."
_CHECK_REQUEST = "The model service did not accept the request. Check model.name and model.base_url."


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What an error tells, without its text."""

    kind: str
    status: int | None
    too_long: bool
    retry_after: float | None


async def judged(deltas: AsyncGenerator[Delta, None], *, backend: str) -> AsyncGenerator[Delta, None]:
    """Pass deltas on and turn whatever else is raised into a `ModelError`.

    The new error is raised outside of `except`, so that no traceback shows the SDK's error under
    it: that one quotes the server's answer.
    """
    began = False
    try:
        async with aclosing(deltas):
            async for delta in deltas:
                began = True
                yield delta
        return
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001 - the SDKs let errors of HTTP and JSON libraries through
        problem = judge(read_failure(error), backend=backend, began=began)
    raise problem


def read_failure(error: Exception) -> Failure:
    """Take from an SDK's error what is safe and useful."""
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None)
    body = getattr(error, "body", None)
    return Failure(
        kind=type(error).__name__,
        status=_status(getattr(error, "status_code", None), _codes(body)),
        too_long=bool(_TOO_LONG.search(str(body)[:4000].lower())),
        retry_after=retry_after(headers) if isinstance(headers, Mapping) else None,
    )


def judge(failure: Failure, *, backend: str, began: bool) -> ModelError:
    """Decide which of our errors a failure is; `began` tells whether the reply had started."""
    status = failure.status
    detail = f"{backend}: {f'HTTP {status}' if status else failure.kind}"
    if status == 413 or (failure.too_long and status in (None, 400, 422, 500)):
        return ContextTooLong(detail=detail)
    if status is None:
        return ModelBroken(detail=detail) if began else ModelUnavailable(detail=detail)
    if status == 429:
        return ModelRateLimited(detail=detail, retry_after=failure.retry_after)
    if status in _TRY_LATER or status >= 500:
        return ModelUnavailable(detail=detail, retry_after=failure.retry_after)
    return ModelRefused(_CHECK.get(status, _CHECK_ADDRESS if status < 400 else _CHECK_REQUEST), detail=detail)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds the server wants us to wait.

    A date is measured against the server's own clock, so ours need not be right.
    """
    exact = _number(headers.get("retry-after-ms"))
    if exact is not None:
        return exact / 1000
    wanted = headers.get("retry-after")
    seconds = _number(wanted)
    if seconds is not None or wanted is None:
        return seconds
    try:
        until = parsedate_to_datetime(wanted) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, until.total_seconds())


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _codes(body: object) -> list[str]:
    if not isinstance(body, Mapping):
        return []
    inner = body.get("error")
    source = inner if isinstance(inner, Mapping) else body
    return [str(source.get(key)) for key in ("code", "type")]


def _status(answered: object, codes: list[str]) -> int | None:
    named = [_STATUS_OF_CODE[code] for code in codes if code in _STATUS_OF_CODE]
    named += [int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)]
    sharper = [status for status in named if status in _OVERRULES]
    if sharper:
        return sharper[0]
    if isinstance(answered, int) and answered >= 300:
        return answered
    return named[0] if named else None
