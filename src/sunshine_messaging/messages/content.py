"""The content of a posted message: rules beyond its schema, and what the service adds to it. No I/O.

The schema of the operation has checked types, lengths and required properties before.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from sunshine_keys.errors import BadRequest
from sunshine_messaging.messages import markup
from sunshine_messaging.metadata import METADATA_BYTES, is_small
from sunshine_messaging.users.model import without_nulls

Values = dict[str, Any]

_DEFAULT_MEDIA_TYPE = "application/octet-stream"
_WITH_URI = ("buy", "link", "webview")


def normalised(body: Values, *, by_business: bool) -> list[Values]:
    """Return the contents of the messages that a body posts: usually one, several if an image is written within a text.

    Raises BadRequest with the faults of the content.
    """
    content = body["content"]
    faults = list(_faults(body, content, by_business=by_business))
    if faults:
        raise BadRequest(*faults)
    if content["type"] == "text" and not by_business:
        return [markup.rendered(content)]  # only a business writes shorthand
    return _NORMALISE[content["type"]](content)


# Rules


def _faults(body: Values, content: Values, *, by_business: bool) -> Iterator[str]:
    actions: list[Values] = content.get("actions", [])
    if "schema" in body and body["schema"] != "whatsapp":
        yield "schema should be equal to one of the allowed values"
    if content["type"] == "template" and body.get("schema") != "whatsapp":
        yield "content of type template should have schema whatsapp"
    if not by_business and (actions or "items" in content):
        yield "content.actions is for messages of a business only"
    if "htmlText" in content and "markdownText" in content:
        yield "content should NOT have both htmlText and markdownText"
    kinds = {action["type"] for action in actions}
    if "reply" in kinds and not kinds <= {"reply", "locationRequest"}:
        yield "content.actions of type reply should NOT be mixed with other types than locationRequest"
    rules = _RULES.get(content["type"])
    if rules is not None:
        yield from rules(content)
    if "actions" in content or "items" in content:
        yield from _action_faults(content)


def _action_faults(content: Values) -> Iterator[str]:
    opening = 0
    for name, action in _actions_of(content):
        opening += bool(action.get("openOnReceive"))
        if not is_small(action.get("metadata")):
            yield f"{name}.metadata is limited to {METADATA_BYTES} bytes in size."
    if opening > 1:
        yield "content.actions should NOT have openOnReceive more than once"


def _actions_of(content: Values) -> Iterator[tuple[str, Values]]:
    """Yield all actions of a content with their paths in the body."""
    for place, action in enumerate(content.get("actions", [])):
        yield f"content.actions[{place}]", action
    for place, item in enumerate(content.get("items", [])):
        for inner, action in enumerate(item["actions"]):
            yield f"content.items[{place}].actions[{inner}]", action


def _text_rules(content: Values) -> Iterator[str]:
    if not {"text", "htmlText", "markdownText", "actions"} & content.keys():
        yield "content should have one of text, htmlText, markdownText and actions"
    elif not content.get("actions") and not any(
        content.get(f, "").strip() for f in ("text", "htmlText", "markdownText")
    ):
        yield "content.text should NOT be blank"


def _form_rules(content: Values) -> Iterator[str]:
    names = [field["name"] for field in content["fields"]]
    if len(set(names)) < len(names):
        yield "content.fields should have unique names"
    for place, field in enumerate(content["fields"]):
        options = [option.get("name") for option in field.get("options", [])]
        if field["type"] == "select" and not options:
            yield f"content.fields[{place}] should have required property 'options'"
        if len(set(options)) < len(options):
            yield f"content.fields[{place}].options should have unique names"
        if field.get("minSize", 1) > field.get("maxSize", 128):
            yield f"content.fields[{place}].minSize should be <= maxSize"


_RULES: dict[str, Callable[[Values], Iterator[str]]] = {"text": _text_rules, "form": _form_rules}


# Normal forms


def _text(content: Values) -> list[Values]:
    parts = markup.read(content)
    return [_with_actions(part) if part["type"] == "text" else _media(part)[0] for part in parts]


def _media(content: Values) -> list[Values]:
    normal = markup.rendered(content)
    normal["mediaType"] = media_type(content["mediaUrl"])
    normal["mediaSize"] = 0
    normal.setdefault("altText", file_name(content["mediaUrl"]))
    return [_with_actions(normal)]


def _items(content: Values) -> list[Values]:
    items = [_item(item) for item in content["items"]]
    return [_with_actions({"type": content["type"], "text": _fallback(content), **content, "items": items})]


def _item(item: Values) -> Values:
    normal = without_nulls(_with_actions(item))
    if isinstance(item.get("metadata"), dict):
        normal["metadata"] = without_nulls(item["metadata"])
    if "mediaUrl" in item:
        normal.setdefault("mediaType", media_type(item["mediaUrl"]))
    return normal


def _fallback(content: Values) -> str:
    """Return the text that stands for a carousel or a list where these cannot be shown (observed)."""
    blocks: list[str] = []
    for number, item in enumerate(content["items"], 1):
        lines = [f"{number}. {item['title']}"]
        lines += [item["description"]] if item.get("description") else []
        shown = [action for action in item["actions"] if action["type"] in _WITH_URI and action.get("uri")]
        lines += [f"{action['text']}: {action['uri']}" for action in shown]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _form(content: Values) -> list[Values]:
    return [{"type": "form", "submitted": False, **content}]


def _location(content: Values) -> list[Values]:
    place = content["coordinates"]
    link = f"https://maps.google.com/maps?q={place['lat']},{place['long']}"
    return [{"type": "location", "text": f"Location shared:\n{link}", **content}]


def _template(content: Values) -> list[Values]:
    return [content]


_NORMALISE: dict[str, Callable[[Values], list[Values]]] = {
    "text": _text,
    "image": _media,
    "file": _media,
    "carousel": _items,
    "list": _items,
    "form": _form,
    "location": _location,
    "template": _template,
}


def _with_actions(content: Values) -> Values:
    """Return a copy in which the actions are as answers show them."""
    if "actions" not in content:
        return dict(content)
    return content | {"actions": [_action(action) for action in content["actions"]]}


def _action(action: Values) -> Values:
    normal = without_nulls(action)
    if isinstance(action.get("metadata"), dict):
        normal["metadata"] = without_nulls(action["metadata"])
    if action["type"] == "postback":
        normal["uri"] = ""
    return normal


def media_type(url: str) -> str:
    """Return the media type that a URL's extension stands for. Nothing is fetched. Raises BadRequest."""
    return mimetypes.guess_type(_split(url).path)[0] or _DEFAULT_MEDIA_TYPE


def file_name(url: str) -> str:
    """Return the last part of a URL's path, at most 128 characters; the host if the path is empty. Raises BadRequest."""
    parts = _split(url)
    return (unquote(parts.path.rpartition("/")[2], errors="replace") or parts.netloc)[-128:]


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # such as http://[x: no IPv6 address
        raise BadRequest("content.mediaUrl should be a valid URL") from None
