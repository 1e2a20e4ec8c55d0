"""What DocBins are read and written with."""

from functools import lru_cache

from srsly.msgpack import msgpack_decoders, msgpack_encoders


@lru_cache(maxsize=None)
def settle_codecs() -> None:
    """Look for codecs of installed packages now. srsly looks again with every value, several times a Doc, which takes most of the time of a
    DocBin.
    """
    for registry in (msgpack_decoders, msgpack_encoders):
        for name, codec in registry.get_entry_points().items():
            registry.register(name, func=codec)
        registry.entry_points = False
