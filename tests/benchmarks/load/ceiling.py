"""Ceiling: how much the town itself can do, beside a bot that answers at once and keeps nothing."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.benchmarks.load.crew import Seen, town
from tests.benchmarks.load.plan import Plan
from tests.benchmarks.load.processors import seconds_of
from tests.bot.running import TELEGRAM_TOKEN

BARE_BOT = Path(__file__).with_name("bare_bot.py")


async def ceiling(work: Path, plan: Plan) -> Seen:
    """Give the updates per second of the town, and what one costs it."""
    async with town(plan.people, work / "town.log") as opened:
        bot = await asyncio.create_subprocess_exec(
            sys.executable, str(BARE_BOT), f"{opened.url}/bot{TELEGRAM_TOKEN}", stdin=PIPE, stdout=PIPE
        )
        try:
            await opened.order(polled=1)
            before = seconds_of(opened.process.pid)
            seen = await opened.order(talkers=plan.talkers, seconds=plan.alone)
            spent = seconds_of(opened.process.pid) - before
        finally:
            assert bot.stdin is not None
            bot.stdin.close()
            await bot.wait()
    return {"per_second": seen["per_second"], "town_ms": spent / seen["answered"] * 1e3}
