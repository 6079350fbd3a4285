"""Layer: what one source sets, by dotted name."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class Layer(PydanticBaseSettingsSource):
    """The values of one source, for pydantic-settings to lay over those of weaker ones."""

    def __init__(self, settings_cls: type[BaseSettings], origin: str, values: Mapping[str, object]) -> None:
        super().__init__(settings_cls)
        self.origin = origin
        self.values = dict(values)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:
        """Give the value of one setting or group, already decoded."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, object]:
        """Give all values, groups as dictionaries of their own."""
        single: dict[str, object] = {}
        groups: dict[str, dict[str, object]] = {}
        for name, value in self.values.items():
            group, _, setting = name.rpartition(".")
            (groups.setdefault(group, {}) if group else single)[setting] = value
        return single | groups
