"""A grammar of entities as JSON: which pieces may come next in an output.

An output is a JSON object of types, each with a list of mentions from the text:

    { "person" : [ "Ada" , "Bob" ] , "place" : [ "Rome" ] }

The grammar works on the pieces of a tokenizer and not on characters, so it holds for any vocabulary. For example, T5
has no piece for braces and reads them as unknown pieces.

The grammar is a nondeterministic automaton. After some pieces an output can be in several states at once, because a
mention that begins with "New" may be any of the runs of words in the text that begin with "New".
"""

import json
from typing import Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from transformers import PreTrainedTokenizerFast

from ..errors import Errors, LownerError
from .hf.pieces import pieces_of_text

PiecesT = Tuple[int, ...]


class Mention(NamedTuple):
    """An entity of a text.

    label (str): Its label.
    start (int): Its first word.
    end (int): The word after its last.

    >>> Mention("PER", 0, 2).end
    2
    """

    label: str
    start: int
    end: int


class Literal(NamedTuple):
    """A state in which certain pieces must follow, such as a quote or the name of a type.

    pieces (Tuple[int, ...]): The pieces that must follow.
    after (str): The content that these pieces complete: "first" (the opening brace), "words" (the quote before a
        mention), "mention" (the quote after it), "type" (the bracket that closes its list) or "end".
    mentions (Tuple[Mention, ...]): The complete mentions.
    label (Optional[str]): The label whose list is open.
    opens (bool): Whether the pieces begin another mention or another type.

    >>> Literal((5,), "first").mentions
    ()
    """

    pieces: PiecesT
    after: str
    mentions: Tuple[Mention, ...] = ()
    label: Optional[str] = None
    opens: bool = False


class Inside(NamedTuple):
    """A state inside a mention.

    positions (FrozenSet[Tuple[int, int, int]]): The runs of words that the mention may be: the first word of the run,
        the word that comes next, and the piece of this word that comes next.
    complete (Optional[Tuple[int, int]]): The first run that the mention equals if it ends here.
    mentions (Tuple[Mention, ...]): The complete mentions before it.
    label (str): Its label.

    >>> Inside(frozenset({(0, 0, 1)}), complete=None, mentions=(), label="PER").label
    'PER'
    """

    positions: FrozenSet[Tuple[int, int, int]]
    complete: Optional[Tuple[int, int]]
    mentions: Tuple[Mention, ...]
    label: str


StateT = Union[Literal, Inside]


