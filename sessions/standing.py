"""Standing: how this worker stands among the others, in numbers."""

from __future__ import annotations

from typing import NamedTuple


class Standing(NamedTuple):
    """Numbers for whoever watches over several workers; `taken_over` and `lost` count from the start of the program.

    `workers` is how many share the lanes, this one among them; `silent` is for how many seconds it has not said that it
    is alive. `taken_over` counts leases of workers that were given up, `lost` those it had when it was given up itself.
    """

    workers: int
    lanes: int
    silent: float
    taken_over: int
    lost: int
