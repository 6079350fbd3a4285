"""Worker: does one job in a fresh process and prints its figures as the last line."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.job import Job


def main() -> None:
    """Do the job on the command line."""
    # As a script, this file's own folder stands first: the checkout belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from tests.benchmarks import durable
    from tests.benchmarks.job import Job

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    work, job = Job.decode(sys.argv[1])
    timed = job.measure not in ("fill", "footprint")
    durable.force(durable.DurableConnection if timed else durable.HastyConnection)
    figures = asyncio.run(do(work, job))
    if durable.weakened:
        raise AssertionError(f"a connection did not keep WAL and synchronous=FULL: {durable.weakened[0]}")
    print(json.dumps(figures))


async def do(work: Path, job: Job) -> dict[str, dict[str, float]]:
    """Do one job; measure the floor in the same process just before, but where memory counts."""
    from tests.benchmarks import measures
    from tests.benchmarks.filled import fill
    from tests.benchmarks.floor import measure_floor
    from tests.benchmarks.stores import STORES

    if job.measure == "fill":
        await fill(work, job.store, job.content)
        return {"values": {}}
    if job.measure == "footprint":
        return {"values": await measures.footprint(work, job.store)}
    if job.measure == "server":
        from tests.benchmarks.server import FEW, server

        return {"values": await server(work, job.clients or FEW, job.seconds)}
    if job.measure == "memory":
        return {"values": await measures.memory(work, job.store, seconds=job.seconds)}
    if job.measure in ("talk", "reset", "known"):
        return {"values": await of_a_bot(work, job)}
    exec(STORES[job.store].imports, {})  # noqa: S102 - one of our own lines; nothing is imported while timed
    floor = await measure_floor(work)
    if job.measure == "turns":
        values = await measures.turns(work, job.store, clients=job.clients, seconds=job.seconds)
    elif job.measure == "growth":
        values = await measures.growth(work, job.store, job.content)
    elif job.measure == "reading":
        values = await measures.reading(work, job.store, job.content)
    elif job.measure == "cost":
        from tests.benchmarks import channels

        values = await channels.cost(work, job.content)
    else:
        from tests.benchmarks.timeline import timeline

        values = await timeline(work, job.content)
    return {"values": values, "floor": floor}


async def of_a_bot(work: Path, job: Job) -> dict[str, float]:
    """Do a job whose figures are not the disk's."""
    from tests.benchmarks import channels

    if job.measure == "talk":
        return await channels.talk(work, job.platform, job.clients, job.seconds)
    if job.measure == "reset":
        return await channels.resets(work, job.platform, job.clients)
    return await channels.known(work, job.clients)


if __name__ == "__main__":
    main()
