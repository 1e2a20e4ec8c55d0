"""Prepare the codecs with which DocBins are read and written."""

from functools import lru_cache

from srsly.msgpack import msgpack_decoders, msgpack_encoders


@lru_cache(maxsize=None)
def cache_codecs() -> None:
    """Look up the msgpack codecs of installed packages once per process.

    Without this, srsly scans the entry points of all installed packages for every value, several times per Doc. The
    scans take most of the time of reading or writing a DocBin.

    >>> cache_codecs()
    >>> msgpack_encoders.entry_points
    False
    """
    for registry in (msgpack_decoders, msgpack_encoders):
        for name, codec in registry.get_entry_points().items():
            registry.register(name, func=codec)
        registry.entry_points = False
