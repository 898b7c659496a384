"""The parsers that a stranger's bytes reach first: they refuse, or read what was written, and raise nothing else."""

from __future__ import annotations

import base64
import contextlib

from sunshine_keys import tokens
from sunshine_keys.errors import BadRequest, Unauthorized
from sunshine_keys.http import strict_json
from sunshine_keys.http.authentication import _basic, claimed_key_id


def parse(content: bytes) -> None:
    text = content.decode("latin-1")
    with contextlib.suppress(Unauthorized):
        key_id, secret = _basic(text)
        assert base64.b64decode(text) == f"{key_id}:{secret}".encode()
    with contextlib.suppress(Unauthorized):
        token = tokens.read(text)
        assert token.key_id and token.signed_part.count(b".") == 1
        assert tokens.claims_if_signed_by("x" * 86, token) is None
    for scheme in ("Basic ", "Bearer ", ""):
        claimed = claimed_key_id(scheme + text)
        assert claimed is None or isinstance(claimed, str)
    with contextlib.suppress(BadRequest):
        strict_json.decode(content)
