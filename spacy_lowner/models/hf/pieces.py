"""Word pieces of Docs, from a tokenizer that travels with the weights."""

import tempfile
from pathlib import Path
from typing import Dict, List, Sequence, Tuple
from weakref import WeakKeyDictionary

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from ...errors import Errors, LownerError

# Not stored with the modules, which hold all that these are made of.
_tokenizers: "WeakKeyDictionary[torch.nn.Module, PreTrainedTokenizerFast]" = WeakKeyDictionary()
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def load_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """RETURNS (PreTrainedTokenizerFast): The tokenizer of a Hugging Face name or path, for words one by one.
    RAISES (ValueError): If it has no fast one.
    """
    tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise ValueError(f"it has no fast tokenizer, only {type(tokenizer).__name__}")
    if isinstance(tokenizer.backend_tokenizer.pre_tokenizer, ByteLevel):
        # A word by itself is one inside a text. Others than byte-level ones have it so, or would ask for their slow tokenizer.
        tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, trust_remote_code=False, add_prefix_space=True)
    # Its first use sets padding and special tokens, which fails with "Already borrowed" where another thread is using it.
    pieces_of_words(tokenizer, ["a"])
    return tokenizer


def tokenizer_files(tokenizer: PreTrainedTokenizerFast) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): All that `tokenizer_from_files` needs, by name of the file."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder, legacy_format=False)
        paths = [Path(folder) / name for name in FILES]
        return {path.name: path.read_text(encoding="utf8") for path in paths if path.exists()}


def tokenizer_from_files(files: Dict[str, str]) -> PreTrainedTokenizerFast:
    """Build a tokenizer from the files that a saved pipe holds.

    files (Dict[str, str]): Texts by name of the file, as from `tokenizer_files`.
    RETURNS (PreTrainedTokenizerFast): The tokenizer.
    RAISES (LownerError): For a file that no tokenizer has: its name could lead anywhere.
    """
    unknown = sorted(set(files) - set(FILES))
    if unknown:
        raise LownerError(Errors.LN161.format(name=unknown[0], names=", ".join(FILES)))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf8")
        return load_tokenizer(folder)


def first_position(encoder: PreTrainedModel) -> int:
    """RETURNS (int): Position of the first piece: 0 for BERT, 2 for RoBERTa, which counts from its padding."""
    positions = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    padding = getattr(positions, "padding_idx", None)
    return 0 if padding is None else padding + 1


def pad_pieces(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> Tuple[torch.Tensor, torch.Tensor]:
    """RETURNS (Tuple[torch.Tensor, torch.Tensor]): Rows of one length, and 1 where they are not padding. Shapes: (rows, longest)"""
    length = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (length - len(row))] for row in rows], device=device)
    return ids, torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], device=device)


def tokenizer_of(module: torch.nn.Module) -> PreTrainedTokenizerFast:
    """RETURNS (PreTrainedTokenizerFast): The tokenizer that travels in the `settings` of a module, made once."""
    if module not in _tokenizers:
        _tokenizers[module] = tokenizer_from_files(module.settings["tokenizer"])
    return _tokenizers[module]


def pieces_of_words(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> List[List[int]]:
    """RETURNS (List[List[int]]): Ids of each word; none of white space, and of a word that the tokenizer does not see. A
    word that looks like a special token is plain text.
    """
    if not words:
        return []
    encoded = tokenizer(
        list(words), is_split_into_words=True, add_special_tokens=False, split_special_tokens=True, verbose=False
    )
    pieces: List[List[int]] = [[] for _ in words]
    for piece, word in zip(encoded["input_ids"], encoded.word_ids()):
        # Byte-level vocabularies have pieces of white space.
        if not words[word].isspace():
            pieces[word].append(piece)
    return pieces


def pieces_of_text(tokenizer: PreTrainedTokenizerFast, text: str) -> List[int]:
    """RETURNS (List[int]): Ids of a text as it is, without special tokens; one that stands in the text is plain text.

    The settings are those of `pieces_of_words`. A tokenizer that is used with others in turn changes with every call, which
    no two threads may do at once.
    """
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
