"""A teacher's columns are stored by the names of its classes; what does not match is refused with the map to write."""

from __future__ import annotations

import json

import pytest

from tiny_teachers import bert_classifier
from tmkd.config import parse
from tmkd.errors import UserError
from tmkd.recipe.teacher import TeacherEntry
from tmkd.teachers.classes import last_is_negative, match_classes, named_classes
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class

NLI = ["contradiction", "neutral", "entailment"]
IR = ["not_relevant", "relevant"]


@pytest.mark.parametrize(
    ("names", "classes", "mapping", "order"),
    [
        (["entailment", "neutral", "contradiction"], NLI, None, [2, 1, 0]),
        (["entail", "neutral", "contradict"], NLI, None, [2, 1, 0]),
        (["C", "E", "N"], NLI, None, [0, 2, 1]),
        (["contradicts", "neutral", "entails"], NLI, None, [0, 1, 2]),
        (["yes", "no"], IR, None, [1, 0]),
        (["good", "bad"], IR, {"good": "relevant", "bad": "not_relevant"}, [1, 0]),
        (["good", "irrelevant"], IR, {"good": "relevant"}, [1, 0]),
        (["LABEL_0", "LABEL_1", "LABEL_2"], NLI,
         {"LABEL_0": "entailment", "LABEL_1": "neutral", "LABEL_2": "contradiction"}, [2, 1, 0]),
        (["ja", "ja"], IR, {"LABEL_0": "relevant", "label_1": "not_relevant"}, [1, 0]),
        (["relevant", "not_relevant"], IR, {"relevant": "not_relevant", "not_relevant": "relevant"}, [0, 1]),
    ],
)  # fmt: skip
def test_columns_are_ordered_by_name_or_by_the_map(names, classes, mapping, order) -> None:
    found = match_classes("t", len(names), names, classes, mapping)
    assert found.order == order and not found.by_position


def test_what_equal_spelling_and_position_give_is_plain_and_all_else_binds_what_is_learned() -> None:
    assert match_classes("t", 3, ["Entailment", "neutral", "contradiction"], NLI).is_plain
    assert match_classes("t", 2, ["no", "yes"], IR).is_plain
    assert not match_classes("t", 3, ["entail", "neutral", "contradict"], NLI).is_plain
    swapped = {"relevant": "not_relevant", "not_relevant": "relevant"}
    assert not match_classes("t", 2, ["relevant", "not_relevant"], IR, swapped).is_plain


def test_renamed_classes_are_reported() -> None:
    assert match_classes("t", 2, ["Relevant", "irrelevant"], IR).renamed == (("irrelevant", "not_relevant"),)


def test_a_single_logit_speaks_of_class_1() -> None:
    assert match_classes("t", 1, None, IR).order == [0]
    with pytest.raises(UserError, match="single logit, which has no classes to map"):
        match_classes("t", 1, None, IR, {"LABEL_0": "relevant"})
    assert last_is_negative(["relevant", "not_relevant"]) and last_is_negative(["yes", "no"])
    assert not last_is_negative(IR) and not last_is_negative(NLI) and not last_is_negative(["cat", "dog"])


def test_names_that_say_nothing_are_by_position_and_marked_so() -> None:
    for names in (["LABEL_0", "LABEL_1"], ["0", "1"], ["class 0", "class 1"]):
        found = match_classes("t", 2, names, IR)
        assert found.order == [0, 1] and found.by_position


