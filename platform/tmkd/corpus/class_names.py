"""Class names of files, data sets and models, matched with a corpus's classes by name, never by position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GENERIC = re.compile(r"(label|class)?[ _-]*\d+", re.IGNORECASE)
"""Names that say nothing: LABEL_0, class 1, 2."""

ALIASES: tuple[frozenset[str], ...] = (
    frozenset({"entailment", "entail", "entailed", "entailing", "entailments", "support", "supported"}),
    frozenset({"contradiction", "contradict", "contradicted", "contradictory", "contradicting", "refute", "refuted"}),
    frozenset({"neutral", "neutrality", "not_enough_info"}),
    frozenset({"not_entailment", "non_entailment", "not_entail", "not_entailed", "no_entailment"}),
    frozenset({"relevant", "relevance"}),
    frozenset({"not_relevant", "irrelevant", "non_relevant", "nonrelevant", "no_relevance"}),
    frozenset({"paraphrase", "paraphrased", "duplicate", "equivalent", "semantically_equivalent"}),
    frozenset({"not_paraphrase", "non_paraphrase", "not_duplicate", "not_equivalent", "non_equivalent", "different"}),
)
"""Spellings of one class each, normalised as by `normalised`."""

YES = frozenset({"yes", "true", "positive", "pos", "y", "t"})
NO = frozenset({"no", "false", "negative", "neg", "n", "f"})
NEGATIONS = ("not_", "non_", "no_", "non", "un", "ir")


@dataclass(frozen=True)
class NameMatch:
    """Given class names in a corpus's order.

    Attributes:
        order: for each corpus class the position of its name among the given ones.
        renamed: (given name, corpus class) of the pairs that are not spelled alike, letter case apart.
    """

    order: tuple[int, ...]
    renamed: tuple[tuple[str, str], ...]


def is_generic(names: Sequence[str]) -> bool:
    """Return whether no name says anything about its class (``LABEL_0``, ``1``)."""
    return all(GENERIC.fullmatch(name.strip()) for name in names)


def match_names(
    given: Sequence[str], classes: Sequence[str], mapping: Mapping[str, str] | None = None
) -> NameMatch | None:
    """Match given class names with a corpus's classes; None if they are not the same set.

    Names match if they are equal after `normalised`, if the mapping says so, as spellings of one class (`ALIASES`,
    plurals), as single letters that are the classes' initials, or as yes and no where one of the corpus's two classes
    negates the other.

    Args:
        given: names of a file's, data set's or model's classes, in its own order.
        classes: the corpus's classes, in order.
        mapping: given name -> corpus class, where the user has said so; overrides everything else.
    """
    wanted = [normalised(name) for name in classes]
    found = [normalised(name) for name in _mapped(given, mapping or {})]
    for ours, theirs in (
        (wanted, found),
        (list(map(_canonical, wanted)), list(map(_canonical, found))),
        ([name[:1] for name in wanted], found),
        (_polarity(wanted), [_yes_or_no(name) for name in found]),
    ):
        if len(set(ours)) == len(ours) and sorted(ours) == sorted(theirs):
            order = tuple(theirs.index(name) for name in ours)
            return NameMatch(order, _renamed(given, classes, order))
    return None


def match_name(name: str, classes: Sequence[str]) -> int | None:
    """Return the position of the one class that a single name fits, by the rules of `match_names`; else None.

    A name that fits several classes, such as an initial that two of them share, fits none.
    """
    plain = normalised(name)
    wanted = [normalised(known) for known in classes]
    for ours, given in ((wanted, plain), (list(map(_canonical, wanted)), _canonical(plain))):
        if given and ours.count(given) == 1:
            return ours.index(given)
    initials, polar = [known[:1] for known in wanted], _polarity(wanted)
    if initials.count(plain) > 1:
        return None
    fits = {initials.index(plain)} if plain and plain in initials else set()
    answer = _yes_or_no(plain)
    if {"yes", "no"} <= set(polar) and polar.count(answer) == 1:
        fits.add(polar.index(answer))
    return fits.pop() if len(fits) == 1 else None


def normalised(name: str) -> str:
    """Return a name in lower case, with one underscore for whatever is no letter or digit."""
    return re.sub(r"[\W_]+", "_", name.strip().casefold()).strip("_")


def _mapped(given: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    by_name = {normalised(name): target for name, target in mapping.items()}
    return [by_name.get(normalised(name), name) for name in given]


def _renamed(given: Sequence[str], classes: Sequence[str], order: Sequence[int]) -> tuple[tuple[str, str], ...]:
    pairs = [(given[place], name) for place, name in zip(order, classes, strict=True)]
    return tuple((theirs, ours) for theirs, ours in pairs if theirs.casefold() != ours.casefold())


def _canonical(name: str) -> str:
    """Return one spelling for all spellings of a class, else the name without a plural's s."""
    singular = name.removesuffix("s")
    for spellings in ALIASES:
        if name in spellings or singular in spellings:
            return min(spellings)
    return singular


def _polarity(classes: Sequence[str]) -> list[str]:
    """Return yes and no for two classes of which one negates the other, else the names."""
    if len(classes) == 2:
        for no, yes in (classes, classes[::-1]):
            if any(no == f"{prefix}{yes}" for prefix in NEGATIONS):
                return ["no" if name == no else "yes" for name in classes]
    return [_yes_or_no(name) for name in classes]


def _yes_or_no(name: str) -> str:
    return "yes" if name in YES else "no" if name in NO else name
