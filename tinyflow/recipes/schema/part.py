"""What recipes and their parts are: frozen plain data, quick to define.

Thirty classes of `dataclass(frozen=True)` take 15 ms to define, since each gets methods compiled for it, and every
command would wait for that. These share the methods of `Part` instead, and are dataclasses all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from tinyflow.recipes.fields import Name, yaml_key

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[T], T]:
        """For type checkers alone; typing has it from Python 3.11 on."""
        return lambda decorator: decorator


T = TypeVar("T")

# Read by pydantic, see `validate`: refuse unknown keys, convert nothing, name fields as YAML does.
STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "alias_generator": yaml_key}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def part(kind: type[T]) -> type[T]:
    """A class below `Part` whose fields are what it declares; they are given by name, and don't change."""
    plain: Callable[[type[T]], type[T]] = dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=True)
    return plain(kind)


class Part:
    """The methods that `dataclass` would make for each class; pydantic makes objects without them."""

    __pydantic_config__ = STRICT
    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
        renamed: ClassVar[Mapping[str, str]]  # keys of earlier versions → what to write instead
    else:
        renamed = MappingProxyType({})

        def __init__(self, **values: Any) -> None:
            own = vars(self)
            for name, declared in self.__dataclass_fields__.items():
                if name in values:
                    own[name] = values.pop(name)
                elif declared.default is not MISSING:
                    own[name] = declared.default
                elif declared.default_factory is not MISSING:
                    own[name] = declared.default_factory()
                else:
                    raise TypeError(f"{type(self).__name__} needs {name}")
            if values:
                raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")
            self.__post_init__()

        def __setattr__(self, name: str, value: object) -> None:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> None:
            raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __post_init__(self) -> None:
        """Raise ValueError where values don't go together."""

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


@part
class Recipe(Part):
    """What every kind has."""

    name: Name
    description: str
