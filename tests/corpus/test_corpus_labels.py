"""Golden labels meet the classes by name, wherever a source has names; whatever is read otherwise is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_helpers import config_of, read, rejected, rows, write_tsv

from tmkd.corpus.build import made_from
from tmkd.errors import UserError

NLI = ["contradiction", "neutral", "entailment"]
BINARY = ["not_entailment", "entailment"]


def named_numbers(path: Path, numbers: list, names: object, kind: pa.DataType | None = None) -> Path:
    """Write a Parquet file as `datasets` does: class numbers in a column, their names in the schema's metadata."""
    features = {"label": {"names": names, "_type": "ClassLabel"}, "question": {"dtype": "string", "_type": "Value"}}
    table = pa.table(
        {
            "question": [f"question {place}" for place in range(len(numbers))],
            "passage": ["a passage"] * len(numbers),
            "label": pa.array(numbers, kind or pa.int64()),
        }
    )
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def labels_of(workspace, path, **tree):
    return [label for _, _, label in read(workspace, path, **tree)[1]]


def tsv(tmp_path: Path, *labels: str) -> str:
    lines = [f"question {place}\ta passage\t{label}" for place, label in enumerate(labels)]
    return write_tsv(tmp_path / "pairs.tsv", ["question\tpassage\tlabel", *lines])


@pytest.mark.parametrize(
    ("names", "classes", "expected"),
    [
        (["entailment", "not_entailment"], BINARY, [1, 0]),
        ({"0": "entailment", "1": "not_entailment"}, BINARY, [1, 0]),
        (["entailment", "neutral", "contradiction"], NLI, [2, 1]),
        (["Entails", "Neutral", "Contradicts"], NLI, [2, 1]),
        (["yes", "no"], ["not_relevant", "relevant"], [1, 0]),
        (["0", "1"], ["not_relevant", "relevant"], [0, 1]),  # names that say nothing: positions
        (["contradiction", "entailment"], NLI, [0, 2]),  # not all classes need to occur
    ],
)
@pytest.mark.parametrize("kind", [pa.int64(), pa.float32(), pa.decimal128(3, 0)])
def test_class_numbers_of_a_parquet_file_are_read_by_its_names(workspace, tmp_path, names, classes, expected, kind):
    path = named_numbers(tmp_path / "train.parquet", [0, 1], names, kind)
    assert labels_of(workspace, path, classes=classes) == expected


def test_minus_one_among_named_numbers_has_no_label_and_other_numbers_without_a_name_are_rejected(workspace, tmp_path):
    path = named_numbers(tmp_path / "train.parquet", [0, -1, 2, None], ["entailment", "not_entailment"])
    manifest, found = read(workspace, path, classes=[*BINARY, "other"])
    assert [label for _, _, label in found] == [1]
    assert manifest.rows("unlabeled") == 3
    assert rejected(workspace, "one") == [("train.parquet", 3, "label outside the classes")]


def test_names_that_do_not_fit_are_refused_and_a_map_makes_them_fit(workspace, tmp_path):
    path = named_numbers(tmp_path / "train.parquet", [0, 1, 2], ["good", "bad", "unsure"])
    message = (
        r"train\.parquet: column 'label' has the classes good, bad, unsure, but good and bad and unsure are not among "
        r'corpus\.classes: not_relevant, relevant; .*corpus\.labels: \{"good": CLASS, "bad": CLASS, "unsure": CLASS\}'
    )
    with pytest.raises(UserError, match=message):
        read(workspace, path)
    mapping = {"good": "relevant", "bad": "not_relevant", "unsure": None}
    assert labels_of(workspace, path, labels=mapping) == [1, 0]
    by_number = {"0": "relevant", "1": "not_relevant", "2": None}
    assert labels_of(workspace, path, labels=by_number) == [1, 0]


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["ENTAILMENT", "entail", "contradicts", "Neutral"], NLI, [2, 2, 0, 1]),
        (["c", "N", "E"], NLI, [0, 1, 2]),
        (["TRUE", "False", "yes", "no"], ["not_relevant", "relevant"], [1, 0, 1, 0]),
        (["TRUE", "FALSE"], ["relevant", "not_relevant"], [0, 1]),  # by name, not as 1 and 0
        (["true", "False"], ["different", "paraphrase"], [1, 0]),
        (["paraphrase", "not equivalent"], ["different", "paraphrase"], [1, 0]),
        (["1.0", "0"], ["not_relevant", "relevant"], [1, 0]),
    ],
)
def test_other_spellings_are_read(workspace, tmp_path, labels, classes, expected):
    assert labels_of(workspace, tsv(tmp_path, *labels), classes=classes) == expected


