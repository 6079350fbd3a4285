"""Reception: takes updates in: what means nothing is left out, a button counts once."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence

from adapters.intake import Intake
from adapters.marks import lane_in
from adapters.telegram.addressing import Me
from adapters.telegram.parsing import Migration, Press, parse
from adapters.telegram.place import whole
from adapters.telegram.presses import REFUSED, REMEMBERED, USED, Presses
from sessions.letter import Update


class Reception:
    """Stores updates under their names, whichever way they come."""

    def __init__(self, me: Me, intake: Intake, presses: Presses) -> None:
        self._me, self._intake, self._presses = me, intake, presses
        # An update that comes twice is no second press.
        self._counted: deque[str] = deque(maxlen=REMEMBERED)

    async def take(self, updates: Sequence[object]) -> None:
        """Store what has a meaning, in its order; it is durable when this returns."""
        batch: list[Update] = []
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
                place = event.old if isinstance(event, Migration) else str(event.place.chat)
                batch.append(Update(str(number), content, place))
        await self._intake.take(batch)

    async def _take_press(self, press: Press, content: bytes) -> None:
        opened = self._presses.open(press)
        place = "" if press.place is None else str(press.place.chat)
        if opened is None:
            self._presses.refuse(press, REFUSED)
        elif await self._intake.take([Update(f"button:{opened.nonce}", content, place, lane_in(opened.text))]):
            self._counted.append(press.query)
        elif press.query not in self._counted:
            self._presses.refuse(press, USED)
