"""Class names meet by name: spellings, initials, yes and no, maps; what does not fit is no match."""

from __future__ import annotations

import pytest

from tmkd.corpus.class_names import is_generic, match_name, match_names

NLI = ["contradiction", "neutral", "entailment"]


@pytest.mark.parametrize(
    ("given", "classes", "order"),
    [
        (["entailment", "neutral", "contradiction"], NLI, (2, 1, 0)),
        (["ENTAILMENT", "Contradiction", "neutral"], NLI, (1, 2, 0)),
        (["entail", "neutral", "contradict"], NLI, (2, 1, 0)),
        (["contradicts", "neutral", "entails"], NLI, (0, 1, 2)),
        (["C", "E", "N"], NLI, (0, 2, 1)),
        (["yes", "no"], ["not_relevant", "relevant"], (1, 0)),
        (["True", "False"], ["no", "yes"], (1, 0)),
        (["relevant", "irrelevant"], ["not_relevant", "relevant"], (1, 0)),
        (["not entailment", "Entailment"], ["entailment", "not_entailment"], (1, 0)),
        (["equivalent", "not_equivalent"], ["not_paraphrase", "paraphrase"], (1, 0)),
    ],
)
def test_names_are_brought_into_the_corpus_order(given, classes, order):
    match = match_names(given, classes)
    assert match is not None
    assert match.order == order


@pytest.mark.parametrize(
    ("given", "classes"),
    [
        (["LABEL_0", "LABEL_1", "LABEL_2"], NLI),
        (["equal", "near", "clash"], NLI),  # no initials: only single letters are
        (["entailment", "other"], ["not_entailment", "entailment"]),
        (["yes", "no"], ["contradiction", "entailment"]),
        (["entailment", "neutral"], NLI),
        (["good", "bad"], ["not_relevant", "relevant"]),
    ],
)
def test_names_that_do_not_fit_are_no_match(given, classes):
    assert match_names(given, classes) is None


def test_a_map_overrides_and_is_reported():
    match = match_names(["good", "bad"], ["not_relevant", "relevant"], {"good": "relevant", "bad": "not_relevant"})
    assert match is not None
    assert match.order == (1, 0)
    assert match.renamed == (("bad", "not_relevant"), ("good", "relevant"))
    swapped = match_names(["relevant", "not_relevant"], ["not_relevant", "relevant"],
                          {"relevant": "not_relevant", "not_relevant": "relevant"})  # fmt: skip
    assert swapped is not None
    assert swapped.order == (0, 1)


def test_letter_case_alone_is_not_reported():
    match = match_names(["Relevant", "not_relevant"], ["not_relevant", "relevant"])
    assert match is not None
    assert match.renamed == ()


def test_generic_names():
    assert is_generic(["LABEL_0", "LABEL_1"])
    assert is_generic(["0", "1"])
    assert not is_generic(["LABEL_0", "relevant"])


@pytest.mark.parametrize(
    ("name", "classes", "place"),
    [
        ("ENTAILS", NLI, 2),
        ("contradictory", NLI, 0),
        ("n", NLI, 1),
        ("not enough info", NLI, 1),
        ("TRUE", ["not_relevant", "relevant"], 1),
        ("n", ["not_relevant", "relevant"], 0),
        ("y", ["entailment", "not_entailment"], 0),
        ("yes", NLI, None),
        ("n", ["neutral", "negative"], None),  # the initial of both
        ("equivalent", ["different", "paraphrase"], 1),
        ("", NLI, None),
        ("-", NLI, None),
    ],
)
def test_one_name_is_read_alone_where_it_fits_one_class(name, classes, place):
    assert match_name(name, classes) == place
