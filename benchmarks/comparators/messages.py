"""The messages of the API as models of pydantic, in the way that its documentation proposes: a union that `type` selects.

They decode what the client's own models decode, and keep unknown properties as these do. They reject a page that holds a
kind of content they lack, or one value of another type.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")


class MessengerOptions(Model):
    messenger_extensions: bool | None = Field(default=None, alias="messenger_extensions")
    webview_share_button: str | None = Field(default=None, alias="webview_share_button")


class ExtraChannelOptions(Model):
    messenger: MessengerOptions | None = None


class ActionBase(Model):
    text: str
    metadata: dict[str, Any] | None = None


class Buy(ActionBase):
    type: Literal["buy"]
    amount: int
    currency: str | None = None


class Link(ActionBase):
    type: Literal["link"]
    uri: str
    default: bool | None = None
    extra_channel_options: ExtraChannelOptions | None = None


class LocationRequest(ActionBase):
    type: Literal["locationRequest"]


class Postback(ActionBase):
    type: Literal["postback"]
    payload: str


class Reply(ActionBase):
    type: Literal["reply"]
    payload: str
    icon_url: str | None = None


class Webview(ActionBase):
    type: Literal["webview"]
    uri: str
    fallback: str
    default: bool | None = None
    size: str | None = None
    open_on_receive: bool | None = None
    extra_channel_options: ExtraChannelOptions | None = None


Action = Annotated[Buy | Link | LocationRequest | Postback | Reply | Webview, Field(discriminator="type")]


class Item(Model):
    title: str
    actions: list[Action]
    description: str | None = None
    media_url: str | None = None
    media_type: str | None = None
    alt_text: str | None = None
    size: str | None = None
    metadata: dict[str, Any] | None = None


class DisplaySettings(Model):
    image_aspect_ratio: str | None = None


class FormOption(Model):
    name: str
    label: str


class FormField(Model):
    type: str
    name: str
    label: str
    text: str | None = None
    email: str | None = None
    select: list[dict[str, Any]] | None = None
    format: str | None = None
    placeholder: str | None = None
    min_size: int | None = None
    max_size: int | None = None
    options: list[FormOption] | None = None
    quoted_message_id: str | None = None


class Coordinates(Model):
    lat: float
    long: float


class Place(Model):
    address: str | None = None
    name: str | None = None


class ContentBase(Model):
    text: str | None = None
    block_chat_input: bool | None = None


class Text(ContentBase):
    type: Literal["text"]
    html_text: str | None = None
    markdown_text: str | None = None
    actions: list[Action] | None = None
    payload: str | None = None


class Carousel(ContentBase):
    type: Literal["carousel"]
    items: list[Item]
    display_settings: DisplaySettings | None = None


class Media(ContentBase):
    media_url: str
    media_type: str | None = None
    media_size: float | None = None
    alt_text: str | None = None
    html_text: str | None = None
    markdown_text: str | None = None
    attachment_id: str | None = None


class File(Media):
    type: Literal["file"]


class Image(Media):
    type: Literal["image"]
    actions: list[Action] | None = None


class Form(ContentBase):
    type: Literal["form"]
    fields: list[FormField]
    submitted: bool | None = None


class FormResponse(ContentBase):
    type: Literal["formResponse"]
    fields: list[FormField]
    text_fallback: str | None = None


class ListContent(ContentBase):
    type: Literal["list"]
    items: list[Item]
    actions: list[Action] | None = None


class Location(ContentBase):
    type: Literal["location"]
    coordinates: Coordinates
    location: Place | None = None


class Template(ContentBase):
    type: Literal["template"]
    template: dict[str, Any]


Content = Annotated[
    Text | Carousel | File | Image | Form | FormResponse | ListContent | Location | Template,
    Field(discriminator="type"),
]


class Author(Model):
    type: str
    subtypes: list[str] | None = None
    user_id: str | None = None
    user_external_id: str | None = None
    brand_id: str | None = None
    display_name: str | None = None
    avatar_url: str | None = None


class Source(Model):
    type: str
    integration_id: str | None = None
    original_message_id: str | None = None
    original_message_timestamp: str | None = None
    client: dict[str, Any] | None = None
    device: dict[str, Any] | None = None


class Activity(Model):
    type: str
    data: dict[str, Any] | None = None


class Reference(Model):
    uri: str | None = None
    title: str | None = None
    description: str | None = None


class Message(Model):
    id: str
    received: str | None = None
    author: Author | None = None
    activity: Activity | None = None
    content: Content | None = None
    source: Source | None = None
    quoted_message: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    deleted: bool | None = None
    references: list[Reference] | None = None


class Meta(Model):
    has_more: bool | None = None
    after_cursor: str | None = None
    before_cursor: str | None = None


class Links(Model):
    prev: str | None = None
    next: str | None = None


class MessageListResponse(Model):
    messages: list[Message]
    meta: Meta | None = None
    links: Links | None = None
