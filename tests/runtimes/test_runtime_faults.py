"""What a runtime does with rows that a network cannot score: only they are lost, and each says why."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from tiny_teachers import bert_classifier, sentence
from tmkd.errors import UserError
from tmkd.models.loading import load_model
from tmkd.runtimes.network import ClassScores
from tmkd.runtimes.torch_runtime import TorchRuntime
from tmkd.teachers.folder import load_tokenizer
from tmkd.text.features import Features, Ragged, Template
from tmkd.text.tokens import tokenize

ROWS = 40
POISON = "teacher"


class Fussy(TorchRuntime):
    """Throws for every batch that holds one token, and runs out of memory above so many tokens."""

    poison: int | None = None
    says = "index out of range in self"
    memory = 10**9
    refused = 0

    def forward(self, inputs):
        ids = inputs["input_ids"]
        if ids.size > self.memory:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        if self.poison is not None and (ids == self.poison).any():
            raise IndexError(self.says)
        return super().forward(inputs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return bert_classifier(tmp_path_factory.mktemp("teacher") / "m", num_labels=2)


@pytest.fixture
def runtime(folder) -> Fussy:
    model, _ = load_model(AutoModelForSequenceClassification, folder)
    return Fussy(ClassScores(model), Features(Template.of(load_tokenizer(folder), 2), 64), "fp32", "cpu", 400)


@pytest.fixture(scope="module")
def columns(folder) -> tuple[Ragged, Ragged]:
    rng = np.random.default_rng(3)
    tokenizer = load_tokenizer(folder)
    return tuple(tokenize(tokenizer, [sentence(rng, 2, 20) for _ in range(ROWS)]) for _ in range(2))


def rows_with(columns: tuple[Ragged, Ragged], token: int) -> set[int]:
    return {row for row in range(ROWS) if any(token in column.row(row) for column in columns)}


def test_rows_that_throw_are_found_and_all_others_scored(runtime, folder, columns) -> None:
    whole = runtime.run(*columns).values
    runtime.poison = load_tokenizer(folder).convert_tokens_to_ids(POISON)
    bad = rows_with(columns, runtime.poison)
    scored = runtime.run(*columns)
    assert 0 < len(bad) < ROWS and set(scored.faults) == bad
    assert set(scored.faults.values()) == {"IndexError: index out of range in self"}
    good = sorted(set(range(ROWS)) - bad)
    assert np.isnan(scored.values[sorted(bad)]).all()
    np.testing.assert_allclose(scored.values[good], whole[good], atol=1e-6)


def test_an_error_that_says_nothing_is_named(runtime, folder, columns) -> None:
    runtime.poison, runtime.says = load_tokenizer(folder).convert_tokens_to_ids(POISON), " "
    assert set(runtime.run(*columns).faults.values()) == {"IndexError"}


def test_out_of_memory_halves_the_batch_and_later_ones_beforehand(runtime, columns) -> None:
    whole = runtime.run(*columns).values
    runtime.memory = 150
    scored = runtime.run(*columns)
    assert not scored.faults
    np.testing.assert_allclose(scored.values, whole, atol=1e-6)
    assert 1 <= runtime.refused <= 5  # of some twenty batches
    runtime.refused = 0
    assert runtime.run(*columns).values.tobytes() == scored.values.tobytes()
    assert runtime.refused == 0  # what did not fit is not tried again


def test_a_row_that_never_fits_stops_the_run_with_what_would_help(runtime, columns) -> None:
    lengths = runtime.features.lengths(*columns)
    runtime.memory = int(np.sort(lengths)[-3])
    with pytest.raises(
        UserError, match=rf"a single row of {lengths.max()} tokens .*CUDA out of memory.*batch_tokens 400"
    ):
        runtime.run(*columns)


def test_tokens_without_an_embedding_are_set_apart_before_the_model_sees_them(runtime, columns) -> None:
    question, passage = columns
    values = passage.values.copy()
    values[passage.offsets[7]] = 60_000
    scored = runtime.run(question, Ragged(values, passage.offsets))
    assert list(scored.faults) == [7] and "token id 60000 is beyond" in scored.faults[7]
    assert np.isnan(scored.values[7]).all() and np.isfinite(np.delete(scored.values, 7, axis=0)).all()


def test_a_model_that_fails_on_everything_is_to_blame_itself(runtime, columns) -> None:
    runtime.poison = runtime.features.template.parts[0][0]  # of every row
    with pytest.raises(UserError, match=r"fails on every row it is given \(IndexError: index out of range in self\)"):
        runtime.run(*columns)


def test_rows_that_all_have_unknown_tokens_keep_the_shape_of_the_scores(runtime, columns) -> None:
    runtime.vocabulary = 1 + max(token for part in runtime.features.template.parts for token in part)
    scored = runtime.run(*columns)
    assert scored.values.shape == (ROWS, 2) and np.isnan(scored.values).all() and len(scored.faults) == ROWS


def test_special_tokens_that_the_model_does_not_know_are_no_row_s_fault(runtime, columns) -> None:
    runtime.vocabulary = max(token for part in runtime.features.template.parts for token in part)
    with pytest.raises(UserError, match=rf"special tokens {runtime.vocabulary} around every text, but it has"):
        runtime.run(*columns)
