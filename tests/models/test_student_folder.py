"""A student's folder is a Hugging Face folder: any process that has imported tmkd, before or after, can use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_students import CLASSES, HEADERS, make_base, make_student, pair_batch
from transformers import AutoTokenizer

IMPORTS = {"tmkd first": "import tmkd, transformers", "transformers first": "import transformers, tmkd"}
USER = """
import json, sys
{imports}
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

folder = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(folder)
batch = tokenizer(["search rank"], ["passage model label"], return_tensors="pt")
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
golden = AutoModelForSequenceClassification.from_pretrained(folder, header="golden").eval()
score = pipeline("text-classification", model=folder, top_k=None)
print(json.dumps({{
    "class": type(model).__name__,
    "logits": model(**batch).logits.tolist(),
    "golden": golden(**batch).logits.tolist(),
    "id2label": AutoConfig.from_pretrained(folder).id2label,
    "pipeline": score({{"text": "search rank", "text_pair": "passage model label"}}),
}}))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    base = make_base("bert", folder / "bert")
    student = make_student(base)
    student.config.trained_headers = list(HEADERS)
    student.save_pretrained(folder / "student")
    AutoTokenizer.from_pretrained(base).save_pretrained(folder / "student")
    return student, folder / "student"


@pytest.fixture(scope="module", params=IMPORTS)
def told(request, saved) -> dict:
    """What a fresh process says that imports tmkd before or after transformers."""
    script = USER.format(imports=IMPORTS[request.param])
    run = subprocess.run([sys.executable, "-c", script, str(saved[1])], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def test_a_fresh_process_loads_the_same_student_whatever_is_imported_first(saved, told) -> None:
    student, folder = saved
    batch = AutoTokenizer.from_pretrained(folder)(["search rank"], ["passage model label"], return_tensors="pt")
    with torch.inference_mode():
        expected = student(**batch)
    assert told["class"] == "StudentForSequenceClassification"
    torch.testing.assert_close(torch.tensor(told["logits"]), expected.logits)
    torch.testing.assert_close(torch.tensor(told["golden"]), expected.golden_logits)


def test_a_pipeline_gives_the_aggregate_s_probabilities_under_the_class_names(told) -> None:
    assert told["id2label"] == {"0": "no", "1": "yes"}
    probability = torch.tensor(told["logits"]).softmax(-1)[0].tolist()
    scores = {row["label"]: row["score"] for row in told["pipeline"]}
    assert scores == pytest.approx(dict(zip(CLASSES, probability, strict=True)), abs=1e-6)


def test_nothing_in_the_folder_is_a_pickle(saved) -> None:
    _, folder = saved
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize("kind", ["roberta", "distilbert"])
def test_other_architectures_survive_saving_and_loading(tmp_path: Path, kind: str) -> None:
    from transformers import AutoModelForSequenceClassification

    base = make_base(kind, tmp_path / kind)
    student, batch = make_student(base, pooling="mean"), pair_batch(base)
    student.save_pretrained(tmp_path / "student")
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "student").eval()
    with torch.inference_mode():
        assert torch.equal(loaded(**batch).logits, student(**batch).logits)
    mine, theirs = student.config, loaded.config
    assert (theirs.headers, theirs.pooling, theirs.max_pair_length) == (mine.headers, "mean", 32)
    assert theirs.sep_token_id == mine.sep_token_id and theirs.special_token_ids == mine.special_token_ids


def test_a_folder_loaded_in_bfloat16_still_answers(saved) -> None:
    from transformers import AutoModelForSequenceClassification

    _, folder = saved
    rough = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.bfloat16).eval()
    with torch.inference_mode():
        assert (
            rough(**AutoTokenizer.from_pretrained(folder)("rank", "row", return_tensors="pt")).logits.isfinite().all()
        )
