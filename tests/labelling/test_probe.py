"""The probe chooses by measured speed among what is faithful, and what it found binds the labels."""

import numpy as np
import pytest
import torch

from tiny_teachers import sentence
from tmkd.errors import UserError
from tmkd.labelling.probe import Tried, candidates, fastest, probe
from tmkd.runtimes.fidelity import Fidelity
from tmkd.runtimes.host import Host
from tmkd.runtimes.precision import has_fast_bf16
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.classifier import Classifier
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.text.features import Ragged
from tmkd.text.tokens import tokenize

EXACT = Fidelity(0.0, 1.0)


def open_ways(**fields) -> set[tuple[str, str]]:
    return {(h.runtime, h.precision) for h in candidates(TeacherConfig(model="m", **fields), "cpu")}


def test_what_the_recipe_fixes_is_not_tried_otherwise() -> None:
    bf16 = {("torch", "bf16")} if has_fast_bf16("cpu") else set()
    assert open_ways() == {("torch", "fp32"), ("onnx", "fp32"), ("onnx", "int8")} | bf16
    assert open_ways(runtime="onnx") == {("onnx", "fp32"), ("onnx", "int8")}
    assert open_ways(precision="fp32") == {("torch", "fp32"), ("onnx", "fp32")}
    assert open_ways(runtime="torch", precision="fp32") == {("torch", "fp32")}


def test_the_fastest_that_is_faithful_is_taken() -> None:
    slow = Tried(Host("cpu", "fp32"), 10.0, EXACT)
    good = Tried(Host("cpu", "bf16"), 30.0, Fidelity(0.0099, 0.9951))
    coarse = Tried(Host("cpu", "int8", "onnx"), 40.0, Fidelity(0.0101, 0.999))
    muddled = Tried(Host("cpu", "fp32", "onnx"), 50.0, Fidelity(0.0, 0.9949))
    assert fastest([slow, good, coarse, muddled]) is good
    with pytest.raises(UserError, match=r"faithful to fp32 \(onnx-cpu int8: .*'faithful': False"):
        fastest([coarse])


@pytest.fixture
def columns(teacher) -> list[Ragged]:
    rng, tokenizer = np.random.default_rng(0), load_tokenizer(teacher)
    return [tokenize(tokenizer, [sentence(rng, 2, 9) for _ in range(30)]) for _ in range(2)]


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("no such operator"), UserError("no graph")],
    ids=str,
)
def test_a_way_that_cannot_run_the_model_is_left_out(teacher, columns, monkeypatch, error: Exception) -> None:
    load = Classifier.load

    def fussy(config, folder, host):
        if host.runtime == "onnx" and host.precision == "int8":
            raise error
        return load(config, folder, host)

    monkeypatch.setattr(Classifier, "load", fussy)
    tried = probe(TeacherConfig(model="m", max_length=32, precision="auto"), teacher, *columns, "cpu")
    ways = {(each.host.runtime, each.host.precision): each.fidelity.passes for each in tried}
    assert ways.keys() >= {("torch", "fp32"), ("onnx", "fp32")} and ("onnx", "int8") not in ways


def test_a_model_that_fits_a_gpu_in_bf16_alone_is_compared_with_fp32_on_the_cpu(teacher, columns, monkeypatch) -> None:
    load = Classifier.load

    def small_gpu(config, folder, host):
        if host == Host("cuda", "fp32"):
            raise UserError("the model, on cuda, does not fit into memory")
        return load(config, folder, Host("cpu", "fp32"))

    monkeypatch.setattr(Classifier, "load", small_gpu)
    monkeypatch.setattr("tmkd.labelling.probe.has_fast_bf16", lambda device: True)
    tried = probe(TeacherConfig(model="m", max_length=32), teacher, *columns, "cuda")
    assert [(each.host, each.fidelity.passes) for each in tried] == [(Host("cuda", "bf16"), True)]


def test_what_the_probe_found_binds_the_labels_and_is_not_found_again(bench) -> None:
    bench.label(splits=("dev",), precision="auto", probe="always")
    identity = LabelStore(bench.workspace, "tiny", "dev", "t").identity
    figures = identity["probe"]
    assert set(figures) >= {"torch-cpu fp32", "onnx-cpu fp32", "onnx-cpu int8"}
    assert figures[f"{identity['backend']} {identity['dtype']}"]["faithful"]
    assert figures["torch-cpu fp32"] | {"pairs_per_second": 0} == {
        "pairs_per_second": 0, "p99_probability": 0.0, "kendall_tau": 1.0, "faithful": True,
    }  # fmt: skip
    before = bench.labels()
    assert bench.label(splits=("dev",), precision="auto", probe="always").shards_done == 0
    assert bench.labels() == before


@pytest.mark.parametrize("precision", [pytest.param("fp32", marks=pytest.mark.slow), "int8"])
def test_onnx_labels_are_the_same_bytes_whatever_the_actors(bench, precision: str) -> None:
    options = {"runtime": "onnx", "precision": precision, "splits": ("train",)}
    bench.label(resources={"actors": 2}, **options)
    before = bench.labels()
    bench.workspace.delete("soft_labels")
    bench.label(resources={"actors": 1, "cpus_per_actor": 2}, **options)
    assert bench.labels() == before
    assert LabelStore(bench.workspace, "tiny", "train", "t").identity["backend"] == "onnx-cpu"