@pytest.mark.parametrize(
    ("names", "classes", "suggested"),
    [
        (["entailment", "other"], ["not_entailment", "entailment"], "{entailment: entailment, other: not_entailment}"),
        (["good", "bad"], IR, "{good: not_relevant, bad: relevant}"),
        (["LABEL_0", "relevant"], IR, "{LABEL_0: not_relevant, relevant: relevant}"),
        (["ja", "ja"], IR, "{LABEL_0: not_relevant, LABEL_1: relevant}"),
    ],
)
def test_names_that_do_not_match_are_refused_with_a_map(names, classes, suggested) -> None:
    with pytest.raises(UserError) as refused:
        match_classes("t", 2, names, classes)
    said = str(refused.value)
    assert said.startswith("teachers.t.classes: ") and suggested in said
    assert ", ".join(names) in said and ", ".join(classes) in said


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"godo": "relevant"}, r"the model has no class 'godo' \(did you mean 'good'\?\); its classes are good, bad"),
        ({"good": "relevnt"}, r"'relevnt' is no class of the corpus \(did you mean 'relevant'\?\)"),
        ({"good": "relevant", "bad": "relevant"}, "do not match by name"),
    ],
)
def test_a_map_that_names_what_is_not_there_is_refused(mapping, message) -> None:
    with pytest.raises(UserError, match=message):
        match_classes("t", 2, ["good", "bad"], IR, mapping)


@pytest.mark.parametrize(
    ("id2label", "label2id", "columns", "names"),
    [
        ({0: "no", 1: "yes"}, {}, 2, ("no", "yes")),
        ({"1": "yes", "0": "no"}, {"no": 0, "yes": 1}, 2, ("no", "yes")),
        ({0: "relevant"}, {}, 1, None),
        ({0: "LABEL_0", 1: "LABEL_1"}, {}, 2, ("LABEL_0", "LABEL_1")),
        ({0: "LABEL_0", 1: "LABEL_1"}, {"yes": 0, "no": 1}, 2, ("yes", "no")),
        ({0: "LABEL_0", 1: "LABEL_1"}, {"yes": "0", "no": "1"}, 2, ("yes", "no")),
        ({0: "no", 1: "yes"}, {"LABEL_0": 0, "LABEL_1": 1}, 2, ("no", "yes")),
        ({0: "a", 2: "b"}, {}, 2, ("a", "LABEL_1")),
        ({0: "no", 1: "yes"}, {"yes": 0, "no": 1}, 2, ("LABEL_0", "LABEL_1")),  # which of the two is right?
        ({0: 0, 1: None}, {}, 2, ("0", "LABEL_1")),
        ({0: 1, 1: 0}, {"LABEL_0": 0, "LABEL_1": 1}, 2, ("1", "0")),
    ],
)
def test_names_come_from_wherever_the_config_has_them(id2label, label2id, columns, names) -> None:
    assert named_classes(id2label, columns, label2id) == names


def test_a_folder_that_names_its_classes_in_label2id_alone(tmp_path) -> None:
    """Transformers forgets that map, and calls them LABEL_0 and LABEL_1."""
    folder = bert_classifier(tmp_path / "m", num_labels=2)
    config = json.loads((folder / "config.json").read_text())
    config.pop("id2label", None)

    def describe(label2id):
        (folder / "config.json").write_text(json.dumps(config | {"label2id": label2id}))
        teacher = TeacherConfig(model=str(folder))
        return teacher_class("classifier").describe(teacher, folder, load_tokenizer(folder))

    assert describe({"yes": 0, "no": 1}).classes == ("yes", "no")
    with pytest.raises(UserError, match=r"names 3 classes in label2id, but .* 2 columns; add id2label"):
        describe({"entailment": 0, "neutral": 1, "contradiction": 2})


def test_a_map_is_for_classifiers_that_are_used_as_they_are() -> None:
    tree = {"model": "m", "classes": {"yes": "relevant"}}
    assert parse(TeacherEntry, tree, "recipe").classes == {"yes": "relevant"}
    assert parse(TeacherEntry, tree | {"classes": {0: "relevant"}}, "recipe").classes == {"0": "relevant"}
    with pytest.raises(UserError, match="only classifiers have classes"):
        parse(TeacherEntry, tree | {"kind": "bi_encoder"}, "recipe")
    with pytest.raises(UserError, match="only for a model that is used as it is"):
        parse(TeacherEntry, tree | {"train": {}}, "recipe")
