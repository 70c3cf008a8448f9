"""How many tokens an encoder can read, as its config tells."""

from __future__ import annotations

from transformers import PreTrainedConfig

from tmkd.errors import UserError

UNLIMITED = 10**9
"""From here on a number means that there is no limit (tokenizers write 1e30)."""
COUNTED_FROM_PADDING = frozenset(
    [
        "camembert",
        "data2vec-text",
        "esm",
        "ibert",
        "longformer",
        "luke",
        "markuplm",
        "mluke",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    ]
)
"""Architectures whose first token stands at the position after that of padding, RoBERTa's way."""


def readable_tokens(config: PreTrainedConfig) -> int | None:
    """Return how many tokens an encoder has positions for; None where it has no such limit.

    No limit is written as null, as −1 (XLNet) or as a huge number.

    Raises:
        UserError: if the config says something else that is no number of tokens.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return None
    if isinstance(positions, bool) or not isinstance(positions, int | float) or positions != positions:
        raise UserError(
            f"{config.name_or_path}/config.json: max_position_embeddings is {positions!r}; expected a number of tokens"
        )
    if positions == -1 or positions >= UNLIMITED:
        return None
    return int(positions) - _before_first(config)


def _before_first(config: PreTrainedConfig) -> int:
    if config.model_type not in COUNTED_FROM_PADDING:
        return 0
    padding = 1 if config.model_type == "mpnet" else getattr(config, "pad_token_id", None)
    return 2 if not isinstance(padding, int) else padding + 1
