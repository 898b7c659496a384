"""The value that counts as not set, at the import path of versions before 17."""

from sunshine_conversations_client._model import Undefined

__all__ = ["Undefined"]
