"""The reasoning chain as a prompt (Figure 3), and the reasoning in a reply."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..corpus.names import readable_name
from ..errors import Errors, LownerError
from ..llm.cleaning import clean_text, is_blank
from ..llm.json_reader import read_json_values
from ..llm.messages import Reply, Request
from ..llm.templates import render

# Letters of a part of a reasoning at most; a longer one is not read.
MAX_LENGTH = 20_000


class Example(NamedTuple):
    """A text with its reasoning, to learn from in context: by coarse types, for the fine types, and against those they are
    taken for.
    """

    text: str
    initial: str
    forward: str
    backward: str


@dataclass
class ReasoningChain:
    """The five steps for a set of types.

    types (Dict[str, str]): What the fine types mean. sources (Dict[str, str]): What the coarse types mean.
    prefixes (Dict[str, Optional[str]]): The coarse type of each fine one. confused (Dict[str, Optional[str]]): The type that each
        fine one is most easily taken for.
    examples (List[Example]): For learning in context.
    initial (bool): Whether to reason by coarse types first. backward (bool): Whether to reason against the type that each is taken
        for. Without both, the forward reasoning is left (Table 2).
    """

    types: Dict[str, str]
    sources: Dict[str, str]
    prefixes: Dict[str, Optional[str]]
    confused: Dict[str, Optional[str]]
    examples: List[Example] = field(default_factory=list)
    initial: bool = True
    backward: bool = True

    @classmethod
    def from_confusion(
        cls, confusion: Mapping[str, Any], descriptions: Optional[Mapping[str, str]] = None, **settings: Any
    ) -> "ReasoningChain":
        """Set up the chain from what `spacy lowner confusion` wrote.

        confusion (Mapping[str, Any]): Its JSON. descriptions (Optional[Mapping[str, str]]): What types mean, in place of its words.
        settings (Any): The other fields.
        RETURNS (ReasoningChain): The chain. RAISES (LownerError): If the JSON is of something else.
        """
        lists = ("types", "sources", "prefixes", "most_confused")
        missing = [key for key in lists if not isinstance(confusion.get(key), list)]
        missing += [key for key in lists[2:] if not missing and len(confusion[key]) != len(confusion["types"])]
        if missing:
            raise LownerError(Errors.LN092.format(reason=f"it lacks {', '.join(missing)}, as whole lists"))
        if not all(isinstance(name, str) for key in lists[:2] for name in confusion[key]):
            raise LownerError(Errors.LN092.format(reason="a type is no text"))
        for key, known in (("prefixes", "sources"), ("most_confused", "types")):
            unknown = [name for name in confusion[key] if name is not None and name not in confusion[known]]
            if unknown:
                raise LownerError(
                    Errors.LN092.format(reason=f"{key} has {unknown[0]!r}, which is not among its {known}")
                )
        meanings = {**(confusion.get("descriptions") or {}), **(descriptions or {})}
        coarse = {**(confusion.get("source_descriptions") or {}), **(descriptions or {})}
        types, sources = confusion["types"], confusion["sources"]
        return cls(
            types={name: meanings.get(name, readable_name(name)) for name in types},
            sources={name: coarse.get(name, readable_name(name)) for name in sources},
            prefixes=dict(zip(types, confusion["prefixes"])),
            confused=dict(zip(types, confusion["most_confused"])),
            **settings,
        )

    @property
    def parts(self) -> List[str]:
        """RETURNS (List[str]): What a reply has: "initial" and "bidirectional", or the latter alone."""
        return (["initial"] if self._by_coarse_types else []) + ["bidirectional"]

    @property
    def _by_coarse_types(self) -> bool:
        return self.initial and bool(self.sources)

    def request(self, text: str) -> Request:
        """RETURNS (Request): The prompt for a text. An example that is that text would give its answer away, and is left out."""
        prompt = render(
            __package__,
            "pbrc",
            "en",
            text=text,
            types=self.types,
            sources=self.sources,
            prefixes=self.prefixes,
            confused=self.confused,
            initial=self._by_coarse_types,
            backward=self.backward,
            examples=[{"text": one.text, "answer": self._answer(one)} for one in self.examples if one.text != text],
            shape=json.dumps({part: "…" for part in self.parts}, ensure_ascii=False),
        )
        properties = {part: {"type": "string"} for part in self.parts}
        schema = {"type": "object", "properties": properties, "required": self.parts, "additionalProperties": False}
        return Request.of(prompt, schema=schema)

    def read(self, reply: Reply) -> Optional[Dict[str, str]]:
        """RETURNS (Optional[Dict[str, str]]): The reasoning in a reply by part; None if there is none that can be read. Of a reply that was
        cut at the limit of tokens the last part is not taken.
        """
        if reply.error is not None:
            return None
        values = [
            inner for value in read_json_values(reply.text) for inner in (value if isinstance(value, list) else [value])
        ]
        said = next(
            (value for value in values if isinstance(value, dict) and not value.keys().isdisjoint(self.parts)), {}
        )
        if reply.truncated and said:
            said.popitem()
        texts = {part: said.get(part) for part in self.parts}
        texts = {part: " ".join(text) if _are_texts(text) else text for part, text in texts.items()}
        return {part: " ".join(clean_text(text).split()) for part, text in texts.items() if _is_reasoning(text)} or None

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): JSON-ready."""
        return {**asdict(self), "examples": [example._asdict() for example in self.examples]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ReasoningChain":
        """RETURNS (ReasoningChain): The inverse of `as_dict`."""
        return cls(**{**data, "examples": [Example(**example) for example in data["examples"]]})

    def _answer(self, example: Example) -> str:
        reasoning = f"{example.forward} {example.backward}" if self.backward and example.backward else example.forward
        said = {"initial": example.initial, "bidirectional": reasoning}
        return json.dumps({part: said[part] for part in self.parts}, ensure_ascii=False)


def _is_reasoning(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= MAX_LENGTH and not is_blank(text)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def check_examples(records: Sequence[Mapping[str, str]], where: str) -> List[Example]:
    """RETURNS (List[Example]): From JSON. RAISES (LownerError): If one lacks a part, or has one that is no text."""
    for number, record in enumerate(records, start=1):
        whole = isinstance(record, Mapping) and set(record) == set(Example._fields)
        if not whole or not all(isinstance(text, str) for text in record.values()):
            raise LownerError(Errors.LN093.format(path=where, number=number, fields=", ".join(Example._fields)))
    return [Example(**record) for record in records]
