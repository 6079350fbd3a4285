"""Model backends: sources of replies behind one small protocol."""

from bot.models.backend import Delta, Finished, ModelBackend, Prompt, StopReason, TextDelta
from bot.models.choose import ModelSettings, make_backend
from bot.models.errors import ModelError

__all__ = [
    "Delta",
    "Finished",
    "ModelBackend",
    "ModelError",
    "ModelSettings",
    "Prompt",
    "StopReason",
    "TextDelta",
    "make_backend",
]
