"""Which pieces may come next in an output that is JSON of types and mentions, whatever a language model would like to say."""

import json
from typing import Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from transformers import PreTrainedTokenizerFast

from ..errors import Errors, LownerError
from .hf.pieces import pieces_of_text

PiecesT = Tuple[int, ...]


class Mention(NamedTuple):
    """Words start..end (end excluded) of a text, as an entity of a type."""

    label: str
    start: int
    end: int


class Literal(NamedTuple):
    """Pieces that must follow, and what comes after them: "first", "words", "mention" or "type".

    found (Tuple[Mention, …]): Mentions that are complete. label (Optional[str]): The type that is open.
    opens (bool): Whether they begin another mention or type.
    """

    pieces: PiecesT
    after: str
    found: Tuple[Mention, ...] = ()
    label: Optional[str] = None
    opens: bool = False


class Inside(NamedTuple):
    """A mention that is being read: for each run of words that it may be, its first word, and word and piece that would come next.

    complete (Optional[Tuple[int, int]]): The first run that it is if it ends here.
    """

    places: FrozenSet[Tuple[int, int, int]]
    complete: Optional[Tuple[int, int]]
    found: Tuple[Mention, ...]
    label: str


StateT = Union[Literal, Inside]


class JSONGrammar:
    """{"type": ["mention", …], …}, with each of some types once at most, and mentions that are runs of words of a text.

    It works on pieces, so that it holds for any vocabulary: T5's, for instance, has no braces and reads them as unknown.

    tokenizer (PreTrainedTokenizerFast): For words one by one. labels (Dict[str, str]): How each type is written.
    RAISES (LownerError): If two are written by the same pieces.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, labels: Dict[str, str]):
        self._tokenizer = tokenizer
        self._begin, self._quote, self._comma, self._bracket, self._brace = map(self._pieces, ("{", '"', ",", "]", "}"))
        self._keys = {
            label: self._pieces(f"{json.dumps(name, ensure_ascii=False)}: [") for label, name in labels.items()
        }
        by_key: Dict[PiecesT, str] = {}
        for label, key in self._keys.items():
            if by_key.setdefault(key, label) != label:
                raise LownerError(Errors.LN069.format(first=by_key[key], second=label))
        self.longest_key = max(map(len, self._keys.values()), default=0)
        self._end = (tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id,)

    def write(self, words: Sequence[Sequence[int]], mentions: Iterable[Mention]) -> List[int]:
        """Write mentions, types in the order of their first ones.

        words (Sequence[Sequence[int]]): Pieces of each word. mentions (Iterable[Mention]): In the order of the text.
        RETURNS (List[int]): Pieces, an end of the sequence included.
        """
        by_label: Dict[str, List[Mention]] = {}
        for mention in mentions:
            by_label.setdefault(mention.label, []).append(mention)
        entries = []
        for label, own in by_label.items():
            texts = [[*self._quote, *_run(words, mention), *self._quote] for mention in own]
            entries.append([*self._keys[label], *_joined(texts, self._comma), *self._bracket])
        return [*self._begin, *_joined(entries, self._comma), *self._brace, *self._end]

    def choices(self, pieces: Sequence[int], words: Sequence[Sequence[int]]) -> List[List[int]]:
        """RETURNS (List[List[int]]): What may come at the place of each piece of an output."""
        states, found = self.begin(), []
        for piece in pieces:
            found.append(self.allowed(states, words, closing=False))
            states = self.step(states, piece, words)
        return found

    def begin(self) -> List[StateT]:
        """RETURNS (List[StateT]): Where every output begins."""
        return [Literal(self._begin, "first")]

    def allowed(self, states: Sequence[StateT], words: Sequence[Sequence[int]], closing: bool) -> List[int]:
        """Which pieces may come next.

        states (Sequence[StateT]): Where the output is. words (Sequence[Sequence[int]]): Pieces of each word of the text.
        closing (bool): Whether it must come to an end.
        RETURNS (List[int]): At least one piece; after the end, that of the end.
        """
        found: Set[int] = set()
        if closing:
            # Signs may begin alike: what leads to the end is followed where there is a choice.
            states = [state for state in states if isinstance(state, Inside) or not state.opens] or states
        for state in states:
            if isinstance(state, Inside):
                if state.complete is not None:
                    found.add(self._quote[0])
                if not (closing and state.complete is not None):
                    found.update(words[word][piece] for _, word, piece in state.places)
            elif state.pieces:
                found.add(state.pieces[0])
        return sorted(found) or [self._end[0]]

    def step(self, states: Sequence[StateT], piece: int, words: Sequence[Sequence[int]]) -> List[StateT]:
        """RETURNS (List[StateT]): Where an output is after one more piece. Of states that allow the same from there on, the first
        one stands for all: a text with quotes in it can be read in many ways.
        """
        found: Dict[tuple, StateT] = {}
        for state in states:
            for after in self._after(state, piece, words):
                used = frozenset(mention.label for mention in after.found)
                found.setdefault((*after._replace(found=()), used), after)
        return list(found.values())

    def read(self, pieces: Sequence[int], words: Sequence[Sequence[int]]) -> Optional[Tuple[Mention, ...]]:
        """RETURNS (Optional[Tuple[Mention, …]]): The mentions of a whole output, each as its first run; None if it is not valid."""
        states = self.begin()
        for piece in pieces:
            states = self.step(states, piece, words)
            done = [state for state in states if isinstance(state, Literal) and not state.pieces]
            if done:
                return done[0].found
        return None

    def _after(self, state: StateT, piece: int, words: Sequence[Sequence[int]]) -> Iterator[StateT]:
        if isinstance(state, Literal):
            if state.pieces and state.pieces[0] == piece:
                rest = state._replace(pieces=state.pieces[1:])
                yield from [rest] if rest.pieces else self._options(rest, words)
            return
        if state.complete is not None and self._quote[0] == piece:
            mention = Mention(state.label, *state.complete)
            closed = Literal(self._quote[1:], "mention", (*state.found, mention), state.label)
            yield from [closed] if closed.pieces else self._options(closed, words)
        matching = [(first, word, place + 1) for first, word, place in state.places if words[word][place] == piece]
        if matching:
            ended = sorted((first, word + 1) for first, word, place in matching if place == len(words[word]))
            going = {(first, word, place) for first, word, place in matching if place < len(words[word])}
            going |= {(first, after, 0) for first, end in ended if (after := _next_word(words, end)) is not None}
            yield Inside(frozenset(going), ended[0] if ended else None, state.found, state.label)

    def _options(self, done: Literal, words: Sequence[Sequence[int]]) -> Iterator[StateT]:
        """YIELDS (StateT): What may follow pieces that are complete."""
        if done.after == "words":
            starts = frozenset((word, word, 0) for word, pieces in enumerate(words) if pieces)
            yield Inside(starts, None, done.found, str(done.label))
            return
        if done.after == "mention":
            yield done._replace(pieces=self._comma + self._quote, after="words", opens=True)
            yield done._replace(pieces=self._bracket, after="type")
            return
        if done.after in ("first", "type"):
            used = {mention.label for mention in done.found}
            between = self._comma if done.after == "type" else ()
            for label in self._keys if any(words) else ():
                if label not in used:
                    yield Literal(between + self._keys[label] + self._quote, "words", done.found, label, opens=True)
            yield Literal(self._brace + self._end, "end", done.found)
            return
        yield done

    def _pieces(self, text: str) -> PiecesT:
        return tuple(pieces_of_text(self._tokenizer, text))


def _run(words: Sequence[Sequence[int]], mention: Mention) -> List[int]:
    return [piece for word in words[mention.start : mention.end] for piece in word]


def _joined(parts: Sequence[Sequence[int]], between: PiecesT) -> List[int]:
    return [piece for i, part in enumerate(parts) for piece in [*(between if i else ()), *part]]


def _next_word(words: Sequence[Sequence[int]], place: int) -> Optional[int]:
    """RETURNS (Optional[int]): The first word from a place on that has pieces; whitespace has none."""
    return next((i for i in range(place, len(words)) if words[i]), None)
