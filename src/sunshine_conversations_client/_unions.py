"""The base of models that are of one of several kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sunshine_conversations_client._fields import reject
from sunshine_conversations_client._model import Model

if TYPE_CHECKING:
    from typing import Self


class OneOf(Model):
    """The base of a union: a value that is of one of several kinds, each of which is a subclass.

        class Content(OneOf, tag="type"): ...
        class TextMessage(Content, kind="text"): ...

    The field that `tag` names selects the kind. Without a tag, `by_fields` selects the kind that has most of the names;
    without either, the union is one class with the fields of all kinds. A value of an unknown kind is kept as the base
    class, with what it holds in `additional_properties`.

    `Content(TextMessage(…))`, `Content({"type": "text", …})` and `Content(type="text", …)` all return a `TextMessage`,
    and `TextMessage(…)` is accepted wherever a `Content` is. The fields of other kinds can be read; they are None.
    """

    _by_fields: ClassVar[bool] = False
    _kinds: ClassVar[dict[str, Any]]
    """The kinds of a union; only its base class has them."""

    def __init_subclass__(cls, *, tag: str = "", by_fields: bool = False, kind: str = "") -> None:
        cls._is_union = OneOf in cls.__bases__
        if cls._is_union:
            cls._tag, cls._by_fields = tag, by_fields
            cls._kinds = {}
        super().__init_subclass__()
        for base in cls.__mro__[1:]:
            if kind and "_kinds" in base.__dict__:
                base.__dict__["_kinds"][kind] = cls
                for name in cls._fields:  # a value of another kind has None there, as in versions before 17
                    if not hasattr(base, name):
                        setattr(base, name, None)

    def __new__(cls, *positional: Any, **values: Any) -> Self:
        held = positional[0] if positional else values.get("actual_instance")
        if not cls._is_union or not (positional or values):
            return super().__new__(cls)
        if isinstance(held, cls):
            return held
        if not isinstance(held, dict):
            held = dict(zip(cls._positional or cls._fields, positional, strict=False)) | values
        kind: type[Self] = cls._class_for(held)
        return super().__new__(kind)

    def __init__(self, *positional: Any, **values: Any) -> None:
        held = positional[0] if positional else values.pop("actual_instance", None)
        if held is self:
            return
        if isinstance(held, dict):
            self.__dict__.update(type(self).from_argument(held).__dict__)
        elif held is not None and positional and not self._fields:
            reject((type(self).__name__,), "a model or a dict", held)
        else:
            super().__init__(*positional, **values)

    @classmethod
    def _class_for(cls, obj: dict[str, Any]) -> type[Self]:
        if not cls._is_union:
            return cls
        kinds: dict[str, type[Self]] = cls._kinds
        if cls._tag:
            value = obj.get(cls._tag)
            return kinds.get(value, cls) if isinstance(value, str) else cls
        if not cls._by_fields:
            return cls

        def score(kind: type[Model]) -> tuple[int, int]:
            """Count the names that the kind has; of equal kinds, the smallest is best."""
            return sum(name in kind._fields or name in kind._by_wire for name in obj), -len(kind._fields)

        return max(kinds.values(), key=score, default=cls)

    @property
    def one_of_schemas(self) -> set[str]:
        """The names of the classes of all kinds."""
        return {kind.__name__ for kind in self._kinds.values()}

    @property
    def actual_instance(self) -> Self:
        """The value itself. In the official package the base class is a wrapper, which holds the value here."""
        return self
