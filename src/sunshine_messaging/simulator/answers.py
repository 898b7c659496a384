"""What a person can do with a message: tap one of its actions, or fill in its form. No I/O."""

from __future__ import annotations

import re
from typing import Any

from sunshine_keys.errors import BadRequest

Values = dict[str, Any]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def actions_of(content: Values) -> list[Values]:
    """Return all actions of a content: its own, and those of its items."""
    items: list[Values] = content.get("items", [])
    return [*content.get("actions", []), *(action for item in items for action in item.get("actions", []))]


def action_named(content: Values, name: str) -> Values | None:
    """Return the action with this text or this payload, or None."""
    return next((action for action in actions_of(content) if name in (action.get("text"), action.get("payload"))), None)


def form_response(form: Values, answers: Values) -> Values:
    """Return the content that answers a form. `answers` has a text for each field, by the field's name.

    Raises BadRequest with every fault: a field that is missing or unknown, a text of the wrong length, no e-mail address, no
    option of a list.
    """
    fields: list[Values] = form["fields"]
    names = [field["name"] for field in fields]
    faults = [
        f"fields should NOT have property '{name}': the form has no such field" for name in answers if name not in names
    ]
    faults += [f"fields should have required property '{name}'" for name in names if name not in answers]
    faults += [f"fields.{name} should be string" for name, answer in answers.items() if not isinstance(answer, str)]
    if faults:
        raise BadRequest(*faults)
    written = [_answered(field, answers[field["name"]], faults) for field in fields]
    if faults:
        raise BadRequest(*faults)
    lines = [f"{field['label']}: {answers[field['name']]}" for field in fields]
    return {"type": "formResponse", "fields": written, "textFallback": "\n".join(lines)}


def _answered(field: Values, answer: str, faults: list[str]) -> Values:
    """Return the answer to a field, and add its faults to `faults`."""
    name = f"fields.{field['name']}"
    base = {"type": field["type"], "name": field["name"], "label": field["label"]}
    if field["type"] == "select":
        options = [option for option in field.get("options", []) if answer in (option["name"], option["label"])]
        if not options:
            faults.append(f"{name} should be one of {', '.join(option['name'] for option in field.get('options', []))}")
        return base | {"select": [{"name": option["name"], "label": option["label"]} for option in options[:1]]}
    if field["type"] == "email":
        if not _EMAIL.fullmatch(answer):
            faults.append(f"{name} should be an e-mail address")
        return base | {"email": answer}
    least, most = field.get("minSize", 1), field.get("maxSize", 128)
    if not least <= len(answer) <= most:
        faults.append(f"{name} should have {least} to {most} characters")
    return base | {"text": answer}
