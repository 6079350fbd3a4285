"""Reception: takes updates in: what means nothing is left out, a button counts once."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence

from adapters.intake import Intake
from adapters.telegram.addressing import Me
from adapters.telegram.parsing import Press, parse
from adapters.telegram.place import whole
from adapters.telegram.presses import REFUSED, REMEMBERED, USED, Presses


class Reception:
    """Stores updates under their names, whichever way they come."""

    def __init__(self, me: Me, intake: Intake, presses: Presses) -> None:
        self._me, self._intake, self._presses = me, intake, presses
        # An update that comes twice is no second press.
        self._counted: deque[str] = deque(maxlen=REMEMBERED)

    async def take(self, updates: Sequence[object]) -> None:
        """Store what has a meaning, in its order; it is durable when this returns."""
        batch: list[tuple[str, bytes]] = []
        for update in updates:
            number = whole(update.get("update_id")) if isinstance(update, Mapping) else None
            event = parse(update, self._me)
            if number is None or event is None:
                continue
            content = json.dumps(update).encode()
            if isinstance(event, Press):
                await self._intake.take(batch)
                batch = []
                await self._take_press(event, content)
            else:
                batch.append((str(number), content))
        await self._intake.take(batch)

    async def _take_press(self, press: Press, content: bytes) -> None:
        opened = self._presses.open(press)
        if opened is None:
            self._presses.refuse(press, REFUSED)
        elif await self._intake.take([(f"button:{opened.nonce}", content)]):
            self._counted.append(press.query)
        elif press.query not in self._counted:
            self._presses.refuse(press, USED)
