"""Prompts, as versioned templates that come with the package."""

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
# jinja's own is for HTML, and would write an apostrophe as a number.
_environment.filters["tojson"] = partial(json.dumps, ensure_ascii=False)


def render(package: str, name: str, language: str, **values: Any) -> str:
    """Fill in a prompt.

    package (str): Whose folder `prompts` holds it. name (str): Of the template, as "entities". language (str): One of `LANGUAGES`. values (Any): For its gaps.
    RETURNS (str): The prompt.
    """
    if language not in LANGUAGES:
        raise LownerError(Errors.LN014.format(what="language of prompts", value=language, options=", ".join(LANGUAGES)))
    text = (files(package) / "prompts" / f"{name}.{language}.{VERSION}.jinja").read_text(encoding="utf8")
    template: Template = _environment.from_string(text)
    return template.render(**values).strip()
