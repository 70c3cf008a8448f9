"""Columns of an inherited header in the order of the next corpus's classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tmkd.corpus.class_names import match_names


def column_order(parent: Mapping[Any, str], classes: Sequence[str]) -> list[int] | None:
    """Return the parent's column for each class, matched by name; None where the names are not the same set.

    Args:
        parent: ``id2label`` of the student that is inherited.
        classes: of the corpus that the next stage learns; none for span readers, whose columns are start and end.
    """
    if not classes:
        return []
    names = [str(name) for _, name in sorted((int(index), name) for index, name in parent.items())]
    match = match_names(names, classes)
    return list(match.order) if match else None


def reordered(state: Mapping[str, Tensor], order: Sequence[int]) -> dict[str, Tensor]:
    """Return a header's weights, of which every tensor's first dimension is the classes, in another order."""
    if list(order) == sorted(order):
        return dict(state)
    index = torch.tensor(list(order))
    return {name: value.index_select(0, index.to(value.device)) for name, value in state.items()}


@torch.no_grad()
def reorder_head(model: nn.Module, order: Sequence[int]) -> None:
    """Bring the output layer of a Hugging Face classifier into another order of its classes, in place.

    That layer is the last linear one with as many outputs as there are classes, outside the encoder.
    """
    if list(order) == sorted(order):
        return
    encoder = {id(module) for module in getattr(model, "base_model", nn.Identity()).modules()}
    layers = [each for each in model.modules() if isinstance(each, nn.Linear) and id(each) not in encoder]
    head = next((each for each in reversed(layers) if each.out_features == len(order)), None)
    if head is not None:
        head.load_state_dict(reordered(head.state_dict(), order))
