"""Weights that are cut off after a folder was checked: the file is named, in whatever process they are read."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray
from transformers import AutoModelForSequenceClassification

from tiny_teachers import bert_classifier
from tmkd.cluster_errors import users_mistake
from tmkd.errors import UserError
from tmkd.models.damaged import damage_named, damaged_file
from tmkd.models.loading import load_model


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A model whose weights are in several files, the last of them cut off."""
    folder = bert_classifier(tmp_path / "m", num_labels=2)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    files = sorted(folder.glob("*.safetensors"))
    assert len(files) > 1
    files[-1].write_bytes(files[-1].read_bytes()[:-8])
    return files[-1]


def test_of_several_files_the_damaged_one_is_named(parts: Path) -> None:
    assert damaged_file(parts.parent) == parts
    with pytest.raises(UserError, match=rf"^{parts}: these safetensors weights are damaged or cut off \("):
        load_model(AutoModelForSequenceClassification, parts.parent)
    with pytest.raises(UserError, match=rf"^{parts}: "), damage_named(parts.parent):
        AutoModelForSequenceClassification.from_pretrained(parts.parent)


def test_so_it_is_in_a_ray_actor(parts: Path, ray_session: None) -> None:
    @ray.remote(num_cpus=0)
    class Loads:
        def __init__(self, folder: Path) -> None:
            load_model(AutoModelForSequenceClassification, folder)

        def ready(self) -> bool:
            return True

    with pytest.raises(ray.exceptions.RayError) as wrapped:
        ray.get(Loads.remote(parts.parent).ready.remote())
    assert str(users_mistake(wrapped.value)).startswith(f"{parts}: these safetensors weights are damaged")
