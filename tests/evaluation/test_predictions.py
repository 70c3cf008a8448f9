import numpy as np
import pyarrow as pa
import pytest

from tmkd.evaluation import predictions
from tmkd.evaluation.quality import UNJUDGED
from tmkd.workspace import Workspace

IDS, QUESTIONS = np.array([3, 1, 2]), ["a", "a", "b"]
TWO = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])


def test_two_classes_are_one_float_a_model(tmp_path):
    table = predictions.build(IDS, QUESTIONS, np.array([1, UNJUDGED, 0]), {"teacher:a": TWO, "ensemble": TWO})
    workspace = Workspace.open(str(tmp_path))
    path = predictions.publish(workspace, "docs", table)
    assert path == "reports/docs/predictions.parquet"
    read = workspace.read_table(path)
    assert read.schema.remove_metadata() == pa.schema(
        [
            ("id", pa.int64()),
            ("question_id", pa.string()),
            ("label", pa.int32()),
            ("teacher:a", pa.float32()),
            ("ensemble", pa.float32()),
        ]
    )
    assert read["id"].to_pylist() == [3, 1, 2]
    assert read["label"].to_pylist() == [1, None, 0]
    assert read["ensemble"].to_pylist() == [0.75, 0.5, 0.0]


def test_more_classes_are_a_list_and_labels_may_be_missing():
    three = np.array([[0.25, 0.25, 0.5]] * 3)
    table = predictions.build(IDS, QUESTIONS, None, {"student:pretrained:aggregate": three})
    assert table["label"].null_count == 3
    assert table["student:pretrained:aggregate"].type == pa.list_(pa.float32(), 3)
    assert table["student:pretrained:aggregate"].to_pylist()[0] == [0.25, 0.25, 0.5]


def test_a_row_that_a_teacher_could_not_score_is_null():
    gap = np.array([[0.25, 0.75], [np.nan, np.nan], [1.0, 0.0]])
    three = np.array([[0.25, 0.25, 0.5], [np.nan] * 3, [0.5, 0.25, 0.25]])
    table = predictions.build(IDS, QUESTIONS, None, {"teacher:a": gap, "teacher:b": three})
    assert table["teacher:a"].to_pylist() == [0.75, None, 0.0]
    assert table["teacher:b"].to_pylist() == [[0.25, 0.25, 0.5], None, [0.5, 0.25, 0.25]]


@pytest.mark.parametrize(
    ("ids", "probabilities", "message"),
    [
        (np.array([1, 1, 2]), {"a": TWO}, "ids repeat"),
        (IDS, {"a": TWO * 3}, "a: probabilities do not sum to one"),
        (IDS, {"a": TWO[:2]}, "a: .*shape"),
        (IDS, {"a": TWO * np.nan}, "a: 3 rows"),
        (IDS, {"a": TWO * [[1, np.nan]]}, "a: 3 rows"),
        (IDS, {"label": TWO}, "may not be called 'label'"),
    ],
)
def test_what_is_no_prediction_is_refused(ids, probabilities, message):
    with pytest.raises(ValueError, match=message):
        predictions.build(ids, QUESTIONS, None, probabilities)
