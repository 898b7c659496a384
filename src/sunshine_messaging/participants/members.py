"""Read the user that a body names."""

from __future__ import annotations

from sunshine_keys.errors import BadRequest
from sunshine_keys.wire.checks import Values
from sunshine_messaging.participants.changes import Member


def member(values: Values, name: str = "") -> Member:
    """Return the user that `values` name. Raises BadRequest unless they have exactly one of userId and userExternalId.

    `name` is the path of the values in the body, for the title.
    """
    user_id, external_id = values.get("userId"), values.get("userExternalId")
    if (user_id is None) == (external_id is None):
        raise BadRequest(f"{name or 'body'} should have exactly one of userId and userExternalId")
    return Member(user_id, external_id, values.get("brandId"), values.get("subscribeSDKClient", False))