def test_a_map_comes_before_everything_else(workspace, tmp_path):
    path = tsv(tmp_path, "0", "1.0", "-1", "Relevant", "?")
    mapping = {"0": "relevant", "1": "not_relevant", "-1": "not_relevant", "relevant": "not_relevant", "?": None}
    manifest, found = read(workspace, path, labels=mapping)
    assert [label for _, _, label in found] == [1, 0, 0, 0]
    assert manifest.counts["rejected"] == {} and manifest.rows("unlabeled") == 5


def test_what_was_read_otherwise_is_reported_once(workspace, tmp_path, capsys):
    read(workspace, tsv(tmp_path, "entails", "entails", "CONTRADICTION"), classes=NLI)
    assert capsys.readouterr().err.count("labels read by other names: entails = entailment\n") == 1
    read(workspace, tsv(tmp_path, "1", "0"))
    assert "labels read as positions in corpus.classes: 0 = not_relevant, 1 = relevant" in capsys.readouterr().err
    read(workspace, tsv(tmp_path, "1", "0"), classes=NLI)
    assert "warning: labels are numbers, read as positions in corpus.classes" in capsys.readouterr().err
    read(workspace, tsv(tmp_path, "1", "relevant"))
    assert "warning: the label column holds class names and numbers, which are read as" in capsys.readouterr().err


def test_values_that_are_no_class_are_listed_with_the_map_that_would_help(workspace, tmp_path, capsys):
    read(workspace, tsv(tmp_path, "good", "good", "relevant"))
    expected = """labels that are none of corpus.classes (not_relevant, relevant): 'good' (2); if they are classes, \
corpus.labels: {"good": CLASS}"""
    assert expected in capsys.readouterr().err
    with pytest.raises(UserError, match=r"none of the 2 rows can be used: .*'good' \(1\), 'bad' \(1\); if they are cl"):
        read(workspace, tsv(tmp_path, "good", "bad"))


def test_a_negative_label_is_no_class_and_a_negative_grade_is_not_judged(workspace, tmp_path, capsys):
    _, found = read(workspace, tsv(tmp_path, "-1", "1"))
    assert [label for _, _, label in found] == [1]
    assert rejected(workspace, "one")[0][2] == "negative label (not judged? then name it in corpus.no_label)"
    path = tsv(tmp_path, "2", "0", "-1", "-2")
    manifest, found = read(workspace, path, {"grade": "label", "label": None})
    assert [label for _, _, label in found] == [1, 0]
    assert [row["grade"] for row in rows(workspace, manifest, "train")] == [2.0, 0.0]
    assert manifest.rows("unlabeled") == 4
    assert "2 rows with a grade below 0 count as not judged" in capsys.readouterr().err


def test_a_file_of_training_rows_without_any_label_says_so(workspace, tmp_path, capsys):
    path = write_tsv(tmp_path / "pairs.tsv", ["question\tpassage\tLabel", "q\tp\t1"])
    read(workspace, path, {"question": "question"})
    assert "train: no golden label; no column 'label' was found (corpus.columns.label: auto)" in capsys.readouterr().err
    read(workspace, path, {"label": None})
    read(workspace, path, {"label": "Label"})
    assert "no golden label" not in capsys.readouterr().err


def test_a_map_must_lead_to_classes_and_takes_what_yaml_reads_as_true():
    assert config_of(path="x.tsv", labels={True: "relevant", 0: None}).labels == {"true": "relevant", "0": None}
    with pytest.raises(
        UserError, match=r"labels\.good is 'relevent' \(did you mean 'relevant'\?\), but must be one of"
    ):
        config_of(path="x.tsv", labels={"good": "relevent"})
    with pytest.raises(UserError, match="labels is for golden classes"):
        config_of(labels={"good": "relevant"})


def test_fields_that_are_newer_than_a_corpus_change_its_identity_only_where_they_are_set(tmp_path):
    path = tsv(tmp_path, "1")
    assert "labels" not in config_of(path=path).identity()
    assert made_from(config_of(path=path)) != made_from(config_of(path=path, labels={"1": "relevant"}))
