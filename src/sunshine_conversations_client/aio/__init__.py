"""The asynchronous client: the same names and arguments, awaited."""

from sunshine_conversations_client import _lazy

__getattr__, __dir__ = _lazy(__name__)
