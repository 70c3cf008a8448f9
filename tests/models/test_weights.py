"""Weights are read from safetensors files of the model's own folder, all of them in its fingerprint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tiny_teachers import bert_classifier
from tmkd.errors import UserError
from tmkd.models.config_file import load_config
from tmkd.models.folders import local_folder
from tmkd.models.weights import INDEX, SINGLE
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer, weights_fingerprint
from tmkd.teachers.kind_class import teacher_class


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return bert_classifier(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def sharded(model, tmp_path) -> Path:
    """Return the model in two files with an index."""
    folder = tmp_path / "sharded"
    shutil.copytree(model, folder)
    weights = load_file(folder / SINGLE)
    (folder / SINGLE).unlink()
    names = sorted(weights)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: weights[name] for name in held}, folder / file, metadata={"format": "pt"})
    placed = {name: file for file, held in parts.items() for name in held}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    return folder


def change_index(folder: Path, change) -> None:
    index = json.loads((folder / INDEX).read_text())
    change(index["weight_map"])
    (folder / INDEX).write_text(json.dumps(index))


def test_an_index_of_the_folder_s_own_files_is_read(sharded) -> None:
    assert local_folder(str(sharded), "teachers.a.model") == sharded
    teacher_class("classifier").load(TeacherConfig(model=str(sharded)), sharded, Host("cpu", "fp32"))


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "../outside.safetensors", "/tmp/x.safetensors", "sub/x.safetensors", 3]
)
def test_an_index_names_only_safetensors_of_its_folder(name, sharded) -> None:
    weight = "bert.embeddings.word_embeddings.weight"
    torch.save({weight: torch.ones(30522, 32)}, sharded / "pytorch_model.bin")
    save_file({weight: torch.ones(30522, 32)}, sharded.parent / "outside.safetensors")
    change_index(sharded, lambda placed: placed.update({weight: name}))
    with pytest.raises(UserError, match=r"model\.safetensors\.index\.json: weight_map puts bert\.embeddings"):
        local_folder(str(sharded), "teachers.a.model")
    with pytest.raises(UserError, match="weight_map puts"):
        teacher_class("classifier").load(TeacherConfig(model=str(sharded)), sharded, Host("cpu", "fp32"))


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"weight_map": []}', "", "{", '{"weight_map": {"a": "no.safetensors"}}']
)
def test_a_damaged_index_is_named(content, sharded) -> None:
    (sharded / INDEX).write_text(content)
    with pytest.raises(UserError, match=r"teachers\.a\.model: .*model\.safetensors\.index\.json: ") as found:
        local_folder(str(sharded), "teachers.a.model")
    assert "Traceback" not in str(found.value)


@pytest.mark.parametrize("size", [0, 4, 1000, 100_000])
def test_cut_weights_are_known_before_anything_starts(size, model, tmp_path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    weights = folder / SINGLE
    weights.write_bytes(weights.read_bytes()[:size])
    with pytest.raises(UserError, match=r"model\.safetensors: its safetensors weights are damaged"):
        local_folder(str(folder), "teachers.a.model")


def test_links_out_of_the_folder_are_files_of_the_folder(model, tmp_path) -> None:
    """The Hub's cache keeps files by their hash, and links to them from the folder of a snapshot."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "main"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for index, path in enumerate(sorted(model.iterdir())):
        shutil.copy(path, blobs / str(index))
        (snapshot / path.name).symlink_to(Path("..", "..", "blobs", str(index)))
    assert local_folder(str(snapshot), "teachers.a.model") == snapshot
    assert weights_fingerprint(snapshot) == weights_fingerprint(model)
    blob = (snapshot / SINGLE).resolve()
    blob.write_bytes(blob.read_bytes()[:-4] + b"abcd")
    assert weights_fingerprint(snapshot) != weights_fingerprint(model)


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "awq"])
def test_a_quantised_checkpoint_is_refused_in_one_message(method, model, tmp_path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text()) | {"quantization_config": {"quant_method": method}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=rf"config\.json: quantization_config \({method}\): quantised weights") as found:
        load_config(folder)
    assert "\n" not in str(found.value)


def test_a_sentencepiece_model_names_the_package_that_reads_it(model, tmp_path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "DebertaV2Tokenizer"}))
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "deberta-v2"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "spm.model").write_bytes(b"pieces")
    with pytest.raises(UserError, match=r"spm\.model and no tokenizer\.json.*pip install sentencepiece"):
        load_tokenizer(folder)
