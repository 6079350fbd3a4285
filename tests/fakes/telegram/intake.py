"""Intake: how a bot gets its updates."""

from __future__ import annotations

import re

from tests.fakes.telegram.failure import WEBHOOK_POLL, WEBHOOK_SET, Failure, bad
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.registry import method
from tests.fakes.telegram.webhook import Target
from tests.fakes.telegram.world import World

_SECRET = re.compile(r"[A-Za-z0-9_-]*")


@method("getUpdates", "offset limit timeout allowed_updates")
async def get_updates(world: World, parameters: Parameters) -> object:
    """Hand out what waits, or wait for something."""
    if world.webhook.target:
        raise Failure(409, WEBHOOK_SET)
    _allow(world, parameters)
    limit = parameters.integer("limit")
    return await world.updates.poll(
        parameters.integer("offset") or 0,
        100 if limit is None else limit,
        parameters.integer("timeout") or 0,
    )


@method(
    "setWebhook",
    "url certificate ip_address max_connections allowed_updates drop_pending_updates secret_token",
)
async def set_webhook(world: World, parameters: Parameters) -> object:
    """Deliver updates to an address; an empty one ends that. A server of one's own may call http."""
    url, secret = parameters.text("url"), parameters.text("secret_token")
    if url and not url.startswith(("http://", "https://")):
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if len(secret) > 256:
        raise bad("secret token is too long")
    if not _SECRET.fullmatch(secret):
        raise bad("secret token contains unallowed characters")
    most = parameters.integer("max_connections") or 40
    _allow(world, parameters)
    await _switch(world, parameters, Target(url=url, secret=secret, max_connections=min(max(most, 1), 100)))
    return True


@method("deleteWebhook", "drop_pending_updates")
async def delete_webhook(world: World, parameters: Parameters) -> object:
    """Deliver nothing any more."""
    await _switch(world, parameters, Target(url=""))
    return True


@method("getWebhookInfo")
async def get_webhook_info(world: World, _: Parameters) -> object:
    """Tell where updates go."""
    return world.webhook.as_json()


async def _switch(world: World, parameters: Parameters, target: Target) -> None:
    if parameters.flag("drop_pending_updates"):
        world.updates.clear()
    if target.url:
        world.updates.end_poll(Failure(409, WEBHOOK_POLL))
    await world.webhook.set(target if target.url else None)


def _allow(world: World, parameters: Parameters) -> None:
    given = parameters.parsed("allowed_updates")
    if isinstance(given, list):
        world.updates.allowed = [str(kind) for kind in given]
