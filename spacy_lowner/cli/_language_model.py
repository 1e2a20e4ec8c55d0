"""What commands that ask a language model share: its options, its client, an estimate."""

from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import typer
from spacy import registry
from spacy.tokens import Doc
from thinc.api import ConfigValidationError
from wasabi import msg

from ..corpus.extensions import TASKS, rename_extensions
from ..corpus.files import read_json_file, write_json
from ..errors import Errors, LownerError
from ..knowledge.extend import LANGUAGE_MODEL
from ..knowledge.label_map import LabelMapT
from ..knowledge.report import Report
from ..llm.cleaning import clean_message
from ..llm.client import OpenAIClient
from ..llm.local import LOCAL, LOCAL_MODEL, PARALLEL, local_server
from ..llm.messages import Request
from ..models.hf.encoder import embed_texts
from ..types import EmbedT

CLIENT = "spacy-lowner.OpenAI.v1"
# Bytes of a token, for estimates: four letters of English, or a letter of Chinese and a bit.
BYTES = 4

MODEL = typer.Option(None, help="The server's name for the language model")
BASE_URL = typer.Option(
    None, help=f"An OpenAI-compatible server; {LOCAL} starts the one of the extra local-llm; by default OpenAI's"
)
CACHE = typer.Option(Path("llm-cache.sqlite"), help="Replies, which are never asked for twice")
MAX_CONCURRENCY = typer.Option(16, min=1, help="Calls at once")
MAX_TOKENS = typer.Option(2048, min=1, help="Of a reply")
SETTINGS = typer.Option(
    None,
    help="JSON of settings of spacy-lowner.OpenAI.v1, which go before the options: parameters, deadline, prices, ...",
)
LANGUAGE = typer.Option("en", help="Of the prompts: en or zh")
PARTS_ASKED = typer.Option(",".join(TASKS), "--parts", help="What to ask for: entities, pos, or both")
MERGE = typer.Option(True, help="Merge labels that mean the same")
LABEL_MAP = typer.Option(None, help="JSON of names for extension labels, by label; null leaves a label out")
EMBEDDING = typer.Option("minilm", help="Sentence encoder that tests which labels are merged")
LIMIT = typer.Option(
    0, min=0, help="Sentences to ask about, from the first; 0 asks about all. The others are kept as they are"
)
DRY_RUN = typer.Option(False, help="Print two prompts and an estimate, and ask nothing")
SPANS_KEY = typer.Option("sc", help="Key of the entities in doc.spans")


@contextmanager
def open_client(
    model: Optional[str],
    base_url: Optional[str],
    *,
    cache: Path,
    max_concurrency: int,
    max_tokens: int,
    settings: Optional[Path] = None,
) -> Iterator[OpenAIClient]:
    """Talk to a server for the block.

    model (Optional[str]), base_url (Optional[str]), cache (Path), max_concurrency (int): As of `OpenAIClient`.
    max_tokens (int): Of a reply. settings (Optional[Path]): JSON of arguments of `spacy-lowner.OpenAI.v1`, which go before these.
    YIELDS (OpenAIClient): The client. RAISES (LownerError): If no model is named, a setting is wrong, or no request was
    answered.
    """
    block = {
        "@misc": CLIENT,
        "model": model,
        "base_url": base_url,
        "cache": str(cache),
        "max_concurrency": max_concurrency,
    }
    block.update(_given(max_tokens, settings))
    local = block["base_url"] == LOCAL
    if local:
        block["model"] = block["model"] or LOCAL_MODEL
    if local and isinstance(block["max_concurrency"], int):
        # More would wait in the server's queue until they are out of time.
        block["max_concurrency"] = min(block["max_concurrency"], PARALLEL)
    if not block["model"]:
        raise LownerError(Errors.LN083)
    with local_server() if local else nullcontext(block["base_url"]) as url:
        try:
            client: OpenAIClient = registry.resolve({"client": {**block, "base_url": url}})["client"]
        except ConfigValidationError as error:
            wrong = "; ".join(f"{'.'.join(one['loc'])}: {one['msg']}" for one in error.errors)
            raise LownerError(Errors.LN097.format(path=settings, wrong=wrong)) from None
        try:
            yield client
        finally:
            client.close()
    msg.info(client.usage.summary())
    if client.usage.all_failed:
        raise LownerError(Errors.LN077.format(count=client.usage.failed, reason=client.usage.last_error))


