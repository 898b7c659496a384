"""Messages as lines of a terminal, and of the console's list of conversations."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def content_line(content: Json) -> str:
    """Return what a person sees first of a message's content, in one line."""
    kind = content.get("type", "")
    match kind:
        case "text":
            text = content.get("text") or content.get("htmlText") or content.get("markdownText") or ""
        case "image" | "file":
            text = " ".join(
                filter(None, [f"[{kind}]", content.get("altText") or content.get("text"), content.get("mediaUrl")])
            )
        case "form":
            text = f"[form: {', '.join(field.get('label') or field['name'] for field in content.get('fields', []))}]"
        case "formResponse":
            text = content.get("textFallback") or "[formResponse]"
        case "carousel" | "list":
            text = f"[{kind}: {', '.join(item.get('title', '') for item in content.get('items', []))}]"
        case "location":
            place = content.get("coordinates") or {}
            text = f"[location {place.get('lat')}, {place.get('long')}]"
        case _:
            text = f"[{kind}]"
    return " ".join(str(text).split())


def author_name(author: Json) -> str:
    """Return the name of a message's author: the display name, else "person" or "bot"."""
    return author.get("displayName") or ("person" if author.get("type") == "user" else "bot")


def choices(content: Json) -> list[Json]:
    """Return the actions of a message that a person can choose from, those of its items too."""
    items = content.get("items") or []
    return [*(content.get("actions") or []), *(action for item in items for action in item.get("actions") or [])]


_ACTIVITIES = {
    "conversation:endedByUser": "The person ended the session",
    "ticket:closed": "The agent closed the ticket",
    "ticket:transfer:email": "The agent continued by e-mail",
}


def activity_line(message: Json) -> str:
    """Return what happened, for a message that has no content."""
    type: str = (message.get("activity") or {}).get("type", "")
    return _ACTIVITIES.get(type, type or "Something happened")


def preview(message: Json | None) -> str:
    """Return the line that stands for a conversation's last message; None if it has none."""
    if message is None:
        return "No messages yet"
    return content_line(message["content"]) if message.get("content") else activity_line(message)
