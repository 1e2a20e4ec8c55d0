"""Finds the mentions that models quote among the words of a text."""

from typing import Dict, List, Optional, Sequence, Set, Tuple

PositionT = Tuple[int, int]


def align_mentions(
    words: Sequence[str], mentions: Sequence[str], *, in_a_row: bool = False
) -> List[Optional[PositionT]]:
    """Find quoted mentions among the words of a text: each after the one before, or else inside of it, or else anywhere
    that is not taken by an equal one.

    White space does not matter, and case only where a mention stands there as it is written. The work is bounded by the
    text: a mention that is not in it, or has no position left, is skipped at once.

    words (Sequence[str]): The words of the text.
    mentions (Sequence[str]): The mentions as a model quotes them, in its order.
    in_a_row (bool): Whether they are all the words of the text. The words right after the mention before come first
        then, whatever their case.
    RETURNS (List[Optional[PositionT]]): Words start..end (end excluded) of each; None for one that is not in the text.
    """
    words_of_text = _Words(words)
    firsts = [0]
    positions: List[Optional[PositionT]] = []
    for mention in mentions:
        position = words_of_text.take(mention, firsts, in_a_row)
        positions.append(position)
        firsts = firsts if position is None else [position[1], position[0], 0]
    return positions


def letters_of(text: str) -> str:
    """RETURNS (str): A text without white space: corpora of words have it around every sign."""
    return "".join(text.split())


class _Words:
    """The words of a text, and the positions that mentions have taken.

    words (Sequence[str]): The words.
    """

    def __init__(self, words: Sequence[str]):
        self.exact = [letters_of(word) for word in words]
        self.folded = [word.casefold() for word in self.exact]
        self.letters = "".join(self.folded)
        self.taken: Set[PositionT] = set()
        # The taken positions by their letters, as they are written and in folded case.
        self.taken_by: Dict[str, Set[PositionT]] = {}
        # Mentions in folded case that have no position left.
        self.exhausted: Set[str] = set()

    def take(self, mention: str, firsts: Sequence[int], in_a_row: bool) -> Optional[PositionT]:
        """Find a mention.

        mention (str): The mention as a model quotes it.
        firsts (Sequence[int]): Words to search from, in this order; the last is 0.
        in_a_row (bool): Whether the first of these words comes first, whatever its case.
        RETURNS (Optional[PositionT]): Its position, which is taken from now on; None where there is none.
        """
        target = letters_of(mention)
        folded = target.casefold()
        if folded in self.exhausted or folded not in self.letters:
            return None
        position = _match_at(self.folded, folded, firsts[0]) if in_a_row else None
        if position in self.taken:
            position = None
        for words, wanted in ((self.exact, target), (self.folded, folded)):
            for first in firsts:
                position = position or _find(words, wanted, first, self.taken_by.get(wanted, set()))
        if position is None:
            self.exhausted.add(folded)
            return None
        self.taken.add(position)
        for words in (self.exact, self.folded):
            self.taken_by.setdefault("".join(words[slice(*position)]), set()).add(position)
        return position


def _find(words: Sequence[str], target: str, first: int, taken: Set[PositionT]) -> Optional[PositionT]:
    positions = (_match_at(words, target, start) for start in range(first, len(words)))
    return next((position for position in positions if position is not None and position not in taken), None)


def _match_at(words: Sequence[str], target: str, start: int) -> Optional[PositionT]:
    """RETURNS (Optional[PositionT]): Words start..end (end excluded) if they are the target."""
    read, end = 0, start
    while read < len(target) and end < len(words) and target.startswith(words[end], read):
        read, end = read + len(words[end]), end + 1
    return (start, end) if target and read == len(target) and words[start] else None
