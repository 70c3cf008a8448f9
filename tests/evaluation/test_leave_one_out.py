"""What each teacher brings; a corrupted one is named."""

import numpy as np
import pytest

from tmkd.evaluation.ensemble import mean_probabilities
from tmkd.evaluation.leave_one_out import contributions

ROWS = 1200
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, ROWS)
QUESTIONS = np.array([f"q{row // 3}" for row in range(ROWS)])


def teacher(noise: float, labels=LABELS) -> np.ndarray:
    yes = 1 / (1 + np.exp(-(2.0 * labels - 1 + RNG.normal(scale=noise, size=ROWS))))
    return np.stack([1 - yes, yes], axis=1)


@pytest.fixture(scope="module")
def teachers() -> dict[str, np.ndarray]:
    sound = {"a": teacher(1.0), "b": teacher(1.0)}
    return {**sound, "shuffled": np.random.default_rng(1).permutation(teacher(0.2))}


def found(teachers, weights=None, labels=LABELS):
    weights = dict.fromkeys(teachers, 1.0) | (weights or {})
    return contributions(teachers, weights, labels, QUESTIONS, resamples=300)


def test_a_teacher_with_shuffled_labels_is_named(teachers) -> None:
    brought = found(teachers)
    assert [each.teacher for each in brought][-1] == "shuffled" and [each.harms for each in brought] == [0, 0, 1]
    assert brought[-1].says().startswith("Teacher shuffled harms the ensemble, whose accuracy is 0.")
    assert all(each.brought.estimate > 0 and each.p < 0.05 for each in brought[:2])


def test_what_is_brought_is_the_ensemble_s_accuracy_less_that_of_the_others(teachers) -> None:
    accuracy = {
        names: float((mean_probabilities([teachers[n] for n in names]).argmax(1) == LABELS).mean())
        for names in [("a", "b", "shuffled"), ("b", "shuffled"), ("a",)]
    }
    a = next(each for each in found(teachers) if each.teacher == "a")
    assert a.brought.estimate == pytest.approx(accuracy["a", "b", "shuffled"] - accuracy["b", "shuffled"])
    assert a.brought.low < a.brought.estimate < a.brought.high and a.alone == accuracy[("a",)]


def test_a_teacher_of_weight_0_does_not_vote_and_a_lone_one_is_not_compared(teachers) -> None:
    assert {each.teacher for each in found(teachers, {"shuffled": 0.0})} == {"a", "b"}
    assert found({"a": teachers["a"]}) == [] and found(teachers, labels=np.full(ROWS, -1)) == []


def test_two_teachers_that_say_the_same_bring_nothing_that_shows() -> None:
    same = teacher(1.0)
    brought = found({"one": same, "two": same})
    assert [(each.brought.estimate, each.p, each.harms) for each in brought] == [(0.0, 1.0, False)] * 2
    assert "no difference shown" in brought[0].says()


def test_p_values_are_corrected_after_holm_over_the_teachers() -> None:
    """Alone, b would be shown to help and c to harm: six rows that all fall alike have p 2^-5."""
    right_of = {"a": (0.9, 0.4, 0.4), "b": (0.4, 0.9, 0.4), "c": (0.6, 0.6, 0.1), "": (0.9, 0.9, 0.9)}
    decides = ["a"] * 8 + ["b"] * 6 + ["c"] * 6 + [""] * 30  # the teacher without whom the row is judged otherwise
    right = np.array([right_of[name] for name in decides]).T  # of the golden class, which is 1
    teachers = {name: np.stack([1 - yes, yes], axis=1) for name, yes in zip("abc", right, strict=True)}
    rows = len(decides)
    brought = contributions(
        teachers, dict.fromkeys("abc", 1.0), np.ones(rows, int), np.arange(rows).astype(str), resamples=300
    )
    assert {each.teacher: each.brought.estimate for each in brought} == pytest.approx(
        {"a": 8 / rows, "b": 6 / rows, "c": -6 / rows}
    )
    raw = {"a": 2**-7, "b": 2**-5, "c": 2**-5}
    corrected = {"a": 3 * raw["a"], "b": 2 * raw["b"], "c": 2 * raw["c"]}
    assert {each.teacher: each.p for each in brought} == pytest.approx(corrected, abs=0.01)
    assert not any(each.harms for each in brought) and "no difference shown" in brought[1].says()
