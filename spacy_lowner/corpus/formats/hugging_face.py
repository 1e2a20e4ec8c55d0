"""Read data sets of Hugging Face: tokens with tags, which are texts or numbers."""

import json
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ...errors import Errors, LownerError
from .changes import OTHER_TAGS
from .keys import TAG_KEYS, TOKEN_KEYS
from .protocol import JSONFormat, JSONOptions, fields_except, has
from .record_fields import are, tokens_of

# Name of a change in `ReadingReport.changes`.
NO_TAG = "words with the tag -100, read as outside all entities"
# Files with the names of tags.
_INFO_FILES = ("dataset_info.json", "dataset_infos.json", "features.json")
# Other names under which such data sets have their tags.
_TAG_KEYS = (*TAG_KEYS, "labels", "ner", "label", "ner_tag", "ner_labels")


def _tag_key(item: Any) -> Optional[str]:
    tokens = tokens_of(item) if isinstance(item, dict) else None
    if not tokens or not are(tokens, str):
        return None
    return next((key for key in _TAG_KEYS if _are_tags(item.get(key), len(tokens))), None)


def _chosen_key(row: Any, options: JSONOptions) -> Optional[str]:
    """RETURNS (Optional[str]): The field with the tags to read: the user's choice, or the first usual one."""
    key = _tag_key(row)
    if key is None:
        return None
    size = len(tokens_of(row))
    options.layers.update({name: True for name, value in row.items() if name != key and _are_tags(value, size)})
    options.layers[key] = True
    return options.layer if options.layer in row else key


def _are_tags(tags: Any, size: int) -> bool:
    return (are(tags, str) or (are(tags, int) and not are(tags, bool))) and len(tags) == size


def _rows(item: Any) -> List[Any]:
    """RETURNS (List[Any]): The records inside an object: of the data set viewer, or next to their names."""
    if has(item, rows=list):
        return [row["row"] if has(row, row=dict) else row for row in item["rows"]]
    if has(item, data=list) and {"id2label", "label2id", "label_names"} & set(item):
        return item["data"]
    return []


def _evidence(item: Any) -> str:
    rows = _rows(item)
    key = _tag_key(rows[0] if rows else item)
    return f"records with 'tokens' and tags under {key!r}" if key else ""


def _records(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    rows = _rows(item)
    for row in rows or [item]:
        key = _chosen_key(row, options)
        if key is None:
            yield row
            continue
        tags = row[key]
        options.changes[NO_TAG] += sum(tag == -100 for tag in tags)
        if not are(tags, str):
            inside = _names_in(item) if rows else {}
            names = options.tag_names or _name(inside, key) or _name(_names_next_to(options.path), key)
            if not names:
                raise LownerError(Errors.LN186.format(path=options.path, key=key))
            tags = named(tags, names)
        # Tags of parts of speech and chunks, and tags of the same words under other names, are not read.
        others = [name for name, value in row.items() if name.endswith("tags") or _are_tags(value, len(tags))]
        options.changes[OTHER_TAGS] += sum(name != key and _may_be_entities(name) for name in others)
        tokens = tokens_of(row)
        rest = {name: value for name, value in row.items() if value is not tokens}
        yield {"tokens": tokens, **fields_except(rest, *TOKEN_KEYS, *others, key), "tags": tags}


def _may_be_entities(name: str) -> bool:
    """RETURNS (bool): Whether a field has tags of entities, by its name, and not of parts of speech."""
    return name in _TAG_KEYS or bool({"ner", "nested"} & set(name.split("_")))


@lru_cache(maxsize=8)
def _names_next_to(path: Path) -> Dict[str, Sequence[str]]:
    """RETURNS (Dict[str, Sequence[str]]): Names of tags by field, from files of `datasets` next to the data."""
    for file in (folder / name for folder in (path.parent, path.parent.parent) for name in _INFO_FILES):
        if file.is_file():
            try:
                info = json.loads(file.read_text(encoding="utf8"))
            except (OSError, ValueError):
                continue
            # An older file has one description per configuration.
            for one in [info, *(info.values() if isinstance(info, dict) else ())]:
                names = _names_in(one)
                if names:
                    return names
    return {}


def _name(names: Mapping[str, Sequence[str]], key: str) -> Sequence[str]:
    return names[key] if key in names or isinstance(names, defaultdict) else ()


def named(tags: Sequence[int], names: Sequence[str]) -> List[str]:
    """Name tags that are numbers.

    tags (Sequence[int]): The numbers. -100 stands for a word without a tag.
    names (Sequence[str]): The name of each number.
    RETURNS (List[str]): The names.
    RAISES (ValueError): If a number has no name.

    >>> named([0, 1], ["O", "B-PER"])
    ['O', 'B-PER']
    """
    if not names:
        raise ValueError(
            "tags that are numbers, without their names; give them in the order of the numbers (tag_names)"
        )
    unknown = next((tag for tag in tags if tag != -100 and not 0 <= tag < len(names)), None)
    if unknown is not None:
        raise ValueError(f"the tag {unknown}, but there are {len(names)} names of tags")
    return ["O" if tag == -100 else names[tag] for tag in tags]


def names_of(features: Any) -> Sequence[str]:
    """Find the names of tags in the description of a data set.

    features (Any): The features, as `datasets` stores them.
    RETURNS (Sequence[str]): The names of the first field with names; empty without any.

    >>> names_of({"tokens": {}, "ner_tags": {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}}})
    ['O', 'B-PER']
    """
    names = _names_in({"features": features})
    return next((names[key] for key in _TAG_KEYS if key in names), next(iter(names.values()), ()))


def _names_in(info: Any) -> Dict[str, Sequence[str]]:
    """RETURNS (Dict[str, Sequence[str]]): Names of tags by field, in the description of a data set or of a model."""
    if not isinstance(info, dict):
        return {}
    if isinstance(info.get("id2label"), dict):
        return defaultdict(lambda: [info["id2label"][key] for key in sorted(info["id2label"], key=int)])
    if are(info.get("label_names"), str):
        return defaultdict(lambda: info["label_names"])
    features = info.get("features")
    if isinstance(features, list):
        features = {one.get("name"): one.get("type") for one in features if isinstance(one, dict)}
    names = {key: _class_names(feature) for key, feature in features.items()} if isinstance(features, dict) else {}
    return {key: found for key, found in names.items() if found}


def _class_names(feature: Any) -> Sequence[str]:
    """RETURNS (Sequence[str]): The names of classes in a feature, at any depth; empty without any."""
    if isinstance(feature, list):
        return next(filter(None, map(_class_names, feature)), ())
    if not isinstance(feature, Mapping):
        return ()
    if are(feature.get("names"), str):
        return feature["names"]
    if isinstance(feature.get("names"), dict):
        return [feature["names"][key] for key in sorted(feature["names"], key=int)]
    return next(filter(None, map(_class_names, feature.values())), ())


HUGGING_FACE = JSONFormat("hugging-face", "Hugging Face tokens and tags", _evidence, _records)
