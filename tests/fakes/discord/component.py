"""The rules for buttons, menus and what holds them."""

from __future__ import annotations

from tests.fakes.discord.document import Document
from tests.fakes.discord.form import Form
from tests.fakes.discord.message import within

COMPONENTS_V2 = 1 << 15
_ROW, _BUTTON, _LINK, _PREMIUM = 1, 2, 5, 6
_SELECTS = range(3, 9)
_SELECTS_WITH_TEXT = (3, 4, 5, 6, 7, 8)
_V2_TOP = (1, 9, 10, 12, 13, 14, 17)


def check_components(form: Form, body: Document, path: str, flags: int) -> None:
    """Check a message's components: rows, ids, labels, options."""
    rows = form.array(body, "components", path, 40 if flags & COMPONENTS_V2 else 5)
    base = f"{path}.components" if path else "components"
    for index, row in enumerate(rows):
        allowed = _V2_TOP if flags & COMPONENTS_V2 else (_ROW,)
        form.choice(row, "type", f"{base}.{index}", allowed)
        if row.get("type") == _ROW:
            _check_row(form, row, f"{base}.{index}")
    if flags & COMPONENTS_V2 and sum(1 for _ in within(rows)) > 40:
        form.fault(base, "BASE_TYPE_MAX_LENGTH", "Must be 40 or fewer in length.")
    _check_unique(form, rows, base)


def _check_row(form: Form, row: Document, path: str) -> None:
    parts = form.array(row, "components", path, 5)
    if not parts:
        form.length(f"{path}.components", 1, 5)
    selects = [part for part in parts if part.get("type") in _SELECTS]
    if selects and len(parts) > 1:
        form.fault(
            f"{path}.components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width"
        )
    for index, part in enumerate(parts):
        where = f"{path}.components.{index}"
        if part.get("type") == _BUTTON:
            _check_button(form, part, where)
        elif part.get("type") in _SELECTS:
            _check_select(form, part, where)
        else:
            form.choice(part, "type", where, (_BUTTON, *_SELECTS))


def _check_button(form: Form, button: Document, path: str) -> None:
    form.known(button, ("type", "id", "style", "label", "emoji", "custom_id", "sku_id", "url", "disabled"), path)
    form.choice(button, "style", path, range(1, 7))
    form.text(button, "label", path, 0, 80, required=False)
    if button.get("style") == _LINK:
        form.text(button, "url", path, 1, 512)
        if button.get("custom_id") is not None:
            form.fault(
                f"{path}.custom_id",
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
    elif button.get("style") != _PREMIUM:
        form.text(button, "custom_id", path, 1, 100)
        if not button.get("label") and not button.get("emoji"):
            form.fault(path, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", "A label or emoji is required")


def _check_select(form: Form, select: Document, path: str) -> None:
    form.text(select, "custom_id", path, 1, 100)
    form.text(select, "placeholder", path, 0, 150, required=False)
    if select.get("type") != 3:
        return
    options = form.array(select, "options", path, 25)
    for index, option in enumerate(options):
        where = f"{path}.options.{index}"
        form.text(option, "label", where, 1, 100)
        form.text(option, "value", where, 1, 100)
        form.text(option, "description", where, 0, 100, required=False)
    if len({str(option.get("value")) for option in options}) < len(options):
        form.fault(
            f"{path}.options", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used"
        )


def _check_unique(form: Form, rows: list[Document], path: str) -> None:
    ids = [str(part["custom_id"]) for part in within(rows) if part.get("custom_id")]
    if len(set(ids)) < len(ids):
        form.fault(path, "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
