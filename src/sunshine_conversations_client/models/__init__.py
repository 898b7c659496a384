"""All models. Modules with an underscore define them; the others are aliases."""

from sunshine_conversations_client import _lazy

__getattr__, __dir__ = _lazy(__name__)
