"""Types from the definitions of an English encyclopaedia: thousands of them, where labelled corpora have hundreds.

A paragraph that starts with "Aspirin is a medicine that …" says that Aspirin is a medicine. So, wherever the text names
Aspirin, the name is an entity whose type has the description "medicine". Nobody has annotated these sentences, so other
spans are neither entities nor negatives.
"""

import random
import re
from collections import Counter, defaultdict
from typing import DefaultDict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..corpus.sentence import LabeledSpan, Sentence
from .corpora import TypedCorpus

# Name of the corpus.
NAME = "definitions"
# A sentence is used if it has this many words.
WORDS = range(5, 51)
# Longest name, in words.
LONGEST_NAME = 5
# Each name and each type is used this often at most, so that frequent ones do not drown the others.
NAME_LIMIT, TYPE_LIMIT = 6, 60
# The fraction of definitions that are used as sentences themselves. There the type can be read, so most are skipped.
KEPT_DEFINITIONS = 0.15

_WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"])")
# What follows the noun phrase of a definition.
_AFTER = (
    r"(?=[.,;(]|$| (?:of|who|which|that|from|in|on|by|where|made|with|to|at|and|or|for|used|based|located|written"
    r"|directed|released|near|whose|born|known|called|spoken|found|given|starting|played|as)\b)"
)
_KIND_OF = r"(?:type|kind|form|style|species|genus|piece|brand) of (?:a |an |the )?"
_DEFINITION = re.compile(
    r"^(?:The |A |An )?(?P<name>[A-Z][^.,:;()\"]{1,60}?)(?: \([^)]{0,150}\))?(?:, [^.]{0,80}?,)? "
    r"(?:is|was|are|were) (?:also )?(?:a|an|the|one of the) "
    rf"(?:{_KIND_OF})?(?P<type>(?:(?:family|group|member|series|branch|city|town|capital) of (?:a |an |the )?)?"
    rf"(?:(?!of\b)[\w'-]+ ){{0,5}}?(?!of\b)[\w'-]+){_AFTER}"
)
# Sentences that start with these words are about something that was named before.
_NOT_A_NAME = re.compile(
    r"^(?:It|He|She|They|We|You|I|This|That|These|Those|There|Here|What|Its|His|Her|Their|People|Some|Most|Many|All"
    r"|Both|Each|Every|Other|Another|One|Two|Three|Four|First|Second|In|On|At|By|From|To|With|For|Of|As|If|Like|When"
    r"|After|Before|Since|During|While|Although|Because|Among|Amongst|Today|Also|Not|No|So|But|And|Or|The|An?)\b"
)
# Nouns that say nothing about the type.
_VAGUE = frozenset(
    "type kind name part way form term word place piece set thing time idea first last result number member family "
    "group one amount study process person series state unit act son daughter wife husband father mother brother "
    "sister end most largest biggest start center centre rest use head collection same main only two three four".split()
)


class Definition(NamedTuple):
    """What a sentence says about a name.

    name (str): The name.
    type (str): The noun phrase that says what it is.
    """

    name: str
    type: str


def definition_of(paragraph: str) -> Optional[Definition]:
    """Read the definition at the start of a paragraph.

    paragraph (str): The paragraph.
    RETURNS (Optional[Definition]): The definition, or None if there is none that says a type.

    >>> definition_of("Aspirin (also ASA) is a kind of medicine that lowers fever.")
    Definition(name='Aspirin', type='medicine')
    >>> definition_of("It is a medicine.") is None
    True
    """
    found = _DEFINITION.match(paragraph)
    if found is None:
        return None
    name, kind = found["name"], found["type"]
    too_long = len(name.split()) > LONGEST_NAME
    if too_long or len(name) < 3 or len(kind) < 3 or name.isdigit() or _NOT_A_NAME.match(name):
        return None
    return None if kind.split()[-1].lower() in _VAGUE else Definition(name, kind.lower())


