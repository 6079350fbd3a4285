"""Million: what the measured costs say for a million people a day. All of this is worked out, nothing is measured."""

from __future__ import annotations

from dataclasses import dataclass

from sessions.lanes import MAX_TURNS
from tests.benchmarks.load.crew import Seen

USERS, EACH = 1_000_000, 10  # people a day, and messages of each
PEAK_FACTOR = 3.0  # the busiest minute beside the mean
STREAMED = 8.0  # seconds for which an answer streams
WORKER_BUSY, DATABASE_BUSY = 0.6, 0.6  # the share of a processor that is planned for
CENSUS, MUCH = "the census row", 0.5  # connections that wait for it in the mean, from which on it is the limit
USED_UP = 0.85  # of the processors
SECONDS, DAYS, KEPT_DAYS = 86_400, 365, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Million:
    """What is needed."""

    mean: float  # messages a second
    peak: float
    turns_at_once: float
    workers_by_turns: float
    workers_by_processor: float
    database_cores: float
    limit: float  # messages a second beyond which more workers brought nothing on this machine
    busy: float  # the share of this machine's processors that was used then
    census_limit: float  # the same if the one row were locked for the commit alone
    is_census: bool  # whether that row is what transactions wait for
    wal_gib_a_day: float
    kept_gib_a_year: float
    passing_gib: float

    @property
    def are_both(self) -> bool:
        """Tell whether the processors were used up as well, so that nobody can say which came first."""
        return self.is_census and self.busy >= USED_UP

    @property
    def is_let_through(self) -> bool:
        """Tell whether the one row is no obstacle."""
        return not self.is_census or self.limit > self.peak


def million(results: Seen) -> Million:
    """Work it out from the run with the most workers, and from the one whose answers stream."""
    most = busiest(results)
    mean = USERS * EACH / SECONDS
    peak = mean * PEAK_FACTOR
    sizes = most["checked"]
    gib = 1024**3
    return Million(
        mean=mean,
        peak=peak,
        turns_at_once=peak * STREAMED,
        workers_by_turns=peak * STREAMED / MAX_TURNS,
        workers_by_processor=peak * streamed_worker_ms(results) / 1e3 / WORKER_BUSY,
        database_cores=peak * most["saturated"]["database_ms"] / 1e3 / DATABASE_BUSY,
        limit=max(run["saturated"]["per_second"] for run in results["by_workers"].values()),
        busy=_busy(results),
        is_census=most["saturated"]["waits"].get(CENSUS, 0.0) >= MUCH,
        census_limit=results["census_alone"] / most["saturated"]["census_each"],
        wal_gib_a_day=USERS * EACH * most["saturated"]["wal_bytes_each"] / gib,
        kept_gib_a_year=USERS * EACH * DAYS * sizes["kept_bytes_each"] / gib,
        passing_gib=USERS * EACH * KEPT_DAYS * sizes["passing_bytes_each"] / gib,
    )


def _busy(results: Seen) -> float:
    seen = busiest(results)["saturated"]
    each = float(seen["worker_ms"] + seen["database_ms"] + seen["town_ms"])
    return float(seen["per_second"]) * each / 1e3 / float(results["machine"]["cores"])


def carried(results: Seen, cores: int) -> float:
    """Give the messages a second for which a database with so many processors has the time."""
    cost: float = busiest(results)["saturated"]["database_ms"]
    return cores * DATABASE_BUSY / cost * 1e3


def busiest(results: Seen) -> Seen:
    """Give the run with the most workers."""
    found: Seen = results["by_workers"][max(results["by_workers"], key=int)]
    return found


def streamed_worker_ms(results: Seen) -> float:
    """Give a worker's time for a message whose answer streams for as long as is assumed here.

    What streaming adds is taken to grow with its time, from the run at once and the one that was streamed.
    """
    at_once = results["by_workers"][str(results["plan"]["day_workers"])]["saturated"]["worker_ms"]
    added = max(0.0, results["streaming"]["worker_ms"] - at_once) / results["plan"]["streamed_seconds"]
    return float(at_once + added * STREAMED)
