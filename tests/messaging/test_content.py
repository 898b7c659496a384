"""The contents of messages: what is refused, and what the service adds."""

from __future__ import annotations

from typing import Any

import pytest

from sunshine_keys.compose import OPERATIONS
from sunshine_keys.errors import BadRequest
from sunshine_messaging.messages.content import normalised

BODY = next(operation.body for operation in OPERATIONS if operation.id == "PostMessage")
LINK = {"type": "link", "text": "More info", "uri": "https://example.org"}
REPLY = {"type": "reply", "text": "Yes", "payload": "YES"}
POSTBACK = {"type": "postback", "text": "Select", "payload": "TACOS"}


def posted(content: Any, *, by_business: bool = True, **fields: Any) -> list[dict[str, Any]]:
    """Return the contents that a body stores, after the checks of the operation."""
    assert BODY is not None
    body = BODY.values({"author": {"type": "business" if by_business else "user"}, "content": content, **fields})
    return normalised(body, by_business=by_business)


def faults(content: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(BadRequest) as refused:
        posted(content, **options)
    return refused.value.titles


def test_text_is_stored_unchanged() -> None:
    content = {"type": "text", "text": " Hello! <b>x</b>\n", "payload": "P", "blockChatInput": True}
    assert posted(content | {"metadata": {"a": 1}, "unknown": 1}) == [content]


def test_nulls_of_items_are_left_out() -> None:
    item = {"title": "Tacos", "actions": [POSTBACK | {"metadata": None}]}
    for metadata, stored in ((None, {}), ({"a": 1, "b": None}, {"metadata": {"a": 1}})):
        (content,) = posted({"type": "carousel", "items": [item | {"metadata": metadata}]})
        assert content["items"] == [{"title": "Tacos", "actions": [POSTBACK | {"uri": ""}]} | stored]


def test_actions_may_stand_without_text() -> None:
    assert posted({"type": "text", "actions": [REPLY]}) == [{"type": "text", "actions": [REPLY]}]


@pytest.mark.parametrize(
    ("html", "stored", "text"),
    [
        ("<h1>Hello!</h1>", "<h1>Hello!</h1>", "Hello!"),
        ("<p>One</p><p>Two &amp; three</p>", "One\nTwo &amp; three", "One\nTwo & three"),
        ("a<br>b", "a\nb", "a\nb"),
        ("<ul><li>a</li><li>b</li></ul>", "<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ('<a href="https://x.org" onclick="y" style="z">x</a>', '<a href="https://x.org">x</a>', "x"),
        ('<a href="javascript:alert(1)">x</a>', "<a>x</a>", "x"),
        ("a<script>alert(1)</script><style>b{}</style>", "a", "a"),
        ('<img src="x" onerror="alert(1)">b', "b", "b"),
        ("<div><span>a</span> <strong>b</strong></div>", "a <strong>b</strong>", "a b"),
        ("1 < 2", "1 &lt; 2", "1 < 2"),
    ],
)
def test_html_is_cleaned_and_gives_the_text(html: str, stored: str, text: str) -> None:
    (content,) = posted({"type": "text", "htmlText": html})
    assert (content["htmlText"], content["text"]) == (stored, text)
    (content,) = posted({"type": "text", "htmlText": html, "text": "Own text"})
    assert content["text"] == "Own text"


def test_markdown_becomes_html_and_text() -> None:
    (content,) = posted({"type": "text", "markdownText": "# Hi\n\n**bold** ~~old~~ [x](https://x.org)\n\n- a\n- b"})
    assert content == {
        "type": "text",
        "htmlText": '<h1>Hi</h1>\n<strong>bold</strong> <s>old</s> <a href="https://x.org">x</a>\n\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>',
        "text": content["text"],
    }
    assert content["text"].split() == ["Hi", "bold", "old", "x", "a", "b"]


def test_markdown_that_becomes_too_long_is_refused() -> None:
    assert faults({"type": "text", "markdownText": "**a** " * 600}) == (
        "content.htmlText should NOT be longer than 4096 characters",
    )


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        (
            "Which? %[Yes](reply:YES) %[No](reply:NO)",
            [{"type": "text", "text": "Which?", "actions": [REPLY, {"type": "reply", "text": "No", "payload": "NO"}]}],
        ),
        ("%[More info](https://example.org)", [{"type": "text", "actions": [LINK]}]),
        ("Take it: %[Select](postback:TACOS)", [{"type": "text", "text": "Take it:", "actions": [POSTBACK | {"uri": ""}]}]),
        ("Hello &((secret))&there", [{"type": "text", "text": "Hello there"}]),
        (
            "Before ![](https://example.org/a.png) after",
            [
                {"type": "text", "text": "Before"},
                {
                    "type": "image", "mediaUrl": "https://example.org/a.png", "mediaType": "image/png", "mediaSize": 0,
                    "altText": "a.png",
                },
                {"type": "text", "text": "after"},
            ],
        ),
        (
            "![](https://example.org/a.png) %[More info](https://example.org)",
            [
                {
                    "type": "image", "mediaUrl": "https://example.org/a.png", "actions": [LINK], "mediaType": "image/png",
                    "mediaSize": 0, "altText": "a.png",
                }
            ],
        ),
        ("100 %[ not shorthand", [{"type": "text", "text": "100 %[ not shorthand"}]),
    ],
)  # fmt: skip
def test_shorthand_is_read_from_text(text: str, contents: list[dict[str, Any]]) -> None:
    assert posted({"type": "text", "text": text}) == contents