def definitions_corpus(paragraphs: Sequence[str], seed: int = 0) -> TypedCorpus:
    """Find the names that are defined in a text, and the sentences that have them.

    A name of one word counts with a capital letter only, and not as the first word. A name inside a longer one (a word
    with a capital before or after it) does not count.

    paragraphs (Sequence[str]): The paragraphs, which may start with definitions.
    seed (int): Seed of the order in which paragraphs are used.
    RETURNS (TypedCorpus): The corpus. Its sentences are annotated with no type: only their spans are known.

    >>> corpus = definitions_corpus(["Aspirin is a medicine.", "She took some Aspirin yesterday."])
    >>> corpus.sentences[0].spans, corpus.descriptions
    ([LabeledSpan(start=3, end=4, label='definitions/medicine')], {'definitions/medicine': ['medicine', 'a medicine']})
    """
    finder = _NameFinder(definition for text in paragraphs if (definition := definition_of(text)) is not None)
    draw = random.Random(seed)
    names: Counter = Counter()
    types: Counter = Counter()
    sentences = []
    for text in draw.sample(paragraphs, len(paragraphs)):
        for words in sentences_of(text):
            spans = []
            for start, end, kind in finder.find(words):
                name = " ".join(words[start:end]).lower()
                if _defines(words, start, end) and draw.random() >= KEPT_DEFINITIONS:
                    continue
                if names[name] < NAME_LIMIT and types[kind] < TYPE_LIMIT:
                    names[name] += 1
                    types[kind] += 1
                    spans.append(LabeledSpan(start, end, f"{NAME}/{kind}"))
            if spans:
                sentences.append(Sentence(words, spans, annotated_labels=[]))
    return TypedCorpus(NAME, sentences, {f"{NAME}/{kind}": [kind, f"{_article(kind)} {kind}"] for kind in types})


def _defines(words: List[str], start: int, end: int) -> bool:
    """RETURNS (bool): Whether a sentence defines the name at its start."""
    return start <= 1 and bool({*words[end : end + 1]} & {"is", "was", "are", "were", "("})


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def sentences_of(paragraph: str) -> Iterator[List[str]]:
    """Divide a paragraph into sentences and words.

    paragraph (str): The paragraph.
    YIELDS (List[str]): The words of each sentence that has a usual length.

    >>> list(sentences_of("Ada Lovelace wrote programs. Why?"))
    [['Ada', 'Lovelace', 'wrote', 'programs', '.']]
    """
    for sentence in _SENTENCE_END.split(paragraph):
        words = _WORD.findall(sentence)
        if len(words) in WORDS:
            yield words


class _NameFinder:
    """Finds defined names in sentences, the longest ones first."""

    def __init__(self, definitions: Iterator[Definition]):
        self.by_first: DefaultDict[str, List[Tuple[List[str], str]]] = defaultdict(list)
        known = set()
        for name, kind in definitions:
            if name.lower() not in known:
                known.add(name.lower())
                words = _WORD.findall(name)
                self.by_first[words[0].lower()].append((words, kind))
        for names in self.by_first.values():
            names.sort(key=lambda one: -len(one[0]))

    def find(self, words: List[str]) -> Iterator[Tuple[int, int, str]]:
        """YIELDS (Tuple[int, int, str]): First word, end and type of each name."""
        lower = [word.lower() for word in words]
        start = 0
        while start < len(words):
            end, kind = self._at(words, lower, start)
            if kind and not _is_inside(words, start, end):
                yield start, end, kind
            start = end

    def _at(self, words: List[str], lower: List[str], start: int) -> Tuple[int, str]:
        for name, kind in self.by_first.get(lower[start], ()):
            end = start + len(name)
            single = len(name) == 1 and start > 0 and words[start] == name[0]
            if single or (len(name) > 1 and lower[start:end] == [word.lower() for word in name]):
                return end, kind
        return start + 1, ""


def _is_inside(words: List[str], start: int, end: int) -> bool:
    after = end < len(words) and words[end][0].isupper()
    return after or (start > 1 and words[start - 1][0].isupper())
