"""Page: docs/scale.md and its plots, written from the results of a run: no number stands there that is not theirs."""
# ruff: noqa: E501  # lines are as long as they are on the page, numbers apart

from __future__ import annotations

from pathlib import Path

from sessions.lanes import MAX_TURNS
from tests.benchmarks.load import outlook
from tests.benchmarks.load.crew import Seen
from tests.benchmarks.load.million import DATABASE_BUSY, Million, busiest, million
from tests.benchmarks.load.plots import plots
from tests.benchmarks.load.summary import costs, latency, saturation, store, waits
from tests.benchmarks.load.wrapping import wrapped
from tests.benchmarks.report import number

DOCS = Path(__file__).resolve().parents[3] / "docs"
SCALE = DOCS / "scale"


def write_plots(results: Seen) -> None:
    """Draw everything anew."""
    for name, drawing in plots(results).items():
        (SCALE / name).write_text(drawing, encoding="utf-8")


def write_page(results: Seen) -> None:
    """Write the page anew."""
    (DOCS / "scale.md").write_text(page(results), encoding="utf-8")


def page(results: Seen) -> str:
    """Give the page."""
    found = million(results)
    parts = (
        _head(results, found),
        _method(results),
        _growth(results),
        _latency(results),
        _costs(results),
        _limit(results, found),
        _day(results),
        _killed(results),
        _store(results),
        outlook.million_people(results, found),
        outlook.beyond(found),
        outlook.trust(results),
    )
    return "\n\n".join(map(wrapped, parts)) + "\n"


def _head(results: Seen, found: Million) -> str:
    runs = results["by_workers"]
    first, last = runs[min(runs, key=int)], busiest(results)
    return f"""
# How far it scales

Written by `make load ARGS="--write"` from [results.json](scale/results.json); every number is from there. Measured on one
machine with {results["machine"]["cores"]} processors, which workers, database and the stand-in for Telegram share.

- One worker answers {number(first["saturated"]["per_second"])} messages a second, {max(runs, key=int)} workers {number(last["saturated"]["per_second"])}.
  Answered means: taken in, stored, answered by a model that takes no time, the answer stored, sent, and noted as sent.
- A message costs {number(last["saturated"]["worker_ms"])} ms of a processor in a worker and {number(last["saturated"]["database_ms"])} ms in the database.
- {_limit_in_a_sentence(found)}
- A million people a day need {number(found.peak)} messages a second at the busiest minute: {_told(found)} What else is needed stands
  [below](#a-million-people-a-day).
- After `kill -9` of a worker everybody was answered again after {number(results["killed"]["recovered_after"])} s. In no run was anything lost, or handled
  twice, or answered out of order.
"""


def _method(results: Seen) -> str:
    plan, ceiling = results["plan"], results["ceiling"]
    return f"""
## How it is measured

{plan["people"]} people, a tenth of them in groups of five, talk to one bot, against the stand-in for Telegram, by long polling.
Workers are processes put together as `palaver run` does it, with `store.workers = "many"`, on one PostgreSQL with `fsync` and
`synchronous_commit` on, on the same machine and disk. Two things differ from a bot in earnest: the pace that Telegram asks for
is not kept (it is about 30 messages a second for one bot, whatever the machine), and the model repeats what was said, at once
or over some seconds.

- *Saturation*: {plan["talkers"]} people say the next thing as soon as the last one is answered.
- *Latency*: people speak whether they are answered or not, at a share of the saturation, with pauses that are log-normal and
  several messages in a row now and then. The clock starts when something is said, or should have been said, and stops when the
  whole answer reaches the stand-in.
- *Processor time* is that of the processes, as the system counts it; what looks on is not counted.
- After every run all workers end, and the store is read: what each person said must be there once and in its order, with one
  answer to each, nothing unfinished, and nothing damaged. A run in which that does not hold has no results.

The stand-in and its people, in a process of their own, manage {number(ceiling["per_second"])} messages a second beside a bot that answers at once and
keeps nothing: {number(ceiling["town_ms"])} ms each. They are not the limit, but they take from the processors.
"""


def _growth(results: Seen) -> str:
    return f"""
## More workers

![Messages per second](scale/throughput.svg)

{saturation(results)}

{_growth_in_words(results)}
"""


def _growth_in_words(results: Seen) -> str:
    runs = results["by_workers"]
    one, two = (runs[name]["saturated"]["per_second"] for name in sorted(runs, key=int)[:2])
    return f"""Two workers do {number(two / one)} times what one does. A second worker brings processors of its own where there are any;
here it shares two with the database and the stand-in. What it can not bring is told under [the limit](#where-the-database-becomes-the-limit)."""


def _latency(results: Seen) -> str:
    return f"""
## How long an answer takes

![Latency](scale/latency.svg)

{latency(results)}

This is Palaver's part alone. Whoever waits for a model waits that much longer.
"""


def _costs(results: Seen) -> str:
    streamed = results["streaming"]
    return f"""
## What a message costs

![Processor time](scale/cost.svg)

{costs(results)}

The last line is with answers that stream for {results["plan"]["streamed_seconds"]:g} s, which are shown while they are made: each costs a few calls to
Telegram more. Two workers then answer {number(streamed["per_second"])} messages a second, because each runs {MAX_TURNS} turns at once:
2 x {MAX_TURNS} / {results["plan"]["streamed_seconds"]:g} s is {number(2 * MAX_TURNS / results["plan"]["streamed_seconds"])} at most.
"""


