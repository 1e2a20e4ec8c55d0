"""`spacy lowner init-config`: a config of the package, for your language, encoder and types."""

import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Dict, List, Optional

import typer
from thinc.api import Config
from wasabi import msg

from ..corpus.files import atomic_path, read_texts
from ..errors import Errors, LownerError
from ._app import lowner
from ._util import friendly

FOLDER = "configs"
# A multilingual encoder on the Hugging Face Hub, for languages that the packaged one does not know.
MULTILINGUAL, MULTILINGUAL_SEQ2SEQ = "bert-base-multilingual-cased", "google/mt5-base"
SEQ2SEQ, HALF = "spacy-lowner.Seq2Seq.v1", "mixed_precision = false"


def available_configs() -> Dict[str, str]:
    """Read the configs of the package.

    RETURNS (Dict[str, str]): Texts by name.

    >>> "knowfree" in available_configs()
    True
    """
    folder = files("spacy_lowner") / FOLDER
    paths = sorted((one for one in folder.iterdir() if one.name.endswith(".cfg")), key=lambda one: one.name)
    return {path.name.removesuffix(".cfg"): path.read_text(encoding="utf8") for path in paths}


@lowner.command("init-config")
@friendly
def init_config_cli(
    name: str = typer.Argument("knowfree", help="The config; --list shows all"),
    output_path: Optional[Path] = typer.Argument(None, help="Output; printed without it"),
    lang: str = typer.Option("en", help="Language. Others than en get a multilingual encoder, without the open source"),
    encoder: Optional[str] = typer.Option(None, help="Encoder: a name on the Hugging Face Hub, a path, or minilm"),
    source: Optional[str] = typer.Option(None, help='What training starts from; "" for nothing'),
    gpu: bool = typer.Option(False, "--gpu", help="Compute in half precision, for spacy train --gpu-id 0"),
    types: Optional[Path] = typer.Option(None, help="JSON of what your types mean: it is named in the config"),
    show: bool = typer.Option(False, "--list", help="Show all configs and what they are for"),
):
    """Write a config of the package, to train with and to change."""
    known = available_configs()
    if show:
        for one, text in known.items():
            msg.text(f"{one}: {text.splitlines()[0].lstrip('# ')}")
        return
    if name not in known:
        raise LownerError(Errors.LN014.format(what="config", value=name, options=", ".join(known)))
    text = known[name]
    if gpu:
        if HALF not in text:
            raise LownerError(Errors.LN214.format(settings="mixed_precision"))
        text = text.replace(HALF, "mixed_precision = true")
    for setting, value in _settings(text, lang, encoder, source, types).items():
        text = _set(text, setting, value)
    # Reading it again makes sure that it is a config.
    Config().from_str(text)
    if output_path is None:
        sys.stdout.write(text)
        return
    with atomic_path(output_path) as draft:
        draft.write_text(text, encoding="utf8")
    msg.good(f"{output_path}: the config {name}. Train: python -m spacy train {output_path} --output model \\")
    msg.text("  --paths.train train.spacy --paths.dev dev.spacy")


def _settings(
    text: str, lang: str, encoder: Optional[str], source: Optional[str], types: Optional[Path]
) -> Dict[str, object]:
    """RETURNS (Dict[str, object]): The new values of settings of a config, by section and name."""
    settings: Dict[str, object] = {"nlp.lang": lang}
    if lang != "en":
        encoder = encoder or (MULTILINGUAL_SEQ2SEQ if SEQ2SEQ in text else MULTILINGUAL)
    if encoder is not None:
        settings["paths.encoder"] = encoder
        if encoder != "minilm" and source is None and _has(text, "paths.source"):
            source = ""
    if source is not None:
        settings["paths.source"] = source
    if types is not None:
        # A damaged file is reported now, and not when training starts.
        read_texts(types)
        # Training may start in another folder.
        settings["paths.descriptions"] = str(types.absolute())
    missing: List[str] = [setting for setting in settings if not _has(text, setting)]
    if missing:
        raise LownerError(Errors.LN214.format(settings=", ".join(missing)))
    return settings


def _pattern(setting: str) -> "re.Pattern[str]":
    section, name = setting.split(".")
    return re.compile(rf"(^\[{section}\]\n(?:(?!\[).*\n)*?{name} = )(.*)$", re.MULTILINE)


def _has(text: str, setting: str) -> bool:
    return _pattern(setting).search(text) is not None


def _set(text: str, setting: str, value: object) -> str:
    """RETURNS (str): The text of a config with another value of a setting, and with its comments."""
    (line,) = Config({"a": {"b": value}}).to_str().splitlines()[1:2]
    written = line.partition(" = ")[2]
    return _pattern(setting).sub(lambda match: match[1] + written, text, count=1)
