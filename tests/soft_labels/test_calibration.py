import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tmkd.errors import UserError
from tmkd.soft_labels.calibration import (
    Calibration,
    fit_platt,
    fit_temperature,
    fit_unlabelled,
    load_calibration,
    save_calibration,
    to_class_logits,
)
from tmkd.workspace import Workspace


def noisy(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, size=n)
    return (0.3 + 0.1 * labels + rng.normal(scale=0.1, size=n)).astype(np.float32), labels


def test_platt_equals_a_weighted_logistic_regression_on_its_targets() -> None:
    scores, labels = noisy()
    positive, negative = labels.sum(), (1 - labels).sum()
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    model = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(
        np.tile(scores, 2)[:, None], np.repeat([1, 0], len(scores)), np.concatenate([target, 1 - target])
    )
    found = fit_platt(scores, labels)
    assert found.scale == pytest.approx(model.coef_[0, 0], rel=1e-3)
    assert found.shift == pytest.approx(model.intercept_[0], rel=1e-3)
    assert found.source == "golden" and found.rows == len(scores)


def test_platt_is_calibrated_and_passes_over_unjudged_rows() -> None:
    scores, labels = noisy()
    judged = np.where(np.arange(len(labels)) % 2 == 0, labels, -1)
    scores[4] = np.nan
    found = fit_platt(scores, judged)
    assert found.rows == len(labels) // 2 - 1
    probability = 1 / (1 + np.exp(-found.logit(scores[judged >= 0])))
    assert np.nanmean(probability) == pytest.approx(labels[judged >= 0].mean(), abs=0.01)


def test_platt_on_separable_scores_stays_finite() -> None:
    found = fit_platt(np.array([0.0, 0.1, 0.9, 1.0]), np.array([0, 0, 1, 1]))
    assert 0 < found.scale < 100


@pytest.mark.parametrize("labels", [[1, 1, -1], [0, 0, 0], [-1, -1, -1], [0, 1, 2]])
def test_platt_needs_both_classes(labels: list[int]) -> None:
    with pytest.raises(UserError, match="both 0 and 1 are needed"):
        fit_platt(np.array([0.1, 0.2, 0.3]), np.array(labels))


def test_without_golden_labels() -> None:
    scores = np.array([0.1, 0.2, 0.3, np.nan], dtype=np.float32)
    logits = fit_unlabelled(scores, "bi_encoder").logit(scores)[:3]
    np.testing.assert_allclose(logits, 2 * (scores[:3] - 0.2) / scores[:3].std(), rtol=1e-5, atol=1e-6)
    assert fit_unlabelled(scores, "classifier").scale == 1.0


def test_class_logits() -> None:
    raw = np.array([[0.5], [np.nan]], dtype=np.float32)
    logits = to_class_logits(raw, Calibration(2.0, -0.5), 2)
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert logits.dtype == np.float32
    assert softmax[0, 1] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert np.isnan(logits[1]).all()
    three = np.zeros((2, 3), dtype=np.float32)
    assert to_class_logits(three, None, 3) is three
    for columns, classes in ((1, 3), (2, 3), (3, 2)):
        with pytest.raises(UserError, match=f"{columns} column.*{classes} classes"):
            to_class_logits(np.zeros((2, columns), dtype=np.float32), None, classes)


def test_saved_and_loaded(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    assert load_calibration(workspace, "c", "t") is None
    save_calibration(workspace, "c", "t", Calibration(2.0, 1.0, "golden", 600))
    assert load_calibration(workspace, "c", "t") == Calibration(2.0, 1.0, "golden", 600)


def test_an_edited_calibration_is_refused(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    save_calibration(workspace, "c", "t", Calibration(2.0, 1.0, "golden", 600))
    path = tmp_path / "teachers/c/t/calibration.json"
    path.write_text(path.read_text().replace('"scale": 2.0', '"scale": -2.0'))
    with pytest.raises(UserError, match=r"teachers/c/t/calibration\.json: was edited since it was written"):
        load_calibration(workspace, "c", "t")


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_the_temperature_that_made_labels_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(scale=2, size=(20_000, 3))
    gumbel = rng.gumbel(size=logits.shape)
    labels = (logits + gumbel).argmax(1)  # a draw from softmax(logits)
    labels[::7], logits[3] = -1, np.nan
    found = fit_temperature((temperature * logits).astype(np.float32), labels)
    assert 1 / found.scale == pytest.approx(temperature, rel=0.05)
    assert (found.source, found.shift, found.rows) == ("temperature", 0.0, int((labels >= 0).sum()) - 1)
    applied = to_class_logits(logits.astype(np.float32), found, 3)
    np.testing.assert_allclose(applied, logits * found.scale, rtol=1e-5)


def test_a_teacher_that_is_never_wrong_gets_a_finite_temperature_and_one_that_nobody_judged_none() -> None:
    sure = fit_temperature(np.array([[3.0, -3.0], [-3.0, 3.0]]), np.array([0, 1]))
    assert 0 < sure.scale < 100
    assert fit_temperature(np.zeros((2, 2)), np.array([-1, -1])) == Calibration()
