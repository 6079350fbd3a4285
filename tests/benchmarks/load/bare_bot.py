"""Bare bot: answers everything at once and keeps nothing: only the town is the limit. It ends with its input."""

from __future__ import annotations

import asyncio
import sys

import aiohttp

CONNECTIONS = 64


async def main(url: str) -> None:
    """Poll and answer until told to end."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:
        polling = asyncio.create_task(_poll(session, url))
        print("begun", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)


async def _poll(session: aiohttp.ClientSession, url: str) -> None:
    offset, answering = 0, set[asyncio.Task[None]]()
    while True:
        asked = {"offset": offset, "timeout": 10, "allowed_updates": ["message"]}
        async with session.post(f"{url}/getUpdates", json=asked) as response:
            updates = (await response.json())["result"]
        for update in updates:
            offset = update["update_id"] + 1
            task = asyncio.create_task(_answer(session, url, update["message"]))
            answering.add(task)
            task.add_done_callback(answering.discard)


async def _answer(session: aiohttp.ClientSession, url: str, message: dict[str, dict[str, int]]) -> None:
    said = {"chat_id": message["chat"]["id"], "text": f"“{message['text']}”)"}
    async with session.post(f"{url}/sendMessage", json=said) as response:
        await response.read()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