def _limit(results: Seen, found: Million) -> str:
    most = busiest(results)
    saturated, few = most["saturated"], most["at"][min(most["at"], key=float)]
    return f"""
## Where the database becomes the limit

![Waits](scale/waits.svg)

{waits(results)}

Connections in the middle of a transaction, looked at twenty times a second at saturation. *The program* is a transaction that
waits for its worker's next statement.

{_limit_in_a_sentence(found)} `palaver.census` counts what there must be, so that a row somebody removed is noticed. Whoever takes in
an update, begins a message, stores its answer or notes that it was sent changes that row, and holds its lock until the disk has
the commit, so these transactions go one after the other, whichever worker does them. A message changes it {number(saturated["census_each"])} times at
saturation, when what comes together shares a change, and {number(few["census_each"])} times at half of that.

{_passing(results, found)}

By its processor time alone a database that is busy {DATABASE_BUSY:.0%} carries, without a thought for that row:

{outlook.carried_by(results)}
"""


def _limit_in_a_sentence(found: Million) -> str:
    if found.are_both:
        return (
            f"Two things run out together here: the processors of this machine, {found.busy:.0%} busy, and the one row that"
            " counts what there is, `palaver.census`, for which transactions wait in line; who holds it waits for a processor."
        )
    if found.is_census:
        return (
            "The limit is a lock: the one row that counts what there is, `palaver.census`, for which transactions wait in"
            " line."
        )
    return "The limit is the processors of this machine: no lock of the database is waited for to speak of."


def _told(found: Million) -> str:
    if found.are_both:
        return (
            f"{number(found.limit)} were reached here, with every processor in use; more of them meet that line next."
        )
    if not found.is_census:
        return "no lock stands in the way of that, processors must be there."
    return f"the line for that row is {'long enough' if found.is_let_through else 'the obstacle'}, at {number(found.limit)} here."


def _passing(results: Seen, found: Million) -> str:
    by_itself = f"""With nothing else to do the row can be changed {number(results["census_alone"])} times a second on this disk:
{number(1e3 / results["census_alone"])} ms each."""
    if not found.is_census:
        return f"{by_itself} So {number(found.census_limit)} messages a second could pass."
    return f"""{by_itself} Here there was one change in {number(_held(busiest(results)["saturated"]))} ms: between the lock and the commit the worker is
asked twice, and gets to it when it has done what else waits in it. If the lock were held for the commit alone
{number(found.census_limit)} messages a second could pass."""


def _held(saturated: Seen) -> float:
    """Give the milliseconds for which the row is held by each change, as there is always somebody who waits for it."""
    return 1e3 / float(saturated["per_second"] * saturated["census_each"])


def _day(results: Seen) -> str:
    seen = results["day"]
    hour = max(seen["hours"], key=lambda one: float(one["per_second"]))
    return f"""
## A day

![A day](scale/day.svg)

A day in {results["plan"]["day_seconds"]:g} seconds, with {results["plan"]["day_workers"]} workers, so that the busiest hour comes near {results["plan"]["day_share"]:.0%} of the saturation.
{number(seen["said"])} messages; in the busiest hour {number(hour["per_second"])} a second, with p50 {number(hour["p50_ms"])} ms and p99 {number(hour["p99_ms"])} ms.
"""


def _killed(results: Seen) -> str:
    plan, seen = results["plan"], results["killed"]
    return f"""
## A worker dies

![A worker is killed](scale/killed.svg)

Two workers, {plan["killed_rate"]:g} messages a second whose answers stream for {plan["killed_answer"]:g} s, `store.lease_seconds` {plan["lease"]}. After {plan["killed_after"]:g} s the one
that polls gets `kill -9`. The other one waits for the lease to run out, takes over its chats and its polling, and makes the
answers that had begun anew. {number(seen["kept_waiting"])} messages waited longer than as many in a row take, the longest {number(seen["longest_wait"])} s; {number(seen["recovered_after"])} s after the
kill nobody did any more. {seen["doubled"]} answers were seen twice: one that was sent and not yet noted as sent.
"""


def _store(results: Seen) -> str:
    found = results["store"]
    one, two = (found[f"workers_{count}"] for count in results["plan"]["workers"][:2])
    return f"""
## The store without a bot

A turn of the benchmark (store a message, read the last 50, store the reply), {results["plan"]["store_clients"]} conversations in all:

{store(results)}

There is no mail here, so the census is not touched. One process among workers does {number(one["tps"] / found["sole"]["tps"])} times the turns of one that has the database to
itself, two of them {number(two["tps"] / one["tps"])} times those of one. A worker asks the database before each turn whether others have changed the session or what
somebody has set, and each of its writes locks its row, so that nobody takes over in the middle of one; together that costs the worker
{number(one["cpu_ms"] - found["sole"]["cpu_ms"])} ms and the database {number(one["database_ms"] - found["sole"]["database_ms"])} ms a turn, and the time of these questions.
"""
