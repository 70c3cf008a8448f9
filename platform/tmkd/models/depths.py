"""Students of every depth from one: a super-student's first layers with the headers that were trained after them.

One encoder whose layers 1..K each have headers of their own, all trained at once, is cut into plain students. Layers
are shared as in LayerDrop (Fan et al., ICLR 2020) and DynaBERT (Hou et al., NeurIPS 2020); headers a depth and a joint
loss take the place of their sampling of depths.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModel

from tmkd.errors import UserError
from tmkd.models.config_file import load_config
from tmkd.models.cutting import cut_layers
from tmkd.models.headed import Student
from tmkd.models.loading import load_model
from tmkd.models.student_config import StudentConfig, at_depth, depth_of, without_depth

TOKENS = 8


def cut(deep: Student, layers: int) -> Student:
    """Return the plain student of the first ``layers`` layers of a super-student.

    Args:
        deep: a student with headers after that many layers.
        layers: of the student to cut out.

    Raises:
        ValueError: if no header was trained there.
    """
    headers = [name for name in deep.config.headers if depth_of(name) == layers]
    if not headers:
        raise ValueError(f"no header after {layers} layers; there are {deep.config.headers}")
    config = StudentConfig.from_dict(deep.config.to_dict())
    base = deep.config.base_config()
    cut_layers(base, layers)
    config.base = base.to_diff_dict() | {"model_type": base.model_type}
    config.headers = [without_depth(name) for name in headers]
    config.trained_headers = [without_depth(name) for name in headers if name in deep.config.trained_headers]
    config.sources = {without_depth(name): deep.config.sources[name] for name in headers if name in deep.config.sources}
    student = type(deep)(config)
    mine = student.encoder.state_dict()
    student.encoder.load_state_dict({name: value for name, value in deep.encoder.state_dict().items() if name in mine})
    for name in config.headers:
        student.header_module(name).load_state_dict(deep.header_module(at_depth(name, layers)).state_dict())
    return student


def check_depths(folder: Path, key: str) -> None:
    """Raise `UserError` if a base's first layers alone say something else than they do below the others.

    That is so where something follows the last layer, such as a final norm.

    Args:
        folder: of the base.
        key: the part of the recipe that asks for a super-student.
    """
    config = load_config(folder)
    if config.num_hidden_layers < 2:
        return
    tokens = torch.arange(5, 5 + TOKENS).remainder(config.vocab_size)[None]  # [1, L]
    whole, _ = load_model(AutoModel, folder, config=config)
    shallow = load_config(folder)
    cut_layers(shallow, 1)
    first, _ = load_model(AutoModel, folder, config=shallow)
    with torch.inference_mode():
        within = whole.eval()(input_ids=tokens, output_hidden_states=True).hidden_states[1].float()
        alone = first.eval()(input_ids=tokens).last_hidden_state.float()
    if not torch.allclose(within, alone, rtol=1e-2, atol=1e-3):
        raise UserError(
            f"{key}: the first layer of {folder} alone gives other states than below the others (something follows the "
            "last layer), so that depths cannot be cut from one student; set it to false"
        )
