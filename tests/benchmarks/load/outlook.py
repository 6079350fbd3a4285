"""Outlook: the part of the page that looks beyond what was measured."""
# ruff: noqa: E501  # lines are as long as they are on the page, numbers apart

from __future__ import annotations

import math

from sessions.lanes import MAX_TURNS
from tests.benchmarks.load.crew import Seen
from tests.benchmarks.load.million import (
    DATABASE_BUSY,
    EACH,
    KEPT_DAYS,
    PEAK_FACTOR,
    STREAMED,
    USERS,
    WORKER_BUSY,
    Million,
    carried,
)
from tests.benchmarks.report import number, table

CORES = (2, 4, 8, 16, 32)


def million_people(results: Seen, found: Million) -> str:
    """Say what a million people a day need."""
    users, each = USERS, EACH
    rows = [
        ["messages a second, mean", "assumed", number(found.mean)],
        [f"at the busiest minute, {PEAK_FACTOR:g} times the mean", "assumed", number(found.peak)],
        [f"turns at once, {STREAMED:g} s each", "worked out", number(found.turns_at_once)],
        [f"workers, by {MAX_TURNS} turns each", "worked out", _whole(found.workers_by_turns)],
        ["workers, by processors", "worked out", _whole(found.workers_by_processor)],
        ["processors of the database", "worked out", _whole(found.database_cores)],
        ["messages a second that passed here, at most", "measured", number(found.limit)],
        ["if the census were locked for the commit alone", "worked out", number(found.census_limit)],
        ["log of the database, GiB a day", "worked out", number(found.wal_gib_a_day)],
        ["disk for conversations, GiB a year", "worked out", number(found.kept_gib_a_year)],
        [f"disk for mail, kept {KEPT_DAYS} days, GiB", "worked out", number(found.passing_gib)],
    ]
    return f"""
## A million people a day

Assumed: {users:,} people with {each} messages each a day, an answer of {STREAMED:g} s, and processors of workers that are busy {WORKER_BUSY:.0%} and of the database {DATABASE_BUSY:.0%} at the busiest minute.
Nothing of this was run at that size. Costs of a message are those measured above, taken to stay as they are; messages here
are short (200 characters and an answer as long), so disk and log grow with what your people write.

{table(["", "", ""], rows)}

{_verdict(found)}

Telegram lets one bot send about 30 messages a second, more against payment, so that many people means several bots or an
agreement with Telegram. Discord's limits are for each channel.
"""


def _whole(value: float) -> str:
    return f"{math.ceil(value):,}"


def carried_by(results: Seen) -> str:
    """Say what databases of several sizes have the processors for."""
    rows = [[str(cores), number(carried(results, cores))] for cores in CORES]
    return table(["processors of the database", "messages/s, worked out"], rows)


def _verdict(found: Million) -> str:
    if found.are_both:
        return (
            f"With more processors the census is the next limit, somewhere between {number(found.limit)} and\n"
            f"{number(found.census_limit)} messages a second: it must be locked for a shorter time, or split, to be safe."
        )
    if found.is_let_through:
        return "The database carries it, with the processors above on one server and a standby, and the workers above beside it."
    return (
        "Processors and disk are no obstacle, the census is: before that many people come it must be locked for a shorter\n"
        "time, or split."
    )


def beyond(found: Million) -> str:
    """Say what to do when one database is not enough."""
    rate = number(found.limit)
    return f"""
## Beyond one database

In the order in which it is needed:

1. **A shorter hold of the census.** Each commit with it counts for all workers, so a local disk that commits fast matters, and a
   standby that confirms slows it. Sharing one change among more that comes together needs no new hardware.
2. **The census in parts**, one for each lane or worker, summed when it is checked: transactions then wait only for those of
   the same part. It is not built.
3. **More turns in a worker**, or more workers: they cost memory and connections to the model, hardly processors.
4. **Several bots, several databases.** A bot account, or a group of people, with a database of its own shares nothing with
   the others; each has its own {rate} messages a second on a disk of its own. It works today.
5. **Citus, by session.** `message` and `journal` are distributed by `session`, `lineage` by `source`, all colocated; every
   statement on them carries it. What is small stays on the coordinator, and with it the census, so do 2 first.
6. **Partitions of `letter` and `parcel`** by id, which begins with the time: what is older than eight days is then dropped
   instead of deleted.
"""


def trust(results: Seen) -> str:
    """Say how far to believe all this, and how to repeat it."""
    return f"""
## How far to trust it

- One machine, one run, {number(results["seconds"])} s; the load of the machine was {number(results["load_before"])} before and {number(results["load_after"])} after. Differences under a third are noise.
- Workers, database and stand-in share {results["machine"]["cores"]} processors, so throughput over the number of workers says less than the time a
  message costs each part. The census and the waits are measured; what other machines can do is worked out from them.
- Answers streamed from a real model take a connection each and some work for each word, which is not in here.
- By webhook every worker takes in its part; here one polls for all. That was not measured.

## Again

```
make load                     # prints the tables, about ten minutes
make load ARGS="--quick"      # everything for a few seconds: to see that it works
make load ARGS="--write"      # keeps the results, draws the plots and writes this page
make load ARGS="--draw"       # writes plots and page from the results that are there
```
"""