def test_shorthand_is_read_from_html_and_markdown() -> None:
    (content,) = posted({"type": "text", "htmlText": "<b>Which?</b> %[Yes](reply:YES)"})
    assert content == {"type": "text", "htmlText": "<b>Which?</b>", "text": "Which?", "actions": [REPLY]}
    (content,) = posted({"type": "text", "markdownText": "**Which?** %[Yes](reply:YES)"})
    assert content == {"type": "text", "htmlText": "<strong>Which?</strong>", "text": "Which?", "actions": [REPLY]}


@pytest.mark.parametrize("kind", ["image", "file"])
def test_media_gets_a_type_a_size_and_a_name(kind: str) -> None:
    url = "https://example.org/a%20b.pdf?x=1"
    media = {"mediaType": "application/pdf", "mediaSize": 0}
    assert posted({"type": kind, "mediaUrl": url}) == [{"type": kind, "mediaUrl": url, **media, "altText": "a b.pdf"}]
    (content,) = posted({"type": kind, "mediaUrl": "https://example.org", "altText": "Mine", "text": "See"})
    assert (content["mediaType"], content["altText"], content["text"]) == ("application/octet-stream", "Mine", "See")


@pytest.mark.parametrize("kind", ["carousel", "list"])
def test_items_get_a_text_that_stands_for_them(kind: str) -> None:
    item = {
        "title": "Tacos", "description": "Get your tacos today!", "mediaUrl": "https://example.org/a.png",
        "actions": [POSTBACK, LINK],
    }  # fmt: skip
    (content,) = posted({"type": kind, "items": [item, item | {"title": "Ramen"}]})
    assert content["text"] == (
        "1. Tacos\nGet your tacos today!\nMore info: https://example.org\n\n"
        "2. Ramen\nGet your tacos today!\nMore info: https://example.org"
    )
    assert content["items"][0] == item | {"mediaType": "image/png", "actions": [POSTBACK | {"uri": ""}, LINK]}


def test_form_is_not_submitted_at_first() -> None:
    field = {"type": "text", "name": "full_name", "label": "Your name?"}
    assert posted({"type": "form", "fields": [field]}) == [{"type": "form", "submitted": False, "fields": [field]}]


def test_location_links_to_a_map() -> None:
    coordinates = {"lat": 45.5261583, "long": -73.595346}
    (content,) = posted({"type": "location", "coordinates": coordinates})
    assert content["text"] == "Location shared:\nhttps://maps.google.com/maps?q=45.5261583,-73.595346"


