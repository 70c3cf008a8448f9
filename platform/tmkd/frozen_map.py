"""A mapping that can be hashed, for the fields of frozen specifications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value", covariant=True)


class FrozenMap(Mapping[Key, Value]):
    """A copy of a mapping that keeps its order and never changes; equal to any mapping of the same items.

    Args:
        values: what it holds; the values must be hashable where the map is hashed.
    """

    def __init__(self, values: Mapping[Key, Value] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, key: Key) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._values})"
