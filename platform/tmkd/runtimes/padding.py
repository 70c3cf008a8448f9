"""Whether a model ignores padding: a text must get the same scores alone and beside a longer one.

Most models do. XLNet reads the last place of its input, Funnel pools over places, FNet mixes all of them; neither a
config nor a tokenizer tells, so it is tried. A model that does not is given batches of texts of one length.
"""

from __future__ import annotations

import numpy as np
import torch

from tmkd.errors import UserError
from tmkd.models.json_files import reason
from tmkd.runtimes.network import Network
from tmkd.runtimes.row_pass import check_special_tokens
from tmkd.runtimes.scored import FloatArray
from tmkd.text.features import Features, IntArray, Ragged, Template

WORDS = (2, 7, 24)
"""Tokens of the texts that are tried."""
TOLERANCE = 1e-3
"""Share of the scores' size by which rounding may change them."""


def ignores_padding(network: Network, template: Template, max_length: int) -> bool:
    """Tell whether padding leaves a model's scores as they are.

    Args:
        network: on the CPU, in fp32.
        template: special tokens around what it reads.
        max_length: tokens that a sequence may have.

    Raises:
        UserError: if the model cannot score a short text at all.
    """
    check_special_tokens(template, network.vocabulary_size)
    features, columns = Features(template, max_length), _texts(network.vocabulary_size, template)
    lengths = features.lengths(*columns)
    try:
        alone = [_scores(network, features, np.array([row]), columns)[0] for row in range(len(WORDS))]
    except Exception as error:  # whatever a model's code may throw
        raise UserError(f"the model fails on a short text ({type(error).__name__}: {reason(error)})") from None
    try:
        together = _scores(network, features, np.arange(len(WORDS)), columns)
    except Exception:  # BART wants the same number of end tokens in all rows, GPT-2 a padding token
        return False
    if not np.isfinite(together).all():  # reported where rows are scored
        return True
    if not network.pooled:
        alone = [row.reshape(max_length, -1)[:length] for row, length in zip(alone, lengths, strict=True)]
        cut = [row.reshape(max_length, -1)[:length] for row, length in zip(together, lengths, strict=True)]
    else:
        cut = list(together)
    size = max(float(np.abs(row).max(initial=0.0)) for row in alone)
    return all(bool(np.abs(a - b).max(initial=0.0) <= TOLERANCE * size) for a, b in zip(alone, cut, strict=True))


def _scores(network: Network, features: Features, rows: IntArray, columns: list[Ragged]) -> FloatArray:
    with torch.inference_mode():
        tensors = {name: torch.from_numpy(value) for name, value in features.batch(rows, *columns).items()}
        scores: FloatArray = network(**tensors).numpy()
    return scores


def _texts(vocabulary: int, template: Template) -> list[Ragged]:
    """Return a row of ordinary tokens of each length for every text that the template holds."""
    special = {token for part in template.parts for token in part} | {template.pad_id}
    spread = np.linspace(vocabulary // 5, vocabulary - 1, max(WORDS) + len(special)).astype(np.int64)
    words = np.array([token for token in spread if token not in special], dtype=np.uint32)
    return [Ragged.of([np.resize(words, count) for count in WORDS], np.uint32)] * (len(template.parts) - 1)
