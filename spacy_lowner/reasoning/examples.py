"""Examples for learning in context: written by hand, or made of annotated sentences."""

from contextlib import nullcontext
from importlib.resources import as_file, files
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Set, Tuple

from spacy.tokens import Doc, Span

from ..annotations import SPANS_KEY
from ..corpus.docs import entity_spans
from ..corpus.files import read_json_file
from ..corpus.names import readable_name
from .chain import Example, ReasoningChain, check_examples

# Packaged examples, written by hand for the types of the CrossNER domains of these names.
PACKAGED = ("ai", "literature", "music", "politics", "science")
# The largest number of examples that are made.
MAX_EXAMPLES = 10
# Words before and after an entity that a made example quotes as its reason.
CONTEXT = 4


def load_examples(name: str) -> List[Example]:
    """Load examples.

    name (str): A domain of CrossNER ("ai", "literature", "music", "politics" or "science") for the packaged ones, or a
        JSON file: a list of {"text", "initial", "forward", "backward"}.
    RETURNS (List[Example]): The examples.
    RAISES (LownerError): If there is no such file, or an example is incomplete.

    >>> len(load_examples("ai"))
    10
    """
    packaged = files("spacy_lowner.assets") / f"reasoning_{name}.json"
    with as_file(packaged) if name in PACKAGED else nullcontext(Path(name)) as path:
        return check_examples(read_json_file(path, list, "a JSON list of examples"), name)


def examples_from(
    docs: Iterable[Doc], chain: ReasoningChain, spans_key: str = SPANS_KEY, max_examples: int = MAX_EXAMPLES
) -> List[Example]:
    """Make examples of annotated Docs. The Doc with the most new types is used first.

    docs (Iterable[Doc]): Docs with gold entities.
    chain (ReasoningChain): The chain, whose types the entities have. Other entities are ignored.
    spans_key (str): The key of the entities.
    max_examples (int): The largest number of examples.
    RETURNS (List[Example]): The examples.

    >>> import spacy
    >>> from spacy.tokens import Span
    >>> doc = spacy.blank("en")("Hurt")
    >>> doc.spans["sc"] = [Span(doc, 0, 1, "song")]
    >>> chain = ReasoningChain({"song": "a piece of music"}, {}, {"song": None}, {"song": None})
    >>> examples_from([doc], chain)[0].forward
    'Hurt is of the type song, because it is a piece of music in "Hurt".'
    """
    known = [(doc, [span for span in entity_spans(doc, spans_key) if span.label_ in chain.types]) for doc in docs]
    remaining = [(doc, spans) for doc, spans in known if spans]
    examples: List[Example] = []
    covered: Set[str] = set()
    while remaining and len(examples) < max_examples:
        # Of Docs with equally many new types, the first is used.
        best = max(range(len(remaining)), key=lambda i: (len(_types(remaining[i][1]) - covered), -i))
        doc, spans = remaining.pop(best)
        covered |= _types(spans)
        examples.append(_example(doc, spans, chain))
    return examples


def _types(spans: Sequence[Span]) -> Set[str]:
    return {span.label_ for span in spans}


def _example(doc: Doc, spans: Sequence[Span], chain: ReasoningChain) -> Example:
    coarse, forward, backward = [], [], []
    # Of mentions with the same text and type, the first is quoted.
    first: Dict[Tuple[str, str], Span] = {}
    for span in spans:
        first.setdefault((span.text, span.label_), span)
    for (text, label), span in first.items():
        prefix, other = chain.prefixes.get(label), chain.most_confused.get(label)
        context = doc[max(0, span.start - CONTEXT) : span.end + CONTEXT].text
        if prefix:
            coarse.append(f"{text} is {prefix}: {chain.sources[prefix]}.")
        forward.append(
            f'{text} is of the type {readable_name(label)}, because it is {chain.types[label]} in "{context}".'
        )
        if other:
            backward.append(
                f"{text} is not of the type {readable_name(other)}, because it is not {chain.types[other]}."
            )
    return Example(doc.text, " ".join(coarse), " ".join(forward), " ".join(backward))
