"""What several readers say together: Hu et al. (EMNLP 2018), 2.4 and 3.4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def mean_logits(readers: Sequence[FloatArray], temperature: float = 1.0) -> FloatArray:
    """Return logits whose softmax at a temperature is the mean of the readers': ``tau log mean_t softmax(z_t / tau)``.

    Args:
        readers: logits of each on the same T places, float32 [T, 2]: start, end.
        temperature: tau.

    Returns:
        float32 [T, 2]; of one reader, its own logits.
    """
    if len(readers) == 1:
        return readers[0].astype(np.float32)
    scaled = [logits / temperature for logits in readers]
    logs = [logits - np.logaddexp.reduce(logits, axis=0, keepdims=True) for logits in scaled]
    mean = np.logaddexp.reduce(np.stack(logs), axis=0) - np.log(len(logs))
    return np.asarray(temperature * mean, dtype=np.float32)
