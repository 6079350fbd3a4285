"""Choose: the backend that the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.models.backend import ModelBackend
from bot.models.echo import EchoBackend
from bot.models.errors import ModelRefused
from bot.models.patience import Patience, PatientBackend

if TYPE_CHECKING:
    from bot.models.anthropic_backend import AnthropicBackend
    from bot.models.openai_backend import OpenAIBackend

BACKENDS = ("echo", "openai", "anthropic")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What can be set about the model. Times are in seconds."""

    backend: str = "echo"
    name: str | None = None
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    connect_timeout: float = 10.0
    first_token_timeout: float = 60.0
    idle_timeout: float = 30.0
    total_timeout: float = 600.0
    retries: int = 2


def make_backend(settings: ModelSettings) -> ModelBackend:
    """Build the backend, held to the time limits of the settings.

    Raises `ModelRefused` for a setting that can not work, before anything is sent.
    """
    patience = Patience(
        first_token=settings.first_token_timeout,
        idle=settings.idle_timeout,
        total=settings.total_timeout,
        retries=settings.retries,
    )
    return PatientBackend(_bare_backend(settings), patience)


def _bare_backend(settings: ModelSettings) -> ModelBackend:
    if settings.backend == "echo":
        return EchoBackend()
    if settings.backend not in BACKENDS:
        raise ModelRefused(f"model.backend is {settings.backend!r}; it can be {', '.join(BACKENDS)}.")
    if not settings.name:
        raise ModelRefused(f"model.backend {settings.backend} needs to know which model. Set model.name.")
    return _backend_class(settings.backend)(
        settings.name,
        api_key=settings.api_key,
        base_url=settings.base_url,
        connect_timeout=settings.connect_timeout,
    )


def _backend_class(name: str) -> type[OpenAIBackend] | type[AnthropicBackend]:
    if name == "openai":
        from bot.models.openai_backend import OpenAIBackend

        return OpenAIBackend
    from bot.models.anthropic_backend import AnthropicBackend

    return AnthropicBackend