def _given(max_tokens: int, settings: Optional[Path]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The settings of a file, with the parameters that are sent."""
    given = {"parameters": {}, **(_read_settings(settings) if settings is not None else {})}
    if isinstance(given["parameters"], dict):
        sent = {"temperature": 0, "max_tokens": max_tokens, **given["parameters"]}
        given["parameters"] = {name: value for name, value in sent.items() if value is not None}
    return given


def _read_settings(path: Path) -> Dict[str, Any]:
    """Read --settings.

    path (Path): The file.
    RETURNS (Dict[str, Any]): The settings.
    RAISES (LownerError): If they name another client, or a registered function.
    """
    given = read_json_file(path)
    if given.get("@misc") == CLIENT:
        del given["@misc"]
    name = _first_registered(given)
    if name is not None:
        raise LownerError(Errors.LN133.format(path=path, name=name))
    return given


def _first_registered(settings: Any) -> Optional[str]:
    """RETURNS (Optional[str]): A name in JSON that a config would resolve, such as `@misc`; None without one."""
    rest = [settings]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            for name in value:
                if name[:1] in ("@", "*"):
                    return clean_message(name)
            rest += value.values()
        elif isinstance(value, list):
            rest += value
    return None


def merging_embedding(merge: bool, embedding: str) -> Optional[EmbedT]:
    """RETURNS (Optional[EmbedT]): The sentence encoder that tests which labels are merged; None where none should be."""
    return partial(embed_texts, name=embedding) if merge else None


def origin_of(client: OpenAIClient) -> str:
    """RETURNS (str): Who is asked: the labels of another model are others."""
    return f"{LANGUAGE_MODEL}:{client.model}"


def name_labels(docs: Sequence[Doc], names: LabelMapT, path: Optional[Path]) -> None:
    """Give extension labels the names of --label-map, and tell where it names none of them."""
    if path is not None and not sum(rename_extensions(doc, names, path.stem) for doc in docs):
        msg.warn("--label-map names no label that was found")


def check_parts(parts: str) -> List[str]:
    """RETURNS (List[str]): The parts of a list with commas. RAISES (LownerError): If there are none or others."""
    chosen = [part for part in parts.split(",") if part]
    if not chosen or set(chosen) - set(TASKS):
        raise LownerError(Errors.LN014.format(what="--parts", value=parts, options=", ".join(TASKS)))
    return chosen


def write_report(report: Report, path: Path) -> None:
    """Write what was used and what not, and tell of the latter."""
    write_json(path, report.as_dict())
    for cause, count in report.unused.most_common():
        if count:
            msg.warn(f"{cause}: {count} (see {path})")


def most_tokens(max_tokens: int, settings: Optional[Path]) -> Optional[int]:
    """RETURNS (Optional[int]): Tokens that a reply has at most, by --settings or else --max-tokens; None where no limit is sent."""
    sent = _given(max_tokens, settings)["parameters"]
    most = sent.get("max_completion_tokens", sent.get("max_tokens")) if isinstance(sent, dict) else None
    return most if isinstance(most, int) and not isinstance(most, bool) else None


def print_estimate(requests: Sequence[Request], *, calls: int, size: int, most: Optional[int]) -> None:
    """Print the first and the last prompt, and what all would cost.

    requests (Sequence[Request]): Those that are known. calls (int): In all. size (int): Bytes of all prompts.
    most (Optional[int]): Tokens of a reply at most; None where there is no limit.
    """
    for request in [*requests[:1], *requests[1:][-1:]]:
        typer.echo(f"{request.messages[-1][1]}\n\n---\n")
    answers = "answers without a limit" if most is None else f"at most {calls * most:,} of answers"
    msg.info(f"About {calls} calls, {size // BYTES:,} tokens of prompts, and {answers}")


def bytes_of(requests: Sequence[Request]) -> int:
    """RETURNS (int): Bytes of all prompts."""
    return sum(len(request.messages[-1][1].encode("utf8")) for request in requests)


def report_extensions(docs: Sequence[Doc], key: str) -> str:
    """RETURNS (str): How many spans of how many labels are under a key."""
    labels = [span.label_ for doc in docs for span in doc.spans.get(key, [])]
    return f"{len(labels)} extension spans of {len(set(labels))} labels on {len(docs)} sentences"
