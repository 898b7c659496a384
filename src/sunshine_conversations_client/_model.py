"""The base of all models: what a field is, how a model is built, compared, shown, and turned to and from JSON.

A model is a plain class with annotated fields. What has been set is what its instance holds, and only that is sent.
From a caller, a value of the wrong type is refused; from a server, whatever it says is kept, so that one odd value
hides nothing else of the answer.
"""

from __future__ import annotations

import json
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_options: object) -> object:
        return lambda cls: cls


REDACTED = "**********"

_HUMP = re.compile(r"_([a-z0-9])")
_SCALARS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "dict[str, Any]": (dict,),
    "Any": (object,),
}


class Field:
    """One field: its name on the wire, and what it may hold."""

    __slots__ = ("item", "items", "name", "nullable", "read_only", "secret", "wire")

    def __init__(self, name: str, annotation: Any, owner: type[Model]) -> None:
        if not isinstance(annotation, str):  # a subclass whose module evaluates annotations
            annotation = "Any"
        self.name = name
        self.wire = owner._wire_names.get(name) or _HUMP.sub(lambda match: match[1].upper(), name)
        kind = annotation.removesuffix(" | None")
        self.items = kind.startswith("list[")
        self.item = kind[5:-1] if self.items else kind
        self.nullable = name in owner._nullable
        self.read_only = name in owner._read_only
        self.secret = name in owner._secret

    def check(self, owner: type[Model], value: Any) -> Any:
        """A caller's `value`, with dictionaries made into models. Raises ApiArgumentError for one of the wrong type."""
        if value is None:
            return None
        if not self.items:
            return self._check_item(owner, value)
        if not isinstance(value, list | tuple):
            self._refuse(owner, "a list", value)
        return [self._check_item(owner, each) for each in value]

    def _check_item(self, owner: type[Model], value: Any) -> Any:
        types = _SCALARS.get(self.item)
        if types is not None:
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                self._refuse(owner, self.item.partition("[")[0], value)
            return value
        model = _class_named(self.item, owner)
        if not issubclass(model, Model):  # an enumeration: values it does not know are kept
            if not isinstance(value, str):
                self._refuse(owner, "str", value)
            return _member(model, value)
        if isinstance(value, model):
            return value
        if isinstance(value, dict):
            return model.from_argument(value)
        return self._refuse(owner, model.__name__, value)

    def _refuse(self, owner: type[Model], expected: str, value: Any) -> Any:
        from sunshine_conversations_client.exceptions import ApiArgumentError

        raise ApiArgumentError(f"{owner.__name__}.{self.name} should be {expected}, not {type(value).__name__}")

    def from_wire(self, owner: type[Model], value: Any) -> Any:
        """A server's `value`; of whatever type it is."""
        if self.item in _SCALARS or value is None:
            return value
        if self.items and isinstance(value, list):
            return [self._item_from_wire(owner, each) for each in value]
        return self._item_from_wire(owner, value)

    def _item_from_wire(self, owner: type[Model], value: Any) -> Any:
        model = _class_named(self.item, owner)
        if issubclass(model, Model):
            return model.from_dict(value) if isinstance(value, dict) else value
        return _member(model, value)


def _class_named(name: str, owner: type[Model]) -> type[Any]:
    named: type[Any] = getattr(sys.modules[owner.__module__], name)
    return named


def _member(enumeration: Any, value: Any) -> Any:
    try:
        return enumeration(value)
    except ValueError:
        return value


def _shown_item(value: Any, show: Callable[[Model], Any]) -> Any:
    if isinstance(value, Model):
        return show(value)
    return value if isinstance(value, str | int | float) else f"({type(value).__name__})"


