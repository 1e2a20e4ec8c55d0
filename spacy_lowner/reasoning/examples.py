"""Examples for learning in context: written by hand, or made of annotated sentences."""

from contextlib import nullcontext
from importlib.resources import as_file, files
from pathlib import Path
from typing import Iterable, List, Set

from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.docs import entity_spans
from ..corpus.files import read_json_file
from ..corpus.names import readable_name
from .chain import Example, ReasoningChain, check_examples

# Written by hand, for the types of CrossNER's domain of that name.
SHIPPED = ("ai",)
COUNT = 10


def load_examples(name: str) -> List[Example]:
    """Load examples.

    name (str): "ai" for those that ship, or a JSON file: a list of {"text", "initial", "forward", "backward"}.
    RETURNS (List[Example]): The examples. RAISES (LownerError): If there are none, or one lacks a part.
    """
    shipped = files("spacy_lowner.assets") / f"reasoning_{name}.json"
    with as_file(shipped) if name in SHIPPED else nullcontext(Path(name)) as path:
        return check_examples(read_json_file(path, list, "a JSON list of examples"), name)


def examples_from(
    docs: Iterable[Doc], chain: ReasoningChain, spans_key: str = SPANS_KEY, count: int = COUNT
) -> List[Example]:
    """Make examples of annotated Docs, those first that bring most types that no earlier one has.

    docs (Iterable[Doc]): With gold entities. chain (ReasoningChain): Of their types. spans_key (str): Of the entities.
    count (int): Examples to make at most.
    RETURNS (List[Example]): The examples.
    """
    rest = [(doc, [span for span in entity_spans(doc, spans_key) if span.label_ in chain.types]) for doc in docs]
    rest = [(doc, spans) for doc, spans in rest if spans]
    chosen: List[Example] = []
    seen: Set[str] = set()
    while rest and len(chosen) < count:
        place = max(range(len(rest)), key=lambda i: (len(_types(rest[i][1]) - seen), -i))
        doc, spans = rest.pop(place)
        seen |= _types(spans)
        chosen.append(_example(doc, spans, chain))
    return chosen


def _types(spans: list) -> Set[str]:
    return {span.label_ for span in spans}


def _example(doc: Doc, spans: list, chain: ReasoningChain) -> Example:
    coarse, forward, backward = [], [], []
    for span in dict.fromkeys((span.text, span.label_) for span in spans):
        text, label = span
        prefix, other = chain.prefixes.get(label), chain.confused.get(label)
        if prefix:
            coarse.append(f"{text} is {prefix}: {chain.sources[prefix]}.")
        forward.append(f"{text} is of the type {readable_name(label)}: {chain.types[label]}.")
        if other:
            backward.append(f"{text} is not of the type {readable_name(other)}: {chain.types[other]}.")
    return Example(doc.text, " ".join(coarse), " ".join(forward), " ".join(backward))
