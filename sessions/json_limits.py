"""JSON limits: what values of any shape keep to, so that all that is stored can be exported and read back."""

from __future__ import annotations

import math

MAX_DEPTH = 32  # levels of lists and objects in one file
MAX_DIGITS = 4300  # of an integer; Python itself reads and writes no longer ones


def flaw(value: object, *, depth: int) -> str | None:
    """Say what keeps `value` out of an export, or give None. `depth` is how many levels enclose it."""
    if value is None or isinstance(value, (str, bool)):
        return None
    if isinstance(value, int):
        return None if value.bit_length() < MAX_DIGITS * 3 else "holds a number with too many digits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "holds a number out of range"
    if not isinstance(value, (list, dict)):
        return f"holds a {type(value).__name__}, which JSON does not know"
    if depth >= MAX_DEPTH:
        return f"is nested more than {MAX_DEPTH} levels deep"
    inside = value.values() if isinstance(value, dict) else value
    return next((found for one in inside if (found := flaw(one, depth=depth + 1))), None)
