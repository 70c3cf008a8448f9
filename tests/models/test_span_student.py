"""The span student: a Hugging Face reader whose answer is the mean of its headers' probabilities."""

import pytest
import torch
from tiny_students import make_base
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from tmkd.models.build import inherit, student_from_base
from tmkd.models.shape import StudentShape
from tmkd.models.span_student import StudentForQuestionAnswering

HEADERS = ["golden", "soft:a"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base("bert", tmp_path_factory.mktemp("base") / "bert")


@pytest.fixture
def student(base) -> StudentForQuestionAnswering:
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    found = student_from_base(
        base, StudentShape(2, "cls", False, 0.0, 32), HEADERS, (), tokenizer, StudentForQuestionAnswering
    )
    found.config.trained_headers = HEADERS
    return found.eval()


def batch(base) -> dict[str, torch.Tensor]:
    tokenizer = AutoTokenizer.from_pretrained(base)
    return dict(tokenizer(["w1 w2", "w3"], ["w4 w5 w6", "w7"], padding=True, return_tensors="pt"))


def test_the_answer_is_the_mean_of_the_headers_probabilities(student, base) -> None:
    inputs = batch(base)
    with torch.inference_mode():
        logits, _ = student.header_logits(**inputs)
        found = student(**inputs)
    real = inputs["attention_mask"].bool().unsqueeze(-1)
    each = [torch.softmax(logits[name].double().masked_fill(~real, -1e30), dim=1) for name in HEADERS]  # [B, L, 2]
    mean = torch.stack(each).mean(0)
    torch.testing.assert_close(torch.softmax(found.start_logits.double(), 1), mean[..., 0], atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.softmax(found.end_logits.double(), 1), mean[..., 1], atol=1e-6, rtol=0)


def test_padding_changes_nothing(student, base) -> None:
    inputs = batch(base)
    alone = {name: value[1:, : int(inputs["attention_mask"][1].sum())] for name, value in inputs.items()}
    with torch.inference_mode():
        found, single = student(**inputs).start_logits[1], student(**alone).start_logits[0]
    torch.testing.assert_close(found[: len(single)], single, atol=1e-5, rtol=0)


def test_a_header_by_name_and_its_legal_names(student, base) -> None:
    with torch.inference_mode():
        logits, _ = student.header_logits(**batch(base))
        assert torch.equal(student(**batch(base), header="soft:a").start_logits, logits["soft:a"][..., 0])
        with pytest.raises(ValueError, match="golden"):
            student(**batch(base), header="soft:b")


def test_attentions_are_given_where_they_are_asked_for(student, base) -> None:
    student.set_attn_implementation("eager")
    inputs = batch(base)
    with torch.inference_mode():
        found = student(**inputs, output_attentions=True).attentions
    length = inputs["input_ids"].shape[1]
    assert len(found) == 2 and found[-1].shape[2:] == (length, length)
    torch.testing.assert_close(found[-1].sum(-1), torch.ones_like(found[-1].sum(-1)))


def test_a_saved_student_is_any_reader_to_transformers(student, base, tmp_path) -> None:
    student.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path)
    again = AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    assert isinstance(again, StudentForQuestionAnswering)
    with torch.inference_mode():
        assert torch.equal(again(**batch(base)).start_logits, student(**batch(base)).start_logits)


def test_a_next_stage_inherits_headers_of_the_same_readers(student) -> None:
    student.config.sources = {"soft:a": "r1"}
    model, anew = inherit(student, ["golden", "soft:a", "soft:b"], {"soft:a": "r1", "soft:b": "r2"}, ())
    assert anew == ["soft:b"]
    assert torch.equal(model.header_module("soft:a").weight, student.header_module("soft:a").weight)
