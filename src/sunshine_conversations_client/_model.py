"""The base of all models: fields, and the conversion to and from JSON.

A model is a plain class with annotated fields. An instance holds only the fields that were set, and only those are sent.
Values from a caller are checked; values from a server are kept whatever their type, so that one unexpected value does not
hide the rest of a response.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from sunshine_conversations_client._fields import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

REDACTED = "**********"


class Undefined:
    """A value that counts as not set, in the official package before version 17."""


def _shown_item(value: Any, show: Callable[[Model], Any]) -> Any:
    if isinstance(value, Model):
        return show(value)
    return value if isinstance(value, str | int | float) else f"({type(value).__name__})"


def _to_wire(value: Any, *, body: bool) -> Any:
    """Return a value as JSON holds it; in a body without the fields that only the service sets."""
    if isinstance(value, Model):
        return value.to_body() if body else value.to_dict()
    if isinstance(value, list | tuple):
        return [_to_wire(item, body=body) for item in value]
    if isinstance(value, dict):
        return {name: _to_wire(item, body=body) for name, item in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else value


@dataclass_transform(kw_only_default=True, eq_default=True)
class Model:
    """The base of all models. Fields are keyword arguments, by their Python names or their names on the wire.

    Every field may be missing. Raises ApiArgumentError (a ValueError and a TypeError) for an unknown name or a value of
    the wrong type.
    """

    _fields: ClassVar[dict[str, Field]] = {}
    _lists: ClassVar[tuple[str, ...]] = ()
    _by_wire: ClassVar[dict[str, Field]] = {}
    _decoders: ClassVar[dict[str, tuple[str, Callable[[Any], Any] | None]]] = {}
    """For each field, by its name on the wire, its Python name and its decoder, which is None for plain values."""
    _is_union: ClassVar[bool] = False
    """True for the base class of a union, whose objects are of its kinds."""
    _wire_names: ClassVar[dict[str, str]] = {}
    _nullable: ClassVar[frozenset[str]] = frozenset()
    _read_only: ClassVar[frozenset[str]] = frozenset()
    _secret: ClassVar[frozenset[str]] = frozenset()
    _joined: ClassVar[frozenset[str]] = frozenset()
    _tag: ClassVar[str] = ""
    _aliases: ClassVar[dict[str, str]] = {}
    """Other Python names of fields."""
    _positional: ClassVar[tuple[str, ...]] = ()
    """The fields in the order of positional arguments, if it is another one."""

    def __init_subclass__(cls) -> None:
        for flag in ("_nullable", "_read_only", "_secret"):
            setattr(cls, flag, frozenset().union(*(getattr(base, flag, ()) for base in cls.__mro__)))
        own = cls.__annotations__  # those of the class itself; inspect costs 5 ms to import
        fields = {name: Field(name, text, cls) for name, text in own.items() if name[0] != "_"}
        for name in fields:
            if not hasattr(cls, name):  # a field without a default, which type checkers require
                setattr(cls, name, None)
        cls._fields = {name: field for base in reversed(cls.__mro__[1:]) for name, field in _fields_of(base)} | fields
        cls._by_wire = {field.wire: field for field in cls._fields.values()}
        cls._decoders = {}
        cls._lists = tuple(field.wire for field in cls._fields.values() if field.type.container is list)
        cls._by_wire |= {alias: cls._fields[name] for alias, name in cls._aliases.items()}

    def __init__(self, *positional: Any, **values: Any) -> None:
        if positional:  # as the models of versions before 17 accepted them
            values = self._named(positional, values)
        for name, value in values.items():
            field = self._fields.get(name) or self._by_wire.get(name)
            if field is not None:
                self._set(field, value)
            elif name != "local_vars_configuration":  # also of those versions
                self._reject_name(name)
        self._set_tag()

    def _set_tag(self) -> None:
        """Set the type that a class stands for, unless the caller set it."""
        if self._tag and (value := getattr(type(self), self._tag)) is not None:
            self.__dict__.setdefault(self._tag, value)

    @classmethod
    def _named(cls, positional: tuple[Any, ...], values: dict[str, Any]) -> dict[str, Any]:
        """Return all arguments by the names of the fields. Raises ApiArgumentError, as Python raises TypeError."""
        from sunshine_conversations_client.exceptions import ApiArgumentError

        if len(positional) > len(cls._fields):
            raise ApiArgumentError(
                f"{cls.__name__} takes at most {len(cls._fields)} positional arguments, not {len(positional)}"
            )
        named = dict(zip(cls._positional or cls._fields, positional, strict=False))
        for name in values:
            field = cls._by_wire.get(name)
            if (field.name if field else name) in named:
                raise ApiArgumentError(f"{cls.__name__} got two values for {name}")
        return named | values

    def _set(self, field: Field, value: Any) -> None:
        """Set a field to a caller's value. None unsets a field in which null has no meaning."""
        if value.__class__ is Undefined or (value is None and not field.nullable):
            self.__dict__.pop(field.name, None)
        else:
            self.__dict__[field.name] = field.check(type(self), value)

    if not TYPE_CHECKING:  # type checkers read the annotations; these methods would make them accept any name

        def __setattr__(self, name: str, value: Any) -> None:
            field = self._fields.get(self._aliases.get(name, name))
            if field is None:
                self._reject_name(name)
            else:
                self._set(field, value)

        def __getattr__(self, name: str) -> Any:
            if name in self._aliases:
                return getattr(self, self._aliases[name])
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        """Unset a field. It is then not sent."""
        if self.__dict__.pop(name, self) is self:
            raise AttributeError(name)

    def _reject_name(self, name: str) -> None:
        from sunshine_conversations_client.exceptions import ApiArgumentError

        kinds = type(self).__dict__.get("_kinds")
        if kinds and self._tag and getattr(self, self._tag) is None:
            raise ApiArgumentError(f"{type(self).__name__} needs a {self._tag}, which is one of: {', '.join(kinds)}")
        known = ", ".join(self._fields) or "none"
        raise ApiArgumentError(f"{type(self).__name__} has no field {name!r}; its fields are: {known}")

    @property
    def additional_properties(self) -> dict[str, Any]:
        """The properties of a server's object that this model has no field for, by their names on the wire."""
        extra: dict[str, Any] = self.__dict__.get("_additional", {})
        return extra

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are set, by their names on the wire, and everything else that a server sent.

        A None is included only where null has a meaning in the API, or where a server sent null.
        """
        return self._values(body=False)

    def to_body(self) -> dict[str, Any]:
        """Return what a request sends: `to_dict` without the fields that only the service sets."""
        return self._values(body=True)

    def _values(self, *, body: bool) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field in self._fields.items():
            if name in self.__dict__:
                value = self.__dict__[name]
            elif body and field.is_tag and getattr(self, name) is not None:
                value = getattr(self, name)
            else:
                continue
            if not (body and (field.read_only or (value is None and not field.nullable))):
                values[field.wire] = _to_wire(value, body=body)
        return values | {name: _to_wire(value, body=body) for name, value in self.additional_properties.items()}

    def to_json(self) -> str:
        """Return `to_dict` as JSON text in ASCII."""
        return json.dumps(self.to_dict())

    def to_str(self) -> str:
        """Return all fields by their names on the wire, for people: unset ones as None, secrets redacted."""
        import pprint

        return pprint.pformat(self._shown())

    def _shown(self) -> dict[str, Any]:
        return {field.wire: self._for_people(field, Model._shown) for field in self._fields.values()}

    def _for_people(self, field: Field, show: Callable[[Model], Any]) -> Any:
        """Return a field's value for people. Secrets are redacted.

        Where a server sent another type than a model, only the name of that type is shown: the value may hold secrets.
        """
        value = getattr(self, field.name)
        if value is None:
            return None
        if field.secret:
            return REDACTED
        if field.type.plain:
            return value
        if isinstance(value, list):
            return [_shown_item(item, show) for item in value]
        return _shown_item(value, show)

    @classmethod
    def from_dict(cls, obj: dict[str, Any] | None) -> Self | None:
        """Return a model of a server's object, which has names on the wire; None for None.

        Raises ApiArgumentError (a ValueError) if `obj` is no dictionary.
        """
        if obj is None:
            return None
        if not isinstance(obj, dict):
            from sunshine_conversations_client.exceptions import ApiArgumentError

            raise ApiArgumentError(f"{cls.__name__} should be made of a dict, not {type(obj).__name__}")
        model: Self = cls._decode(obj)
        return model

    @classmethod
    def _decode(cls, value: Any) -> Any:
        """Return a model for a server's object, and any other value as it is."""
        if not isinstance(value, dict):
            return value
        kind = cls._class_for(value) if cls._is_union else cls
        model = object.__new__(kind)
        decoders, attributes = kind._decoders or kind._plan(), model.__dict__
        extra: dict[str, Any] = {}
        for name, content in value.items():
            if name in decoders:
                attribute, decode = decoders[name]
                attributes[attribute] = content if decode is None else decode(content)
            else:
                extra[name] = content
        if extra:
            attributes["_additional"] = extra
        return model

    @classmethod
    def _plan(cls) -> dict[str, tuple[str, Callable[[Any], Any] | None]]:
        """Set `_decoders`. The first object of the class does it, when all classes that the annotations name exist."""
        cls._decoders = {
            field.wire: (field.name, None if field.type.plain else field.type.decoder())
            for field in cls._fields.values()
        }
        return cls._decoders

    @classmethod
    def from_json(cls, json_str: str) -> Self | None:
        """Return `from_dict` of JSON text. Raises json.JSONDecodeError (a ValueError) for other text."""
        return cls.from_dict(json.loads(json_str))

    @classmethod
    def from_argument(cls, values: dict[str, Any]) -> Self:
        """Return a model of a caller's dictionary, with either kind of name. Unknown names are kept, and sent as they are.

        Raises ApiArgumentError for a value of the wrong type.
        """
        kind = cls._class_for(values)
        model = kind.__new__(kind)
        extra: dict[str, Any] = {}
        for name, value in values.items():
            field = kind._fields.get(name) or kind._by_wire.get(name)
            if field is None:
                extra[name] = value
            else:
                model._set(field, value)
        model._set_tag()
        if extra:
            model.__dict__["_additional"] = extra
        return model

    @classmethod
    def _class_for(cls, obj: dict[str, Any]) -> type[Self]:
        """Return the class for an object. Unions override this."""
        return cls

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._repr_parts())})"

    def __str__(self) -> str:
        return " ".join(self._repr_parts())

    def _repr_parts(self) -> Iterator[str]:
        for name, field in self._fields.items():
            yield f"{name}={self._for_people(field, lambda model: model)!r}"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        same = self.additional_properties == other.additional_properties
        return same and all(getattr(self, name) == getattr(other, name) for name in self._fields)

    __hash__ = None  # type: ignore[assignment]  # a model is mutable, as the official one is


def _fields_of(cls: type) -> Any:
    return cls.__dict__.get("_fields", {}).items()


class Items(Model):
    """The base of a model that was a dictionary before version 17: `response["access_token"]` works, too."""

    def __getitem__(self, name: str) -> Any:
        return self.to_dict()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def keys(self) -> list[str]:
        """Return the names on the wire of the fields that are set."""
        return list(self.to_dict())

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field with this name on the wire, or the default."""
        return self.to_dict().get(name, default)
