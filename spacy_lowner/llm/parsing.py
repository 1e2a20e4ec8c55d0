"""Aligns the mentions that models quote with the words of a text."""

import unicodedata
from typing import Dict, List, Optional, Sequence, Set, Tuple

PositionT = Tuple[int, int]


def align_mentions(
    words: Sequence[str], mentions: Sequence[str], *, consecutive: bool = False
) -> List[Optional[PositionT]]:
    """Find the position of each mention that a model quotes.

    Each mention is searched for after the previous one, then inside the previous one, then anywhere. Equal mentions
    have different positions. White space is ignored. A match with the same case is preferred to one without. The work
    is bounded by the text: a mention that is not in it, or has no position left, is skipped at once.

    words (Sequence[str]): The words of the text.
    mentions (Sequence[str]): The mentions as a model quotes them, in its order.
    consecutive (bool): Whether the mentions are all words of the text, as in a segmentation. Then the words right
        after the previous mention are preferred, whatever their case.
    RETURNS (List[Optional[PositionT]]): Words start..end (end excluded) of each mention. None if it is not in the text.

    >>> align_mentions(["Ann", "met", "Ann", "Lee"], ["Ann", "Ann Lee", "Bob"])
    [(0, 1), (2, 4), None]
    """
    words_of_text = _Words(words)
    # A model may write the accents of a text in another way: as one letter, or as a letter and a mark.
    composed = _Words([unicodedata.normalize("NFC", word) for word in words])
    # Words from which the next mention is searched for, the preferred one first.
    starts = [0]
    positions: List[Optional[PositionT]] = []
    for mention in mentions:
        position = words_of_text.claim(mention, starts, consecutive)
        if position is None and letters_of(mention).casefold() not in words_of_text.letters:
            position = composed.claim(unicodedata.normalize("NFC", mention), starts, consecutive)
        positions.append(position)
        starts = starts if position is None else [position[1], position[0], 0]
    return positions


def letters_of(text: str) -> str:
    """Remove white space, for comparing texts. Corpora of words have it around every punctuation mark.

    text (str): The text.
    RETURNS (str): Its characters without white space.

    >>> letters_of("Rome ( Italy ) ")
    'Rome(Italy)'
    """
    return "".join(text.split())


class _Words:
    """The words of a text, and the positions that mentions have claimed.

    words (Sequence[str]): The words.
    """

    def __init__(self, words: Sequence[str]):
        self.exact = [letters_of(word) for word in words]
        self.folded = [word.casefold() for word in self.exact]
        self.letters = "".join(self.folded)
        self.claimed: Set[PositionT] = set()
        # The claimed positions by their characters, as they are written and in folded case.
        self.claimed_by: Dict[str, Set[PositionT]] = {}
        # Mentions in folded case that have no position left.
        self.exhausted: Set[str] = set()

    def claim(self, mention: str, starts: Sequence[int], consecutive: bool) -> Optional[PositionT]:
        """Find a mention, and reserve its position.

        mention (str): The mention as a model quotes it.
        starts (Sequence[int]): Words to search from, in this order. The last is 0.
        consecutive (bool): Whether the first start is preferred, whatever its case.
        RETURNS (Optional[PositionT]): The position. None if there is none left.
        """
        target = letters_of(mention)
        folded = target.casefold()
        if folded in self.exhausted or folded not in self.letters:
            return None
        position = _match_at(self.folded, folded, starts[0]) if consecutive else None
        if position in self.claimed:
            position = None
        for words, wanted in ((self.exact, target), (self.folded, folded)):
            for start in starts:
                position = position or _find(words, wanted, start, self.claimed_by.get(wanted, set()))
        if position is None:
            self.exhausted.add(folded)
            return None
        self.claimed.add(position)
        for words in (self.exact, self.folded):
            self.claimed_by.setdefault("".join(words[slice(*position)]), set()).add(position)
        return position


def _find(words: Sequence[str], target: str, first: int, claimed: Set[PositionT]) -> Optional[PositionT]:
    positions = (_match_at(words, target, start) for start in range(first, len(words)))
    return next((position for position in positions if position is not None and position not in claimed), None)


def _match_at(words: Sequence[str], target: str, start: int) -> Optional[PositionT]:
    """RETURNS (Optional[PositionT]): Words start..end (end excluded), if their characters are the target."""
    read, end = 0, start
    while read < len(target) and end < len(words) and target.startswith(words[end], read):
        read, end = read + len(words[end]), end + 1
    return (start, end) if target and read == len(target) and words[start] else None
