"""The file of private replies."""

import os
import stat

from spacy_lowner.llm.cache import ReplyCache
from spacy_lowner.llm.messages import Reply


def test_cache_is_its_owners_alone(tmp_path):
    old = os.umask(0o000)
    try:
        cache = ReplyCache(tmp_path / "cache.sqlite")
        cache.put("key", "m", Reply("private"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        cache.close()
    finally:
        os.umask(old)
    assert set(modes.values()) == {0o600} and {"cache.sqlite", "cache.sqlite-wal"} <= set(modes)


def test_cache_keeps_the_permissions_of_an_old_file(tmp_path):
    path = tmp_path / "cache.sqlite"
    ReplyCache(path).put("key", "m", Reply("shared"))
    path.chmod(0o660)
    cache = ReplyCache(path)
    assert cache.get("key").text == "shared"
    cache.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
