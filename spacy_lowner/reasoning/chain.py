"""Writes the prompt of the reasoning chain (Figure 3 of PBRC), and reads the reasoning in a reply."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..corpus.names import readable_name
from ..errors import Errors, LownerError
from ..llm.cleaning import clean_text, is_blank
from ..llm.json_reader import read_json_values
from ..llm.messages import Reply, Request
from ..llm.templates import render

# The largest number of characters of a field of the reasoning. Longer ones are ignored.
MAX_LENGTH = 20_000


class Example(NamedTuple):
    """A text with its reasoning, for learning in context.

    text (str): The text.
    initial (str): Reasoning by coarse types.
    forward (str): Reasons for the fine types.
    backward (str): Reasons against the types with which these are confused.

    >>> Example("Ann sang", "Ann is a person.", "Ann is a singer: she sang.", "Ann is no song.").initial
    'Ann is a person.'
    """

    text: str
    initial: str
    forward: str
    backward: str


@dataclass
class ReasoningChain:
    """The five steps of the prompt for a set of types.

    types (Dict[str, str]): Descriptions of the fine types.
    sources (Dict[str, str]): Descriptions of the coarse types.
    prefixes (Dict[str, Optional[str]]): The coarse type of each fine type.
    most_confused (Dict[str, Optional[str]]): The type with which each fine type is confused most.
    examples (List[Example]): Examples for learning in context.
    initial (bool): Whether to reason by coarse types first.
    backward (bool): Whether to reason against the most confused type. Without both, there is only forward reasoning
        (Table 2).

    >>> types = {"singer": "a person who sings", "song": "a piece of music"}
    >>> chain = ReasoningChain(types, {}, {"singer": None, "song": None}, {"singer": "song", "song": "singer"})
    >>> chain.read(Reply('{"bidirectional": "Ann is a singer."}'))
    {'bidirectional': 'Ann is a singer.'}
    """

    types: Dict[str, str]
    sources: Dict[str, str]
    prefixes: Dict[str, Optional[str]]
    most_confused: Dict[str, Optional[str]]
    examples: List[Example] = field(default_factory=list)
    initial: bool = True
    backward: bool = True

    @classmethod
    def from_confusion(
        cls, confusion: Mapping[str, Any], descriptions: Optional[Mapping[str, str]] = None, **settings: Any
    ) -> "ReasoningChain":
        """Create the chain from the output of `spacy lowner confusion`.

        confusion (Mapping[str, Any]): The JSON of the output.
        descriptions (Optional[Mapping[str, str]]): Descriptions of types, which replace those of the output.
        settings (Any): The fields `examples`, `initial` and `backward`.
        RETURNS (ReasoningChain): The chain.
        RAISES (LownerError): If the JSON is no such output.

        >>> confusion = {"types": ["song"], "sources": ["MISC"], "prefixes": ["MISC"], "most_confused": [None]}
        >>> ReasoningChain.from_confusion(confusion).prefixes
        {'song': 'MISC'}
        """
        lists = ("types", "sources", "prefixes", "most_confused")
        missing = [key for key in lists if not isinstance(confusion.get(key), list)]
        missing += [key for key in lists[2:] if not missing and len(confusion[key]) != len(confusion["types"])]
        if missing:
            raise LownerError(Errors.LN092.format(reason=f"it lacks {', '.join(missing)}, as complete lists"))
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
            most_confused=dict(zip(types, confusion["most_confused"])),
            **settings,
        )

    @property
    def fields(self) -> List[str]:
        """RETURNS (List[str]): The fields of a reply: "initial" and "bidirectional", or only the latter."""
        return (["initial"] if self._by_coarse_types else []) + ["bidirectional"]

    @property
    def _by_coarse_types(self) -> bool:
        return self.initial and bool(self.sources)

    def request(self, text: str) -> Request:
        """Write the prompt for a text.

        text (str): The text. An example with the same text is skipped, because it contains the answer.
        RETURNS (Request): The request.

        >>> chain = ReasoningChain({"song": "a piece of music"}, {}, {"song": None}, {"song": None})
        >>> chain.request("Ann sang Hurt").messages[0][1].splitlines()[-2:]
        ['Text: Ann sang Hurt', 'Answer:']
        """
        prompt = render(
            __package__,
            "pbrc",
            "en",
            text=text,
            types=self.types,
            sources=self.sources,
            prefixes=self.prefixes,
            confused=self.most_confused,
            initial=self._by_coarse_types,
            backward=self.backward,
            examples=[
                {"text": example.text, "answer": self._answer(example)}
                for example in self.examples
                if example.text != text
            ],
            shape=json.dumps({name: "…" for name in self.fields}, ensure_ascii=False),
        )
        properties = {name: {"type": "string"} for name in self.fields}
        schema = {"type": "object", "properties": properties, "required": self.fields, "additionalProperties": False}
        return Request.of(prompt, schema=schema)

    def read(self, reply: Reply) -> Optional[Dict[str, str]]:
        """Read the reasoning in a reply.

        reply (Reply): The reply. If it was cut at the limit of tokens, its last field is ignored.
        RETURNS (Optional[Dict[str, str]]): The reasoning by field. None if there is none.
        """
        if reply.error is not None:
            return None
        values = [
            inner for value in read_json_values(reply.text) for inner in (value if isinstance(value, list) else [value])
        ]
        answer = next(
            (value for value in values if isinstance(value, dict) and not value.keys().isdisjoint(self.fields)), {}
        )
        if reply.truncated and answer:
            answer.popitem()
        texts: Dict[str, Any] = {name: answer.get(name) for name in self.fields}
        # Some models write a list of sentences.
        texts = {name: " ".join(text) if _are_texts(text) else text for name, text in texts.items()}
        return {name: " ".join(clean_text(text).split()) for name, text in texts.items() if _is_reasoning(text)} or None

    def as_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The chain as JSON."""
        return {**asdict(self), "examples": [example._asdict() for example in self.examples]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ReasoningChain":
        """Create the chain from the JSON of `as_dict`.

        data (Mapping[str, Any]): The JSON.
        RETURNS (ReasoningChain): The chain.

        >>> chain = ReasoningChain({"song": "a piece"}, {}, {"song": None}, {"song": None})
        >>> ReasoningChain.from_dict(chain.as_dict()) == chain
        True
        """
        return cls(**{**data, "examples": [Example(**example) for example in data["examples"]]})

    def _answer(self, example: Example) -> str:
        reasoning = f"{example.forward} {example.backward}" if self.backward and example.backward else example.forward
        answer = {"initial": example.initial, "bidirectional": reasoning}
        return json.dumps({name: answer[name] for name in self.fields}, ensure_ascii=False)


def _is_reasoning(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= MAX_LENGTH and not is_blank(text)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def check_examples(records: Sequence[Mapping[str, str]], where: str) -> List[Example]:
    """Read examples from JSON.

    records (Sequence[Mapping[str, str]]): Objects of the fields of `Example`.
    where (str): The file or setting, for messages.
    RETURNS (List[Example]): The examples.
    RAISES (LownerError): If a field of an example is missing, unknown, or not a text.

    >>> record = {"text": "Ann sang", "initial": "", "forward": "Ann is a singer.", "backward": ""}
    >>> check_examples([record], "examples.json")[0].text
    'Ann sang'
    """
    for number, record in enumerate(records, start=1):
        is_complete = isinstance(record, Mapping) and set(record) == set(Example._fields)
        if not is_complete or not all(isinstance(text, str) for text in record.values()):
            raise LownerError(Errors.LN093.format(path=where, number=number, fields=", ".join(Example._fields)))
    return [Example(**record) for record in records]
