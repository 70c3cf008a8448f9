"""YAML nodes and typed words as the values that the fields of a config take."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tmkd.errors import shortened
from tmkd.values import Types, below, core, is_group, items, meaning
from tmkd.yaml_nodes import MAX_DEPTH, PLAIN, YamlError, compose

MAX_NODES = 20_000
"""Values of one document, what aliases repeat included."""
MERGE = "<<"
_STANDARD = "tag:yaml.org,2002:"
_TAGS: dict[str, Any] = {f"{_STANDARD}{name}": kind for name, kind in
         {"int": int, "float": (int, float), "bool": bool, "null": type(None)}.items()}  # fmt: skip


def typed(text: str, kinds: Types) -> Any:
    """Return what a value on the command line means for a field of these types.

    A text in YAML quotes is what the quotes hold: ``'"null"'`` is a word, and ``'"7"'`` a name.

    Raises:
        YamlError: a list or mapping that is not valid YAML.
    """
    if (quoted := _unquoted(text)) is not None:
        return quoted
    if kinds and not any(map(is_group, kinds)):
        return meaning(text if str in kinds else text.strip(), kinds)
    if str in kinds and not text.startswith("["):
        return meaning(text, kinds)
    try:
        node = compose(text)
    except YamlError:
        if kinds and str not in kinds:
            raise
        return text  # a name such as "[a].tsv", or of a field that is not there
    return text if str in kinds and not isinstance(node, SequenceNode) else build(node, kinds)


def build(node: Node | None, kinds: Types) -> Any:
    """Return what a YAML document means for a field of these types.

    Raises:
        YamlError: naming the line of a key that is given twice, a node that holds itself, an unknown tag, or what is
            nested too deeply or repeated too often.
    """
    return None if node is None else _Builder().value(node, kinds, ())


def _unquoted(text: str) -> str | None:
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return None
    try:
        node = compose(text)
    except YamlError:
        return None
    return str(node.value) if isinstance(node, ScalarNode) and node.style == text[0] else None


class _Builder:
    """Builds one document and counts what it has built."""

    def __init__(self) -> None:
        self._built = 0

    def value(self, node: Node, kinds: Types, inside: tuple[Node, ...]) -> Any:
        self._built += 1
        if self._built > MAX_NODES:
            raise _fault(node, f"more than {MAX_NODES:,} values, aliases included")
        if any(node is outer for outer in inside):
            raise _fault(node, f"*{node.anchor} is inside of what it names")
        if len(inside) >= MAX_DEPTH:
            raise _fault(node, f"nested more than {MAX_DEPTH} deep")
        if isinstance(node, ScalarNode):
            return _scalar(node, kinds)
        if str(node.tag) not in (f"{_STANDARD}seq", f"{_STANDARD}map"):
            raise _unknown_tag(node)
        inside = (*inside, node)
        if isinstance(node, SequenceNode):
            return [self.value(child, items(kinds), inside) for child in node.value]
        return self._mapping(node, kinds, inside)

    def _mapping(self, node: Node, kinds: Types, inside: tuple[Node, ...]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        seen: set[str] = set()
        for key_node, child in node.value:
            key = _key(key_node)
            if key in seen:
                raise _fault(key_node, f"the key {_brief(key)} is given already; names must differ")
            seen.add(key)
            if key == MERGE and key_node.style is None:
                merged = self._merge(child, kinds, inside)
            else:
                own[key] = self.value(child, below(kinds, key), inside)
        return {**merged, **own}

    def _merge(self, node: Node, kinds: Types, inside: tuple[Node, ...]) -> dict[str, Any]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Any] = {}
        for source in reversed(sources):  # the first one wins
            if not isinstance(source, MappingNode):
                raise _fault(node, f"{MERGE} takes mappings")
            found |= self.value(source, kinds, inside)
        return found


def _key(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        raise _fault(node, "a list or mapping cannot be a key")
    return str(node.value)


def _scalar(node: Node, kinds: Types) -> Any:
    text, tag = str(node.value), str(node.tag)
    if tag == PLAIN:
        return meaning(text, kinds)
    if tag == f"{_STANDARD}str":
        return text
    if tag not in _TAGS:
        raise _unknown_tag(node)
    value = core(text)
    if not isinstance(value, _TAGS[tag]) or (isinstance(value, bool) and _TAGS[tag] is not bool):
        raise _fault(node, f"{_brief(text)} is no !!{tag.removeprefix(_STANDARD)}")
    return value


def _unknown_tag(node: Node) -> YamlError:
    return _fault(node, f"the tag {_brief(str(node.tag))} has no place in a recipe; quotes make text of a value")


def _fault(node: Node, problem: str) -> YamlError:
    return YamlError(f"line {node.start_mark.line + 1}: {problem}")


def _brief(text: str) -> str:
    return shortened(repr(text), 120)
