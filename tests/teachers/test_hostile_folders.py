"""Damaged and odd model folders get a description or a clear message, never a stack trace; none is written to."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiny_teachers import bert_base, bert_classifier, gpt2_classifier, roberta_classifier
from tmkd.errors import UserError
from tmkd.models.base_check import check_base
from tmkd.models.folders import local_folder
from tmkd.teachers.check import check_teacher
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class

FOLDERS, LONGEST = 120, 2000
ODD: list[Any] = [None, True, -1, 0, 1, 3, 1e30, float("nan"), 10**18, "", "two", [], [1], {}, {"a": []}, "../..", "\0"]
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")
SENTENCE_FILES = (
    "modules.json",
    "1_Pooling/config.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
)
Change = Callable[[Path, random.Random], str]


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> dict[str, Path]:
    """Return a valid folder of every kind."""
    root = tmp_path_factory.mktemp("valid")
    sentence = bert_base(root / "bi_encoder")
    (sentence / "1_Pooling").mkdir()
    places = ["", "1_Pooling", "2"]
    kinds = ["Transformer", "Pooling", "Normalize"]
    modules = [{"path": p, "type": f"sentence_transformers.models.{t}"} for p, t in zip(places, kinds, strict=True)]
    for name, value in zip(
        SENTENCE_FILES,
        [modules, {"pooling_mode_cls_token": True}, {"prompts": {"query": "q: "}}, {"max_seq_length": 64}],
        strict=True,
    ):
        (sentence / name).write_text(json.dumps(value))
    return {
        "bert": bert_classifier(root / "bert"), "roberta": roberta_classifier(root / "roberta"),
        "gpt2": gpt2_classifier(root / "gpt2"), "bi_encoder": sentence,
    }  # fmt: skip


def cut(folder: Path, rng: random.Random) -> str:
    path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    path.write_bytes(path.read_bytes()[: rng.choice([0, 1, 7, path.stat().st_size // 2])])
    return f"cut {path.name}"


def remove(folder: Path, rng: random.Random) -> str:
    path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    path.unlink()
    return f"remove {path.name}"


def swap(folder: Path, rng: random.Random) -> str:
    first, second = rng.sample(sorted(path for path in folder.glob("*") if path.is_file()), 2)
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    return f"swap {first.name} {second.name}"


def odd_value(folder: Path, rng: random.Random) -> str:
    path = rng.choice([folder / name for name in (*FILES, *SENTENCE_FILES) if (folder / name).is_file()])
    try:
        values = json.loads(path.read_text())
        entry = rng.choice(values) if isinstance(values, list) else values
        key, odd = rng.choice(sorted(entry)), rng.choice(ODD)
        entry[key] = odd
    except (ValueError, TypeError, LookupError):  # damaged by the change before
        return odd_file(folder, rng)
    path.write_text(json.dumps(values))
    return f"{path.name}: {key} = {str(odd)[:30]}"


def odd_file(folder: Path, rng: random.Random) -> str:
    path = rng.choice([folder / name for name in (*FILES, *SENTENCE_FILES) if (folder / name).is_file()])
    content = rng.choice(["[]", "null", '"text"', "{}", "[" * 5000, "\ufeff{}", "\xff\xfe", '{"a": NaN}', "3"])
    path.write_text(content, encoding="latin-1", errors="replace")
    return f"{path.name} <- {content[:10]}"


def odd_index(folder: Path, rng: random.Random) -> str:
    if rng.random() < 0.5:
        (folder / "model.safetensors").rename(folder / "weights.safetensors")
    names = [
        "weights.safetensors",
        "../a.safetensors",
        "a.bin",
        "",
        None,
        3,
        "a\0.safetensors",
        "a" * 5000 + ".safetensors",
    ]
    index = rng.choice([{"weight_map": {"x": rng.choice(names)}}, {"weight_map": rng.choice(ODD)}, []])
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return f"index {str(index)[:40]}"


CHANGES: list[Change] = [cut, remove, swap, odd_value, odd_value, odd_value, odd_value, odd_file, odd_index]


def look(folder: Path, kind: str) -> None:
    """Do what the check of a recipe does with the model of a teacher, and of a student."""
    config = TeacherConfig(kind=kind, model=str(folder), max_length=64)
    place = local_folder(str(folder), "teachers.a.model")
    tokenizer = load_tokenizer(place)
    teacher_class(kind).describe(config, place, tokenizer)
    check_teacher(config, place, "teachers.a")
    check_base(place, 1, 32, "student")


def state(folder: Path) -> dict[str, tuple[int, int]]:
    found = {str(path.relative_to(folder)): path.stat() for path in folder.rglob("*")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


def test_valid_folders_pass(valid) -> None:
    for name, folder in valid.items():
        look(folder, "bi_encoder" if name == "bi_encoder" else "classifier")


def test_hostile_folders_get_an_answer(valid, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rng, refused = random.Random(0), 0
    for number in range(FOLDERS):
        name = rng.choice(sorted(valid))
        folder = tmp_path / "m"
        shutil.copytree(valid[name], folder)
        done = [rng.choice(CHANGES)(folder, rng) for _ in range(rng.choice([1, 1, 1, 2]))]
        before = state(folder)
        try:
            look(folder, "bi_encoder" if name == "bi_encoder" else "classifier")
        except UserError as error:
            refused += 1
            assert 0 < len(str(error)) < LONGEST and "Traceback" not in str(error), (number, name, done)
        except BaseException as error:
            raise AssertionError(f"folder {number}: {name}, {done}: {type(error).__name__}: {error}") from error
        assert state(folder) == before, (number, name, done)
        shutil.rmtree(folder)
    assert refused > FOLDERS // 3