def test_template_needs_its_schema() -> None:
    content = {"type": "template", "template": {"name": "x"}}
    assert posted(content, schema="whatsapp") == [content]
    assert faults(content) == ("content of type template should have schema whatsapp",)


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ({"type": "text"}, "content should have one of text, htmlText, markdownText and actions"),
        ({"type": "text", "text": " \n"}, "content.text should NOT be blank"),
        ({"type": "text", "text": "&((x))&"}, "content.text should NOT be blank"),
        ({"type": "text", "text": "x" * 4097}, "content.text should NOT be longer than 4096 characters"),
        ({"type": "text", "htmlText": "a", "markdownText": "b"}, "content should NOT have both htmlText and markdownText"),
        (
            {"type": "text", "text": "a", "actions": [REPLY, LINK]},
            "content.actions of type reply should NOT be mixed with other types than locationRequest",
        ),
        (
            {"type": "text", "text": "%[Yes](reply:YES) %[x](https://x.org)"},
            "content.actions of type reply should NOT be mixed with other types than locationRequest",
        ),
        ({"type": "formResponse", "fields": []}, "content.type should be equal to one of the allowed values"),
        ({"type": "image", "mediaUrl": "ftp://x/y"}, 'content.mediaUrl should match format "http-uri"'),
        ({"type": "image", "mediaUrl": "http://[x"}, "content.mediaUrl should be a valid URL"),
        ({"type": "file", "mediaUrl": "http://[x", "altText": "Mine"}, "content.mediaUrl should be a valid URL"),
        ({"type": "location", "coordinates": {"lat": 91, "long": 0}}, "content.coordinates.lat should be >= -90 and <= 90"),
        ({"type": "carousel", "items": []}, "content.items should NOT have fewer than 1 items"),
        (
            {"type": "list", "items": [{"title": "a", "actions": [REPLY]}]},
            "content.items[0].actions[0].type should be equal to one of the allowed values",
        ),
        (
            {"type": "text", "text": "a", "actions": [LINK | {"metadata": {"a": "x" * 4096}}]},
            "content.actions[0].metadata is limited to 4096 bytes in size.",
        ),
        (
            {"type": "text", "text": "a", "actions": [{"type": "webview", "text": "a", "uri": "b", "fallback": "c", "openOnReceive": True}] * 2},
            "content.actions should NOT have openOnReceive more than once",
        ),
        (
            {"type": "form", "fields": [{"type": "text", "name": "a", "label": "A"}] * 2},
            "content.fields should have unique names",
        ),
        (
            {"type": "form", "fields": [{"type": "select", "name": "a", "label": "A"}]},
            "content.fields[0] should have required property 'options'",
        ),
        (
            {"type": "form", "fields": [{"type": "text", "name": "a", "label": "A", "minSize": 9, "maxSize": 8}]},
            "content.fields[0].minSize should be <= maxSize",
        ),
        (
            {"type": "form", "fields": [{"type": "select", "name": "a", "label": "A", "options": [{"name": "x", "label": "X"}] * 2}]},
            "content.fields[0].options should have unique names",
        ),
    ],
)  # fmt: skip
def test_invalid_content_is_refused(content: Any, title: str) -> None:
    assert faults(content) == (title,)


def test_user_sends_no_actions() -> None:
    content = {"type": "text", "text": "a", "actions": [LINK]}
    assert faults(content, by_business=False) == ("content.actions is for messages of a business only",)


def test_shorthand_of_a_user_stays_text() -> None:
    content = {"type": "text", "text": "%[Yes](reply:YES) &((x))&"}
    assert posted(content, by_business=False) == [content]


def test_other_schema_than_whatsapp_is_refused() -> None:
    assert faults({"type": "text", "text": "a"}, schema="line") == (
        "schema should be equal to one of the allowed values",
    )
