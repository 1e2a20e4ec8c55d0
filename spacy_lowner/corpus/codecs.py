"""Prepare the codecs with which DocBins are read and written."""

from functools import lru_cache, partial

from srsly.msgpack import msgpack_decoders, msgpack_encoders


@lru_cache(maxsize=None)
def cache_codecs() -> None:
    """Look up the msgpack codecs of installed packages once per process.

    Without this, srsly scans the entry points of all installed packages and all functions that any package registered,
    for every value, several times per Doc. The scans take most of the time of reading or writing a DocBin.

    >>> cache_codecs()
    >>> "numpy" in msgpack_encoders.get_all()
    True
    """
    for registry in (msgpack_decoders, msgpack_encoders):
        setattr(registry, "get_all", partial(dict, type(registry).get_all(registry)))