class JSONGrammar:
    """The grammar of `{"type": ["mention", …], …}`. Types occur once at most, and mentions are runs of words of a text.

    tokenizer (PreTrainedTokenizerFast): The tokenizer, for words one by one.
    labels (Dict[str, str]): The readable name of each label.
    RAISES (LownerError): If two names have the same pieces, so that an output could not be read.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> from spacy_lowner.models.hf.pieces import load_tokenizer, pieces_of_words
    >>> tokenizer = load_tokenizer(encoder_path("minilm"))
    >>> grammar, words = JSONGrammar(tokenizer, {"PER": "person"}), pieces_of_words(tokenizer, ["Ada", "sang"])
    >>> pieces = grammar.encode(words, [Mention("PER", 0, 1)])
    >>> tokenizer.decode(pieces), grammar.decode(pieces, words)
    ('{ " person " : [ " ada " ] } [SEP]', (Mention(label='PER', start=0, end=1),))
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, labels: Dict[str, str]):
        self._tokenizer = tokenizer
        self._open, self._quote, self._comma, self._bracket, self._brace = map(self._pieces, ("{", '"', ",", "]", "}"))
        self._keys = {
            label: self._pieces(f"{json.dumps(name, ensure_ascii=False)}: [") for label, name in labels.items()
        }
        by_key: Dict[PiecesT, str] = {}
        for label, key in self._keys.items():
            if by_key.setdefault(key, label) != label:
                raise LownerError(Errors.LN069.format(first=by_key[key], second=label))
        self.longest_key = max(map(len, self._keys.values()), default=0)
        self._end = (tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id,)

    def encode(self, words: Sequence[Sequence[int]], mentions: Iterable[Mention]) -> List[int]:
        """Encode mentions as an output. Types are in the order of their first mentions.

        words (Sequence[Sequence[int]]): The pieces of each word of the text.
        mentions (Iterable[Mention]): The mentions, in the order of the text.
        RETURNS (List[int]): The pieces of the output, with the end-of-sequence piece.
        """
        by_label: Dict[str, List[Mention]] = {}
        for mention in mentions:
            by_label.setdefault(mention.label, []).append(mention)
        entries = []
        for label, of_label in by_label.items():
            texts = [[*self._quote, *_run(words, mention), *self._quote] for mention in of_label]
            entries.append([*self._keys[label], *_joined(texts, self._comma), *self._bracket])
        return [*self._open, *_joined(entries, self._comma), *self._brace, *self._end]

    def choices(self, pieces: Sequence[int], words: Sequence[Sequence[int]]) -> List[List[int]]:
        """Get the allowed pieces at each position of an output.

        pieces (Sequence[int]): The pieces of the output.
        words (Sequence[Sequence[int]]): The pieces of each word of the text.
        RETURNS (List[List[int]]): The allowed pieces at the position of each piece.
        """
        states, choices = self.start(), []
        for piece in pieces:
            choices.append(self.allowed(states, words, closing=False))
            states = self.step(states, piece, words)
        return choices

    def start(self) -> List[StateT]:
        """RETURNS (List[StateT]): The states before the first piece of an output."""
        return [Literal(self._open, "first")]

    def allowed(self, states: Sequence[StateT], words: Sequence[Sequence[int]], closing: bool) -> List[int]:
        """Get the pieces that may come next.

        states (Sequence[StateT]): The states of the output.
        words (Sequence[Sequence[int]]): The pieces of each word of the text.
        closing (bool): Whether the output must come to its end as soon as possible.
        RETURNS (List[int]): At least one piece, in ascending order. After the end, the end-of-sequence piece.
        """
        allowed: Set[int] = set()
        if closing:
            # Only states that lead to the end are followed, if there are any. `opens` tells which do: a comma and
            # a bracket may begin with the same piece.
            states = [state for state in states if isinstance(state, Inside) or not state.opens] or states
        for state in states:
            if isinstance(state, Inside):
                if state.complete is not None:
                    allowed.add(self._quote[0])
                if not (closing and state.complete is not None):
                    allowed.update(words[word][piece] for _, word, piece in state.positions)
            elif state.pieces:
                allowed.add(state.pieces[0])
        return sorted(allowed) or [self._end[0]]

    def step(self, states: Sequence[StateT], piece: int, words: Sequence[Sequence[int]]) -> List[StateT]:
        """Get the states after one more piece.

        A text with quotes can be read in many ways, whose number would grow exponentially. States that allow the same
        pieces from here on are merged, and the first of them is kept.

        states (Sequence[StateT]): The states of the output.
        piece (int): The next piece.
        words (Sequence[Sequence[int]]): The pieces of each word of the text.
        RETURNS (List[StateT]): The new states. Empty if the piece is not allowed.
        """
        merged: Dict[tuple, StateT] = {}
        for state in states:
            for after in self._after(state, piece, words):
                used = frozenset(mention.label for mention in after.mentions)
                merged.setdefault((*after._replace(mentions=()), used), after)
        return list(merged.values())

    def decode(self, pieces: Sequence[int], words: Sequence[Sequence[int]]) -> Optional[Tuple[Mention, ...]]:
        """Decode an output.

        pieces (Sequence[int]): The pieces of the output. Pieces after its end are ignored.
        words (Sequence[Sequence[int]]): The pieces of each word of the text.
        RETURNS (Optional[Tuple[Mention, ...]]): The mentions, each at its first occurrence in the text. None if the
            output is not valid or not complete.
        """
        states = self.start()
        for piece in pieces:
            states = self.step(states, piece, words)
            complete = [state for state in states if isinstance(state, Literal) and not state.pieces]
            if complete:
                return complete[0].mentions
        return None

    def _after(self, state: StateT, piece: int, words: Sequence[Sequence[int]]) -> Iterator[StateT]:
        """YIELDS (StateT): The states that a piece leads to from one state."""
        if isinstance(state, Literal):
            if state.pieces and state.pieces[0] == piece:
                rest = state._replace(pieces=state.pieces[1:])
                yield from [rest] if rest.pieces else self._options(rest, words)
            return
        if state.complete is not None and self._quote[0] == piece:
            # The quote ends the mention. A word of the text may begin with a quote as well, so the mention may also go
            # on: both are followed.
            mention = Mention(state.label, *state.complete)
            closed = Literal(self._quote[1:], "mention", (*state.mentions, mention), state.label)
            yield from [closed] if closed.pieces else self._options(closed, words)
        yield from self._continued(state, piece, words)

    def _continued(self, state: Inside, piece: int, words: Sequence[Sequence[int]]) -> Iterator[StateT]:
        """YIELDS (StateT): The state after one more piece of a mention, if any run of words goes on with it."""
        matching = [(first, word, i + 1) for first, word, i in state.positions if words[word][i] == piece]
        if not matching:
            return
        # Runs whose word is complete may end here, or go on with the next word that has pieces.
        ended = sorted((first, word + 1) for first, word, i in matching if i == len(words[word]))
        going = {(first, word, i) for first, word, i in matching if i < len(words[word])}
        going |= {(first, after, 0) for first, end in ended if (after := _next_word(words, end)) is not None}
        yield Inside(frozenset(going), ended[0] if ended else None, state.mentions, state.label)

    def _options(self, done: Literal, words: Sequence[Sequence[int]]) -> Iterator[StateT]:
        """YIELDS (StateT): The states that may follow complete pieces."""
        if done.after == "words":
            starts = frozenset((word, word, 0) for word, pieces in enumerate(words) if pieces)
            yield Inside(starts, None, done.mentions, str(done.label))
        elif done.after == "mention":
            yield done._replace(pieces=self._comma + self._quote, after="words", opens=True)
            yield done._replace(pieces=self._bracket, after="type")
        elif done.after in ("first", "type"):
            used = {mention.label for mention in done.mentions}
            between = self._comma if done.after == "type" else ()
            for label in self._keys if any(words) else ():
                if label not in used:
                    yield Literal(between + self._keys[label] + self._quote, "words", done.mentions, label, opens=True)
            yield Literal(self._brace + self._end, "end", done.mentions)
        else:
            yield done

    def _pieces(self, text: str) -> PiecesT:
        return tuple(pieces_of_text(self._tokenizer, text))


def _run(words: Sequence[Sequence[int]], mention: Mention) -> List[int]:
    return [piece for word in words[mention.start : mention.end] for piece in word]


def _joined(sequences: Sequence[Sequence[int]], between: PiecesT) -> List[int]:
    return [piece for i, sequence in enumerate(sequences) for piece in [*(between if i else ()), *sequence]]


def _next_word(words: Sequence[Sequence[int]], first: int) -> Optional[int]:
    """RETURNS (Optional[int]): The first word from a position on that has pieces. Whitespace words have none."""
    return next((i for i in range(first, len(words)) if words[i]), None)
