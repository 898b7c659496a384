"""The operations on attachments."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import msgspec

from sunshine_keys.errors import AttachmentNotFound, BadRequest, ServiceError, StoreUnavailable
from sunshine_keys.wire.answers import Replay
from sunshine_keys.wire.operation import FACTS, Call
from sunshine_messaging.attachments import forms
from sunshine_messaging.attachments.changes import AddAttachment, DeleteAttachment
from sunshine_messaging.attachments.files import is_full
from sunshine_messaging.attachments.model import Attachment, new_ulid, parsed_url
from sunshine_messaging.attachments.table import ATTACHMENTS, CHUNKS
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.conversations.table import require_conversation

_MOST: int = FACTS["operations"]["UploadAttachment"]["upload_bytes"]
_FULL = "The disk of the service is full: nothing was stored"
_URL_SHOWN = 2048

logger = logging.getLogger("sunshine_keys.messaging")


async def upload_attachment(plane: Plane, call: Call) -> Any:
    query = call.request.query()
    for name, value in (("access", "public"), ("for", "message")):
        if query.get(name, value) != value:
            raise BadRequest(f"{name} should be {value}")
    await plane.require_app(call)
    app_id, conversation_id = call.ids["appId"], query.get("conversationId")
    if conversation_id is not None:
        await plane.store.read(require_conversation(app_id, conversation_id))
    assert call.upload is not None
    content_type = call.request.headers.get(b"content-type", b"")
    try:
        with plane.files.draft() as file:
            upload = await forms.receive(content_type, call.upload, _MOST, file)
            attachment = Attachment(
                new_ulid(plane.now()),
                app_id,
                conversation_id if "for" in query else None,  # the others stay when it is deleted
                None,
                "for" in query,
                True,
                upload.name,
                upload.media_type,
                upload.size,
                upload.sha256,
                call.request.root(),
            )
            described = {"query": query, "name": upload.name, "type": upload.media_type, "sha256": upload.sha256.hex()}
            return await _add(plane, msgspec.structs.replace(call, body=described), attachment, file)
    except OSError as error:
        logger.error("an upload could not be stored: %s", error.strerror)
        raise StoreUnavailable(*([_FULL] if is_full(error) else [])) from error


async def _add(plane: Plane, call: Call, attachment: Attachment, file: Any) -> Any:
    """Store an attachment, or nothing if it cannot be added or was added by the same request before."""
    path = await plane.files.keep(attachment, file)
    try:
        answer = await plane.create(call, AddAttachment(attachment, path))
    except StoreUnavailable:
        raise  # it may have been added: a sweep decides
    except ServiceError:
        await _discard(plane, attachment)
        raise
    if isinstance(answer, Replay):
        await _discard(plane, attachment)
    return answer


async def _discard(plane: Plane, attachment: Attachment) -> None:
    with contextlib.suppress(StoreUnavailable):  # a sweep removes what is left
        await plane.files.discard(attachment)


async def delete_attachment(plane: Plane, call: Call) -> Any:
    url: str = call.body["mediaUrl"]
    await plane.require_app(call)
    parsed = parsed_url(url)
    attachment = None if parsed is None else await plane.store.read(ATTACHMENTS.get(parsed.id))
    hosts = {_host(call.request.root())} | ({_host(attachment.base)} if attachment is not None else set())
    if _host(url) not in hosts:
        raise BadRequest(f"Unsupported media URL for attachment deletion: {url[:_URL_SHOWN]}")
    if parsed is None:
        raise AttachmentNotFound
    id = await plane.change(call, DeleteAttachment(call.ids["appId"], parsed.id, parsed.name))
    await plane.files.remove(id)
    return {}


def _host(url: str) -> str:
    """Return the host and the port of a URL, or "" if it has none."""
    scheme, _, rest = url.partition("://")
    return rest.split("/")[0].lower() if scheme.lower() in ("http", "https") else ""


TABLES = (ATTACHMENTS, CHUNKS)

HANDLERS: Handlers = {
    "UploadAttachment": upload_attachment,
    "DeleteAttachment": delete_attachment,
}
