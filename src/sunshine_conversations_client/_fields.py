"""The fields of models: the type of each, by its annotation, and how it checks a caller's value and decodes a server's."""

from __future__ import annotations

import functools
import re
import sys
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from sunshine_conversations_client._model import Model

    Place = tuple[str, str]

_HUMP = re.compile(r"_([a-z0-9])")
_SCALARS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "bytes": (bytes,),
    "dict[str, Any]": (dict,),
    "Any": (object,),
}


class FieldType:
    """The type of a field, parsed from its annotation: a scalar, a list, a dictionary, a model or an enumeration.

    `Literal[...]` counts as `str`: which texts are valid is for the service to decide. `AnyContent` is `Content`: type
    checkers see the union of its kinds, which they narrow by `type`.
    """

    __slots__ = ("_named", "container", "item", "module", "name", "plain", "scalars")

    _cache: ClassVar[dict[tuple[str, str], FieldType]] = {}

    def __init__(self, text: str, module: str) -> None:
        text = text.partition(" | Literal[")[0]  # an enumeration may be written as one of its texts
        if text.startswith("Literal["):
            text = "str"
        elif module.startswith("sunshine_conversations_client.models."):
            text = text.removeprefix("Any") or "Any"
        self.module = module
        self.scalars = _SCALARS.get(text, ())
        self.name = text if text == "Any" else text.partition("[")[0]
        self.container: type | None = None
        self.item: FieldType = self
        if not self.scalars and text.startswith("list["):
            self.container, self.item = list, FieldType.of(text[5:-1], module)
        elif not self.scalars and text.startswith("dict[str, "):
            self.container, self.item = dict, FieldType.of(text[10:-1], module)
        self.plain: bool = bool(self.scalars) if self.item is self else self.item.plain
        self._named: type[Any] | None = None

    @classmethod
    def of(cls, text: str, module: str) -> FieldType:
        """Return the type for an annotation in a module. Fields with equal annotations share one."""
        text = text.removeprefix("Optional[").removesuffix("]") if text.startswith("Optional[") else text
        text = text.removesuffix(" | None")
        key = (text, "" if text in _SCALARS else module)
        if key not in cls._cache:
            cls._cache[key] = cls(text, module)
        return cls._cache[key]

    @classmethod
    def of_object(cls, annotation: Any) -> FieldType:
        """Return the type for an annotation that a subclass's module has evaluated."""
        if isinstance(annotation, str):
            return cls.of(annotation, "")
        import typing

        parts = [part for part in typing.get_args(annotation) if part is not type(None)]
        origin = typing.get_origin(annotation)
        if origin in (list, dict):
            container = cls.of("list[Any]" if origin is list else "dict[str, Any]", "")
            item = cls.of_object(parts[-1])
            if item.plain:
                return container
            copied = cls(f"list[{item.name}]", "") if origin is list else cls(f"dict[str, {item.name}]", "")
            copied.item, copied.plain = item, False
            return copied
        if parts and origin is not typing.Literal:
            return cls.of_object(parts[0]) if len(parts) == 1 else cls.of("Any", "")
        if isinstance(annotation, type) and annotation.__name__ not in _SCALARS:
            if not (_is_model(annotation) or hasattr(annotation, "__members__")):
                return cls.of("Any", "")
            named = cls(annotation.__name__, annotation.__module__)
            named._named = annotation
            return named
        return cls.of(annotation.__name__ if isinstance(annotation, type) else "Any", "")

    def named(self) -> type[Any]:
        """Return the class that the annotation names. Its module may import it for type checkers only."""
        if self._named is None:
            home = sys.modules.get(self.module)
            if not hasattr(home, self.name):
                home = __import__("sunshine_conversations_client.models", fromlist=[self.name])
            named: type[Any] = getattr(home, self.name)
            self._named = named
        return self._named

    def check(self, value: Any, place: Place) -> Any:
        """Return a caller's value, with dictionaries turned into models.

        `place` is the model's and the field's name, for the message. Raises ApiArgumentError for a value of another type.
        """
        if self.scalars:
            if not isinstance(value, self.scalars) or (value.__class__ is bool and self.name in ("int", "float")):
                if self.name == "str" and hasattr(value, "isoformat"):  # a date or a time
                    return value.isoformat()
                reject(place, self.name, value)
            return value
        if self.container is list:
            if not isinstance(value, list | tuple):
                reject(place, "a list", value)
            return [self.item.check(item, place) for item in value]
        if self.container is dict:
            if not isinstance(value, dict):
                reject(place, "dict", value)
            return {name: self.item.check(item, place) for name, item in value.items()}
        named = self.named()
        if not _is_model(named):  # an enumeration; unknown values are kept
            if not isinstance(value, str):
                reject(place, "str", value)
            return _member(named, value)
        if isinstance(value, named):
            return value
        if isinstance(value, dict):
            return named.from_argument(value)
        return reject(place, named.__name__, value)

    def decoder(self) -> Callable[[Any], Any]:
        """Return the function that turns a server's value, which may be of any type, into this type."""
        if self.container is not None:
            return _decoder_of_items(self.container, self.item.decoder() if not self.item.plain else _unchanged)
        named = self.named()
        return named._decode if _is_model(named) else functools.partial(_member, named)


def _unchanged(value: Any) -> Any:
    return value


def _decoder_of_items(container: type, decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the decoder of a list or a dictionary. It decodes any other value as if that were an item."""

    def decode_list(value: Any) -> Any:
        return [decode(item) for item in value] if isinstance(value, list) else decode(value)

    def decode_dictionary(value: Any) -> Any:
        return {name: decode(item) for name, item in value.items()} if isinstance(value, dict) else decode(value)

    return decode_list if container is list else decode_dictionary


class Field:
    """A field of a model: its Python name, its name on the wire, its type, and how it is sent and shown."""

    __slots__ = ("is_tag", "joined", "name", "nullable", "read_only", "secret", "type", "wire")

    def __init__(self, name: str, annotation: Any, owner: type[Model]) -> None:
        self.name = name
        self.wire = owner._wire_names.get(name) or _HUMP.sub(lambda match: match[1].upper(), name)
        # An annotation is no text in a subclass whose module evaluates annotations.
        is_text = isinstance(annotation, str)
        self.type = FieldType.of(annotation, owner.__module__) if is_text else FieldType.of_object(annotation)
        self.nullable = name in owner._nullable
        self.read_only = name in owner._read_only
        self.secret = name in owner._secret
        self.joined = name in owner._joined
        self.is_tag = name == owner._tag

    def check(self, owner: type[Model], value: Any) -> Any:
        """Return a caller's value as `FieldType.check` does; None is valid for every field.

        A field that holds a list as text, separated by commas, also takes a list of texts.
        """
        if self.joined and isinstance(value, list | tuple):
            return ",".join(self.type.check(item, (owner.__name__, self.name)) for item in value)
        return None if value is None else self.type.check(value, (owner.__name__, self.name))


def reject(place: tuple[str, ...], expected: str, value: Any) -> NoReturn:
    from sunshine_conversations_client.exceptions import ApiArgumentError

    raise ApiArgumentError(f"{'.'.join(place)} should be {expected}, not {type(value).__name__}")


def _member(enumeration: Any, value: Any) -> Any:
    try:
        return enumeration(value)
    except ValueError:
        return value


def _is_model(named: type[Any]) -> bool:
    return hasattr(named, "from_argument")
