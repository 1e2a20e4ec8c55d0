"""Prompts, as versioned jinja templates of the package."""

import json
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from ..errors import Errors, LownerError

LANGUAGES = ("en", "zh")
VERSION = "v1"
_environment = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True)
# The filter of jinja is for HTML: it would write an apostrophe as a number.
_environment.filters["tojson"] = partial(json.dumps, ensure_ascii=False)


def render(package: str, name: str, language: str, **values: Any) -> str:
    """Fill in the template of a prompt.

    package (str): The package whose folder `prompts` has the template.
    name (str): The name of the template, as "entities".
    language (str): The language of the prompt, one of `LANGUAGES`.
    values (Any): The variables of the template.
    RETURNS (str): The prompt.
    RAISES (LownerError): If there are no prompts in this language.

    >>> render("spacy_lowner.knowledge", "entities", "en", text="Ann left Rome").endswith("Sentence: Ann left Rome")
    True
    """
    if language not in LANGUAGES:
        raise LownerError(Errors.LN014.format(what="language of prompts", value=language, options=", ".join(LANGUAGES)))
    text = (files(package) / "prompts" / f"{name}.{language}.{VERSION}.jinja").read_text(encoding="utf8")
    template: Template = _environment.from_string(text)
    return template.render(**values).strip()
