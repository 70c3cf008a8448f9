"""A runtime: one frozen network over token columns, in length-sorted batches, rows back in their order."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod

from tmkd.runtimes.row_pass import RowPass
from tmkd.runtimes.scored import FloatArray, Progress, Scored, no_progress
from tmkd.text.features import Features, IntArray, Ragged

__all__ = ["FloatArray", "Progress", "Runtime", "Scored", "no_progress"]


class Runtime(ABC):
    """Runs one frozen network over token columns.

    Args:
        features: builds the network's inputs.
        batch_tokens: tokens of a batch, padding included.
        vocabulary: token ids that the network knows.
        width: C, numbers a row.
    """

    def __init__(self, features: Features, batch_tokens: int, vocabulary: int, width: int) -> None:
        self.features = features
        self.batch_tokens = batch_tokens
        self.vocabulary = vocabulary
        self.width = width
        self.too_large: int | None = None  # tokens of the smallest batch that did not fit into memory

    @abstractmethod
    def forward(self, inputs: dict[str, IntArray]) -> FloatArray:
        """Return the network's scores of one batch, float32 [B, C]; inputs are int64 [B, L]."""

    def free_memory(self) -> None:
        """Give back what a failed forward pass has left behind; call outside of the handler of its error."""
        gc.collect()

    def is_usable(self) -> bool:
        """Tell whether the device still computes; asked before rows are blamed for an error."""
        return True

    def run(self, *columns: Ragged, progress: Progress = no_progress) -> Scored[FloatArray]:
        """Score every row: one text a row, or a question and a passage.

        A batch that fails is halved until the rows at fault stand alone; the others keep their scores. A size that did
        not fit into memory is remembered as long as this runtime lives: such batches are halved beforehand.

        Args:
            columns: token columns of n rows each.
            progress: called with the number of rows done so far, every few batches.

        Raises:
            UserError: if the network fails on every one of the first rows, if a single row does not fit into memory, or
                if the network has no embeddings of its tokenizer's special tokens.
            DeviceError: if the device is broken for this process.
        """
        return RowPass(self, columns, progress).scored()
