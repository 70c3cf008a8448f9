"""What a header reads off the encoder: one vector a pair, and for ``match`` the similarity of its two texts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cls_pool(hidden: Tensor) -> Tensor:
    """Return the first token's state (paper, Eq. 1: h_1): [B, L, D] -> [B, D]."""
    return hidden[:, 0]


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Return the mean state of the tokens in ``mask`` [B, L]; zeros where it is empty: -> [B, D]."""
    weights = mask.to(hidden.dtype).unsqueeze(-1)  # [B, L, 1]
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)


def text_masks(
    input_ids: Tensor, attention_mask: Tensor, sep_token_id: int, special_token_ids: list[int]
) -> tuple[Tensor, Tensor]:
    """Return bool masks [B, L] of the question's and the passage's tokens.

    The question ends at the first separator. Segment ids are not used: RoBERTa has none.
    """
    after_question = (input_ids == sep_token_id).long().cumsum(1) > 0
    special_ids = torch.tensor(special_token_ids, device=input_ids.device)
    special = (input_ids.unsqueeze(-1) == special_ids).any(-1)  # torch.isin cannot be exported to ONNX
    text = attention_mask.bool() & ~special
    return text & ~after_question, text & after_question


def match_pool(hidden: Tensor, question: Tensor, passage: Tensor) -> tuple[Tensor, Tensor]:
    """Compare the two texts after joint encoding.

    With q, p the L2-normalised means of the question's and the passage's states, returns
    ``[sqrt(D) q*p, sqrt(D) |q - p|, h_CLS]`` [B, 3D] and cos(q, p) [B]. A header that sees these can compare the
    texts from its first step on; from [CLS] alone a small encoder needs hundreds of steps to learn to.
    """
    q = F.normalize(masked_mean(hidden, question), dim=-1)  # [B, D]
    p = F.normalize(masked_mean(hidden, passage), dim=-1)  # [B, D]
    scale = hidden.shape[-1] ** 0.5
    features = torch.cat([scale * q * p, scale * (q - p).abs(), hidden[:, 0]], dim=-1)
    return features, (q * p).sum(-1)
