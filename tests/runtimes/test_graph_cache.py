"""Processes that share a cache of graphs: none sees another's half-made files, and damaged entries are made again."""

import hashlib
import multiprocessing
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from quantise_alone import meet_at, quantise
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from tmkd.errors import UserError
from tmkd.models.loading import load_model
from tmkd.runtimes.graph_cache import SCRATCH, cached
from tmkd.runtimes.network import ClassScores
from tmkd.runtimes.onnx_export import graph_of

PROCESSES = 4


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def race(model: Path, root: Path, rounds: int) -> list[list[str]]:
    """Let processes quantise a model at the same moment on an empty cache, ``rounds`` times; return what each says."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["quantise_alone"])
    with context.Pool(PROCESSES, meet_at, [context.Barrier(PROCESSES)]) as pool:
        return [
            pool.starmap(quantise, [(model, root / str(number))] * PROCESSES, chunksize=1) for number in range(rounds)
        ]


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_processes_that_quantise_one_model_at_once_do_not_disturb_each_other(
    model, tmp_path, monkeypatch, rounds: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the fork server imports with it
    for number, said in enumerate(race(model, tmp_path, rounds)):
        assert len(set(said)) == 1 and said[0].startswith(str(tmp_path / str(number))), said
        assert Path(said[0]).is_file()
    assert list(tmp_path.rglob(f"{SCRATCH}*")) == [] and list(tmp_path.rglob("*inferred*")) == []


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_damaged_graph_is_made_again(model, tmp_path, monkeypatch, precision: str) -> None:
    import onnxruntime

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network = ClassScores(load_model(AutoModelForSequenceClassification, model)[0])
    graph = graph_of(network, precision, "key")
    right = hashlib.sha256(graph.read_bytes()).hexdigest()
    graph.write_bytes(graph.read_bytes()[:-100])
    again = graph_of(network, precision, "key")
    assert again != graph and hashlib.sha256(again.read_bytes()).hexdigest() == right
    assert graph_of(network, precision, "key") == again
    session = onnxruntime.InferenceSession(str(again), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    assert np.isfinite(session.run(None, dict.fromkeys(names, np.ones((2, 4), np.int64)))[0]).all()


def test_what_fails_while_it_is_made_leaves_nothing(tmp_path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("made")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        cached(tmp_path, "entry", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/onnx cannot be written \(Not a directory\); set XDG_CACHE_HOME"):
        cached(tmp_path / "file" / "onnx", "entry", lambda folder: None)
