"""The model card of a trained pipeline, and the meta that names its package."""

import time
from importlib.metadata import version as installed_version
from typing import Any, Dict, List

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import filter_spans

from .evaluation import Scores

PACKAGES = ("spacy-lowner", "spacy", "spacy-transformers", "torch", "transformers")


def package_meta(nlp: Language, name: str, version: str, corpus: str, scores: Scores) -> Dict[str, Any]:
    """The `--meta-path` of `spacy package`. "lowner_crossner" becomes the package of just that name.

    nlp (Language): The pipeline. name (str): The package, "prefix_name". version (str): Its version. corpus (str): What it was trained on.
    scores (Scores): On test.
    RETURNS (Dict[str, Any]): Fields of meta.json; `spacy package` fills in the rest.
    """
    prefix, _, rest = name.partition("_")
    return {
        "lang": prefix,
        "name": rest,
        "version": version,
        "description": f"Named entities with spacy-lowner, trained on {corpus}",
        "author": "",
        "email": "",
        "url": "",
        "license": "",
        "sources": [{"name": corpus}],
        "performance": {"ents_p": scores.p, "ents_r": scores.r, "ents_f": scores.f, "ents_per_type": scores.per_type},
        # spacy package adds the packages of the pipes, without their extras.
        "requirements": ["spacy-lowner[llm]"] if any(getattr(pipe, "llm", None) for _, pipe in nlp.pipeline) else [],
    }


def render_card(
    nlp: Language, *, name: str, version: str, corpus: str, scores: Scores, splits: Dict[str, Dict], examples: List[Doc]
) -> str:
    """Write the card: what it is, how to use it, what it finds and how well, what it was made from.

    nlp (Language): The pipeline. name (str), version (str), corpus (str), scores (Scores): As for `package_meta`.
    splits (Dict[str, Dict]): Statistics of the data by split, as `spacy lowner inspect` writes them.
    examples (List[Doc]): Docs that the pipeline has annotated, to show.
    RETURNS (str): Markdown.
    """
    return (
        "\n\n".join(
            [
                f"# {name} {version}",
                f"Pipeline: {', '.join(nlp.pipe_names)}. Trained and tested on {corpus}. Card of {time.strftime('%Y-%m-%d')}.",
                f'```python\nimport spacy\n\nnlp = spacy.load("{name}")\ndoc = nlp("…")\nprint({_where(examples)})\n```',
                "## What it finds",
                _types(nlp, scores),
                "## How well",
                _overall(scores),
                "## From what",
                _data(splits),
                "Made with " + ", ".join(f"{package} {installed_version(package)}" for package in PACKAGES) + ".",
                "## What it says",
                _examples(examples),
            ]
        )
        + "\n"
    )


def _types(nlp: Language, scores: Scores) -> str:
    descriptions = {}
    for _, pipe in nlp.pipeline:
        descriptions.update(getattr(pipe, "descriptions", {}))
    labels = sorted(
        set(descriptions) | set(scores.per_type), key=lambda label: (-scores.per_type.get(label, {"f": 0})["f"], label)
    )
    rows = ["| Type | Meaning | P | R | F1 |", "| --- | --- | ---: | ---: | ---: |"]
    for label in labels:
        one = scores.per_type.get(label)
        numbers = " | ".join(f"{100 * one[part]:.1f}" for part in "prf") if one else "| | "
        rows.append(f"| {label} | {descriptions.get(label, '')} | {numbers} |")
    return "\n".join(rows)


def _overall(scores: Scores) -> str:
    rows = [("Spans and types", scores.p, scores.r, scores.f)]
    rows.append(("Spans alone", scores.detect_p, scores.detect_r, scores.detect_f))
    lines = ["| Test | P | R | F1 |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {name} | {100 * p:.1f} | {100 * r:.1f} | {100 * f:.1f} |" for name, p, r, f in rows]
    return "\n".join(lines) + f"\n\n{scores.docs} texts, {scores.words_per_second:,.0f} words/s."


def _data(splits: Dict[str, Dict]) -> str:
    lines = ["| Split | Texts | Words | Spans |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {name} | {s['docs']} | {s['words']} | {s['spans']} |" for name, s in splits.items()]
    return "\n".join(lines)


def _examples(docs: List[Doc]) -> str:
    return "\n\n".join(f"> {_inline(doc)}" for doc in docs)


def _where(examples: List[Doc]) -> str:
    """RETURNS (str): Where the pipeline writes."""
    keys = [key for doc in examples for key, group in doc.spans.items() if len(group)]
    return "doc.ents" if any(doc.ents for doc in examples) or not keys else f'doc.spans["{keys[0]}"]'


def _inline(doc: Doc) -> str:
    text, last = "", 0
    spans = doc.ents or [span for group in doc.spans.values() for span in group]
    for ent in sorted(filter_spans(spans)):
        text += doc.text[last : ent.start_char] + f"**{ent.text}** _{ent.label_}_"
        last = ent.end_char
    return text + doc.text[last:]
