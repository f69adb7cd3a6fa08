"""`@record`: dataclasses with slots that cost next to nothing to define.

The standard decorator writes and compiles up to six functions for each class, 0.7 to 1.4 ms; a command loads a hundred
such classes and uses a third of them. Here a class only gets its slots when it is defined, `__init__` is written when
the first instance is made, and all records share what compares, hashes and shows them.

Otherwise as `@dataclass(slots=True)`: defaults, `field` with `default`, `default_factory`, `init`, `repr`, `compare`,
`__post_init__`, `frozen=True`, positions in patterns, fields of a base that is a record, too. There are no ClassVar
or InitVar; `dataclasses.replace` and its like do not know records, `replace` here does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, frozen: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(field_specifiers=(field,))
def record(cls: type[T] | None = None, /, *, frozen: bool = False) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a class with annotated fields a record; `frozen` ones cannot be changed and can be hashed."""
    if cls is None:
        return lambda cls: _made(cls, frozen)
    return _made(cls, frozen)


def replace(one: T, **changes: Any) -> T:
    """A copy of a record with other values for some of its fields."""
    names = type(one).__match_args__  # type: ignore[attr-defined]
    return type(one)(**({name: getattr(one, name) for name in names} | changes))


def _made(cls: type[T], frozen: bool) -> type[T]:
    inside = dict(cls.__dict__)
    names = list(inside.get("__annotations__", ()))
    fields: dict[str, Any] = dict(getattr(cls, "_record_fields", {}))
    fields |= {name: inside.pop(name, MISSING) for name in names}
    for name in ("__dict__", "__weakref__"):
        inside.pop(name, None)
    same = [name for name, given in fields.items() if not isinstance(given, Field) or given.compare]
    values = attrgetter(*same) if len(same) > 1 else (lambda self: tuple(getattr(self, name) for name in same))
    inside |= {
        "__slots__": tuple(names),
        "__match_args__": tuple(name for name, given in fields.items() if _is_asked_for(given)),
        "__qualname__": cls.__qualname__,
        "_record_fields": fields,
        "_record_values": staticmethod(values),
        "__init__": _first,
        "__repr__": inside.get("__repr__", _show),
        "__eq__": _equal,
        "__hash__": _hash if frozen else None,
    }
    if frozen:
        inside |= {"__setattr__": _refuse, "__delattr__": _refuse}
    metaclass: Any = type(cls)
    made: type[T] = metaclass(cls.__name__, cls.__bases__, inside)
    return made


def _is_asked_for(given: Any) -> bool:
    """The field is an argument of `__init__`."""
    return not isinstance(given, Field) or bool(given.init)


def _first(self: Any, *values: Any, **named: Any) -> None:
    """The first instance of a record class: from here on its own `__init__` makes them."""
    owner: Any = next(cls for cls in type(self).__mro__ if cls.__dict__.get("__init__") is _first)
    owner.__init__ = _initializer(owner)
    owner.__init__(self, *values, **named)


def _initializer(cls: Any) -> Callable[..., None]:
    scope: dict[str, Any] = {"_missing": MISSING}
    asked, steps = ["self"], []
    frozen = cls.__setattr__ is _refuse

    def store(name: str, value: str) -> None:
        steps.append(f"_set_{name}(self, {value})" if frozen else f"self.{name} = {value}")

    for name, given in cls._record_fields.items():
        standing = given.default if isinstance(given, Field) else given
        make = given.default_factory if isinstance(given, Field) else MISSING
        scope |= {f"_set_{name}": getattr(cls, name).__set__, f"_default_{name}": standing, f"_make_{name}": make}
        if not _is_asked_for(given):
            if make is not MISSING:
                store(name, f"_make_{name}()")
            elif standing is not MISSING:
                store(name, f"_default_{name}")
            continue
        if make is not MISSING:
            asked.append(f"{name}=_missing")
            store(name, f"_make_{name}() if {name} is _missing else {name}")
        else:
            asked.append(name if standing is MISSING else f"{name}=_default_{name}")
            store(name, name)
    if hasattr(cls, "__post_init__"):
        steps.append("self.__post_init__()")
    exec(f"def __init__({', '.join(asked)}):\n " + "\n ".join(steps or ["pass"]), scope)
    scope["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    written: Callable[..., None] = scope["__init__"]
    return written


def _show(self: Any) -> str:
    shown = (name for name, given in self._record_fields.items() if not isinstance(given, Field) or given.repr)
    told = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({told})"


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self._record_values(self) == self._record_values(other)


def _hash(self: Any) -> int:
    return hash(self._record_values(self))


def _refuse(self: object, name: str, *value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")
