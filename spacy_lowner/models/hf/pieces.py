"""Word pieces of Docs, from a tokenizer that is saved with the weights."""

import tempfile
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple
from weakref import WeakKeyDictionary

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from ...errors import Errors, LownerError

# A tokenizer is built from the files in a module's settings, so it is not saved with the module.
_tokenizers: "WeakKeyDictionary[torch.nn.Module, PreTrainedTokenizerFast]" = WeakKeyDictionary()
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def load_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """Load a tokenizer for single words (`pieces_of_words`).

    name (str): A Hugging Face name or a path.
    RETURNS (PreTrainedTokenizerFast): The tokenizer.
    RAISES (ValueError): If the model has no fast tokenizer.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> load_tokenizer(encoder_path("minilm")).mask_token
    '[MASK]'
    """
    tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise ValueError(f"it has no fast tokenizer, only {type(tokenizer).__name__}")
    if isinstance(tokenizer.backend_tokenizer.pre_tokenizer, ByteLevel):
        # Byte-level tokenizers have other pieces for words after a blank. With this setting a single word has the
        # pieces of a word inside a text. Other tokenizers would load their slow version for it.
        tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, trust_remote_code=False, add_prefix_space=True)
    # The first call sets padding and special tokens. In another thread at the same time it raises "Already borrowed".
    pieces_of_words(tokenizer, ["a"])
    return tokenizer


def tokenizer_files(tokenizer: PreTrainedTokenizerFast) -> Dict[str, str]:
    """Get the files of a tokenizer, for `tokenizer_from_files`.

    tokenizer (PreTrainedTokenizerFast): The tokenizer.
    RETURNS (Dict[str, str]): Texts by file name.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> sorted(tokenizer_files(load_tokenizer(encoder_path("minilm"))))
    ['special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json']
    """
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder, legacy_format=False)
        paths = [Path(folder) / name for name in FILES]
        return {path.name: path.read_text(encoding="utf8") for path in paths if path.exists()}


def tokenizer_from_files(files: Dict[str, str]) -> PreTrainedTokenizerFast:
    """Build a tokenizer from the files in a saved pipe.

    files (Dict[str, str]): Texts by file name, from `tokenizer_files`.
    RETURNS (PreTrainedTokenizerFast): The tokenizer.
    RAISES (LownerError): If there is a file that tokenizers do not have. Its name could be a path outside of the
        temporary folder.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> files = tokenizer_files(load_tokenizer(encoder_path("minilm")))
    >>> tokenizer_from_files(files).mask_token
    '[MASK]'
    """
    unknown = sorted(set(files) - set(FILES))
    if unknown:
        raise LownerError(Errors.LN161.format(name=unknown[0], names=", ".join(FILES)))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf8")
        return load_tokenizer(folder)


def first_position(encoder: PreTrainedModel) -> int:
    """Get the position of the first piece of a row.

    encoder (PreTrainedModel): The encoder.
    RETURNS (int): 0 for BERT. 2 for RoBERTa, whose positions follow that of padding.

    >>> from transformers import BertConfig, BertModel
    >>> first_position(BertModel(BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1)))
    0
    """
    # Encoders with relative positions have no such embeddings, and those of BERT have no padding.
    positions = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    padding = getattr(positions, "padding_idx", None)
    return 0 if padding is None else padding + 1


def pad_pieces(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> Tuple[torch.Tensor, torch.Tensor]:
    """Pad rows of pieces to the same length.

    rows (Sequence[Sequence[int]]): The rows.
    pad (int): Id of the padding piece.
    device (torch.device): The device of the tensors.
    RETURNS (Tuple[torch.Tensor, torch.Tensor]): The padded rows, and 1 for pieces and 0 for padding.
        Shapes: (rows, longest)

    >>> ids, mask = pad_pieces([[5, 6], [7]], 0, torch.device("cpu"))
    >>> ids.tolist(), mask.tolist()
    ([[5, 6], [7, 0]], [[1, 1], [1, 0]])
    """
    length = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (length - len(row))] for row in rows], device=device)
    return ids, torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], device=device)


def tokenizer_of(module: Any) -> PreTrainedTokenizerFast:
    """Get the tokenizer of a module. It is built once per module.

    module (torch.nn.Module): A module with the files of its tokenizer in `settings["tokenizer"]`.
    RETURNS (PreTrainedTokenizerFast): The tokenizer.
    """
    if module not in _tokenizers:
        _tokenizers[module] = tokenizer_from_files(module.settings["tokenizer"])
    return _tokenizers[module]


def pieces_of_words(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> List[List[int]]:
    """Get the pieces of single words. A word that looks like a special token is plain text.

    tokenizer (PreTrainedTokenizerFast): A tokenizer from `load_tokenizer`.
    words (Sequence[str]): The words.
    RETURNS (List[List[int]]): Ids of the pieces of each word. White space has none, nor have words that the tokenizer
        deletes, such as a soft hyphen.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> tokenizer = load_tokenizer(encoder_path("minilm"))
    >>> [tokenizer.convert_ids_to_tokens(ids) for ids in pieces_of_words(tokenizer, ["Ada", " ", "programmed"])]
    [['ada'], [], ['programmed']]
    """
    if not words:
        return []
    encoded = tokenizer(
        list(words), is_split_into_words=True, add_special_tokens=False, split_special_tokens=True, verbose=False
    )
    pieces: List[List[int]] = [[] for _ in words]
    for piece, word in zip(encoded["input_ids"], encoded.word_ids()):
        # Byte-level vocabularies have pieces for white space, which are ignored.
        if not words[word].isspace():
            pieces[word].append(piece)
    return pieces


def pieces_of_text(tokenizer: PreTrainedTokenizerFast, text: str) -> List[int]:
    """Get the pieces of a text, without special tokens. A special token inside the text is plain text.

    The settings are those of `pieces_of_words`, because a fast tokenizer changes its state if the settings differ from
    those of the last call, which threads must not do at the same time.

    tokenizer (PreTrainedTokenizerFast): A tokenizer from `load_tokenizer`.
    text (str): The text.
    RETURNS (List[int]): Ids of the pieces.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> tokenizer = load_tokenizer(encoder_path("minilm"))
    >>> tokenizer.convert_ids_to_tokens(pieces_of_text(tokenizer, "Ada sang."))
    ['ada', 'sang', '.']
    """
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]


def pieces_between(tokenizer: PreTrainedTokenizerFast, text: str, start: int, end: int) -> range:
    """Get the positions of the pieces of a part of a text.

    tokenizer (PreTrainedTokenizerFast): A tokenizer from `load_tokenizer`.
    text (str): The text.
    start (int): First character of the part.
    end (int): The character after its last one.
    RETURNS (range): Positions in `pieces_of_text(tokenizer, text)`. Empty if the part has no piece.

    >>> from spacy_lowner.models.hf.encoder import encoder_path
    >>> pieces_between(load_tokenizer(encoder_path("minilm")), "Ada sang.", 4, 8)
    range(1, 2)
    """
    encoded = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)
    inside = [i for i, (first, last) in enumerate(encoded.encodings[0].offsets) if first < end and last > start]
    return range(inside[0], inside[-1] + 1) if inside else range(0)