def _to_wire(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [_to_wire(each) for each in value]
    return value


@dataclass_transform(kw_only_default=True, eq_default=True)
class Model:
    """Fields are keyword arguments, by their Python names or their names on the wire, each optional.

    Raises ApiArgumentError (a ValueError and a TypeError) for an unknown name or a value of the wrong type.
    """

    _fields: ClassVar[dict[str, Field]] = {}
    _by_wire: ClassVar[dict[str, Field]] = {}
    _wire_names: ClassVar[dict[str, str]] = {}
    _nullable: ClassVar[frozenset[str]] = frozenset()
    _read_only: ClassVar[frozenset[str]] = frozenset()
    _secret: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        for flag in ("_nullable", "_read_only", "_secret"):
            setattr(cls, flag, frozenset().union(*(getattr(base, flag, ()) for base in cls.__mro__)))
        own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - strings; inspect costs 5 ms to import
        fields = {name: Field(name, kind, cls) for name, kind in own.items() if name[0] != "_"}
        cls._fields = cls._fields | fields
        cls._by_wire = {field.wire: field for field in cls._fields.values()}

    def __init__(self, *positional: Any, **values: Any) -> None:
        if positional:  # as the models of versions before 17 took them
            values = dict(zip(self._fields, positional, strict=False)) | values
        for name, value in values.items():
            field = self._fields.get(name) or self._by_wire.get(name)
            if field is None:
                if name != "local_vars_configuration":  # also of those versions
                    self._unknown(name)
            elif value is not None or field.nullable:
                self.__dict__[field.name] = field.check(type(self), value)

    if not TYPE_CHECKING:  # type checkers know the fields, and would let any name pass for the sake of this

        def __setattr__(self, name: str, value: Any) -> None:
            field = self._fields.get(name)
            if field is None:
                self._unknown(name)
            else:
                self.__dict__[name] = field.check(type(self), value)

    def __delattr__(self, name: str) -> None:
        """Forget a field: it is then unset, and not sent."""
        if self.__dict__.pop(name, self) is self:
            raise AttributeError(name)

    def _unknown(self, name: str) -> None:
        from sunshine_conversations_client.exceptions import ApiArgumentError

        known = ", ".join(self._fields) or "none"
        raise ApiArgumentError(f"{type(self).__name__} has no field {name!r}; its fields are: {known}")

    @property
    def additional_properties(self) -> dict[str, Any]:
        """What a server said beyond the fields of this model, by the names on the wire."""
        extra: dict[str, Any] = self.__dict__.get("_additional", {})
        return extra

    def to_dict(self) -> dict[str, Any]:
        """By the names on the wire: what is set and not read-only; None only where the API gives null a meaning."""
        given: dict[str, Any] = {}
        for name, field in self._fields.items():
            value = getattr(self, name) if name == "type" else self.__dict__.get(name)
            if field.read_only or (value is None and not (field.nullable and name in self.__dict__)):
                continue
            given[field.wire] = _to_wire(value)
        return given

    def to_json(self) -> str:
        """`to_dict` as JSON text, in ASCII."""
        return json.dumps(self.to_dict())

    def to_str(self) -> str:
        """All fields by the names on the wire, unset ones as None, for people: secrets are not shown."""
        import pprint

        return pprint.pformat(self._shown())

    def _shown(self) -> dict[str, Any]:
        return {field.wire: self._for_people(field, Model._shown) for field in self._fields.values()}

    def _for_people(self, field: Field, show: Callable[[Model], Any]) -> Any:
        """A field's value, secrets redacted; and what a server sent in a model's place, which may hold some, named."""
        value = getattr(self, field.name)
        if value is None:
            return None
        if field.secret:
            return REDACTED
        if field.item in _SCALARS:
            return value
        if isinstance(value, list):
            return [_shown_item(each, show) for each in value]
        return _shown_item(value, show)

    @classmethod
    def from_dict(cls, obj: dict[str, Any] | None) -> Self | None:
        """A model of what a server said, by the names on the wire; None for None.

        Raises ApiArgumentError (a ValueError) where `obj` is not a dictionary.
        """
        if obj is None:
            return None
        if not isinstance(obj, dict):
            from sunshine_conversations_client.exceptions import ApiArgumentError

            raise ApiArgumentError(f"{cls.__name__} should be made of a dict, not {type(obj).__name__}")
        model = cls._class_for(obj)
        made = model.__new__(model)
        extra: dict[str, Any] = {}
        for name, value in obj.items():
            field = model._by_wire.get(name)
            if field is None:
                extra[name] = value
            elif value is not None or field.nullable:
                made.__dict__[field.name] = field.from_wire(model, value)
        if extra:
            made.__dict__["_additional"] = extra
        return made

    @classmethod
    def from_json(cls, json_str: str) -> Self | None:
        """`from_dict` of JSON text. Raises json.JSONDecodeError (a ValueError) for text that is none."""
        return cls.from_dict(json.loads(json_str))

    @classmethod
    def from_argument(cls, given: dict[str, Any]) -> Self:
        """A model of a caller's dictionary, by either kind of name. Raises ApiArgumentError as the constructor does."""
        return cls._class_for(given)(**given)

    @classmethod
    def wire_names_of(cls, given: dict[str, Any]) -> dict[str, Any]:
        """A caller's dictionary as it is to be sent. What this version does not know goes as it is.

        Raises ApiArgumentError for a value of the wrong type.
        """
        model = cls._class_for(given)
        sent: dict[str, Any] = {}
        for name, value in given.items():
            field = model._fields.get(name) or model._by_wire.get(name)
            if field is None:
                sent[name] = _to_wire(value)
            elif value is not None or field.nullable:
                sent[field.wire] = _to_wire(field.check(model, value))
        return sent

    @classmethod
    def _class_for(cls, obj: dict[str, Any]) -> type[Self]:
        """The class that models `obj`; a base class whose kinds are told apart by a property overrides this."""
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
        return all(getattr(self, name) == getattr(other, name) for name in self._fields)

    __hash__ = None  # type: ignore[assignment]  # a model can change, as the official one's can
