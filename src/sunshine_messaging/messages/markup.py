"""Text, HTML and Markdown of messages: cleaned, rendered, and read for shorthand. No I/O.

Shorthand is text that stands for something else: `%[Label](https://…)`, `%[Label](reply:X)` and `%[Label](postback:X)` for
actions, `![](https://…)` for an image, `&((…))&` for text that is not shown, and `%((switchboard:passControl:NAME))%` for a pass
of control.
"""

from __future__ import annotations

import functools
import html
import re
from typing import Any

import nh3
from markdown_it import MarkdownIt

from sunshine_keys.errors import BadRequest

Values = dict[str, Any]

TEXT_LENGTH = 4096
"""The most characters of HTML (documented)."""

_TAGS = {"a", "b", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "i", "ins", "li", "ol", "s", "strong", "u", "ul"}
"""The tags that HTML may have (documented)."""

_SCHEMES = {"http", "https", "mailto", "tel"}
_BREAKS = re.compile(r"<br\s*/?>|</(?:p|div|tr|blockquote|pre)\s*>", re.IGNORECASE)
_BLOCKS = re.compile(r"</(?:li|h[1-6]|ul|ol)\s*>", re.IGNORECASE)

_SHORTHAND = re.compile(
    r"%\[(?P<label>[^\]\n]{1,128})\]\((?P<target>[^()\s]+)\)"
    r"|!\[[^\]\n]*\]\((?P<image>https?://[^()\s]+)\)"
    r"|&\(\((?P<hidden>.*?)\)\)&"
    r"|%\(\(switchboard:passControl:(?P<entry>[^()\n]{1,100})\)\)%",
    re.DOTALL,
)


@functools.cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("strikethrough")


def clean(text: str) -> str:
    """Return HTML with the tags that messages may have. The text of other tags stays, scripts and styles go."""
    lines = _BREAKS.sub("\n", text)
    return nh3.clean(
        lines, tags=_TAGS, attributes={"a": {"href"}}, url_schemes=_SCHEMES, link_rel=None, strip_comments=True
    ).strip()


def plain(text: str) -> str:
    """Return the text of clean HTML."""
    lines = _BLOCKS.sub("\n", text)
    return re.sub(r"\n{3,}", "\n\n", html.unescape(nh3.clean(lines, tags=set()))).strip()


def rendered(content: Values) -> Values:
    """Return a content with its HTML cleaned, its Markdown rendered, and its text derived from either.

    Raises BadRequest if rendered HTML is too long.
    """
    normal = {name: value for name, value in content.items() if name != "markdownText"}
    source = content.get("htmlText")
    if "markdownText" in content:
        source = _markdown().render(content["markdownText"])
    if source is None:
        return normal
    normal["htmlText"] = clean(source)
    if len(normal["htmlText"]) > TEXT_LENGTH:
        raise BadRequest(f"content.htmlText should NOT be longer than {TEXT_LENGTH} characters")
    if not content.get("text"):
        normal["text"] = plain(normal["htmlText"])
    return normal


def control_target(content: Values) -> str | None:
    """Return the entry of the switchboard to which a text passes control, or None. Of several, it is the last."""
    text = content.get(_source(content), "")
    if not _may_have_shorthand(text):
        return None
    targets = [match["entry"] for match in _SHORTHAND.finditer(text) if match["entry"]]
    return targets[-1].strip() if targets else None


def _source(content: Values) -> str:
    """Return the name of the property that holds the text of a content."""
    for name in ("markdownText", "htmlText", "text"):
        if content.get(name):
            return name
    return ""


def _may_have_shorthand(text: str) -> bool:
    return "(" in text  # every form has one; most texts have none


def read(content: Values) -> list[Values]:
    """Return the contents that a text stands for: the text, and images that shorthand names. Raises BadRequest.

    A text that only passes control stands for none.
    """
    source = _source(content)
    if not source or not _may_have_shorthand(content[source]) or not _SHORTHAND.search(content[source]):
        return [rendered(content)]
    segments = _segments(content[source])
    others = {name: value for name, value in content.items() if name not in (source, "text", "actions")}
    contents: list[Values] = []
    for text, image, actions in segments:
        if image:
            contents.append({"type": "image", "mediaUrl": image, "actions": actions})
        elif text.strip() or actions:
            contents.append(rendered(others | {source: text.strip(), "actions": actions}))
    if not contents:
        if control_target(content) is not None and not content.get("actions"):
            return []
        raise BadRequest("content.text should NOT be blank")
    contents[-1]["actions"] = [*contents[-1]["actions"], *content.get("actions", [])]
    return [_finished(part) for part in contents]


def _finished(content: Values) -> Values:
    """Return a content without what is empty. Raises BadRequest for actions that do not go together."""
    kinds = {action["type"] for action in content["actions"]}
    if "reply" in kinds and not kinds <= {"reply", "locationRequest"}:
        raise BadRequest("content.actions of type reply should NOT be mixed with other types than locationRequest")
    return {name: value for name, value in content.items() if value not in ("", [])}


def _segments(text: str) -> list[tuple[str, str, list[Values]]]:
    """Split a text at images. Return texts, or URLs of images, each with the actions that follow it."""
    segments: list[tuple[str, str, list[Values]]] = []
    written, actions, end = "", list[Values](), 0
    image = ""
    for match in _SHORTHAND.finditer(text):
        before = text[end : match.start()]
        end = match.end()
        if image and before.strip():
            segments.append(("", image, actions))
            image, actions = "", []
        written += before if not image else ""
        if match["image"]:
            if image or written.strip() or actions:
                segments.append((written, image, actions))
            written, image, actions = "", match["image"], []
        elif match["label"]:
            actions.append(_action(match["label"], match["target"]))
    rest = text[end:]
    if image and rest.strip():
        segments.append(("", image, actions))
        image, actions = "", []
    if image or (written + rest).strip() or actions:
        segments.append(("" if image else written + rest, image, actions))
    return segments


def _action(label: str, target: str) -> Values:
    kind, colon, payload = target.partition(":")
    if colon and kind in ("reply", "postback"):
        return {"type": kind, "text": label, "payload": payload}
    return {"type": "link", "text": label, "uri": target}
