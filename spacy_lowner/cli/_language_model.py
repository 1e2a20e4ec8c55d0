"""The options, the client and the cost estimate of all commands that use a language model."""

from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import typer
from spacy import registry
from spacy.tokens import Doc
from thinc.api import ConfigValidationError
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.extensions import TASKS, rename_extensions
from ..corpus.files import read_json_file, write_json
from ..errors import Errors, LownerError
from ..knowledge.extend import LANGUAGE_MODEL
from ..knowledge.label_map import LabelMapT
from ..knowledge.report import Report
from ..llm.cleaning import clean_message
from ..llm.client import OpenAIClient
from ..llm.local import LOCAL, PARALLEL, LocalModel, local_server
from ..llm.messages import Request
from ..models.hf.encoder import embed_texts
from ..types import EmbedT

CLIENT = "spacy-lowner.OpenAI.v1"
# For estimates: a token is about four letters of English, or one character of Chinese, which has three bytes.
BYTES_PER_TOKEN = 4

MODEL = typer.Option(
    None, help=f"Name of the language model, as its server knows it; with --base-url {LOCAL}, a GGUF file"
)
BASE_URL = typer.Option(
    None, help=f"URL of an OpenAI-compatible server, by default OpenAI's; {LOCAL} serves a model on this machine"
)
CACHE = typer.Option(Path("llm-cache.sqlite"), help="SQLite file of replies, which are never requested twice")
MAX_CONCURRENCY = typer.Option(16, min=1, help="Requests at once")
MAX_TOKENS = typer.Option(2048, min=1, help="Tokens of a reply at most")
SETTINGS = typer.Option(
    None,
    help="JSON of settings of spacy-lowner.OpenAI.v1, which override the options: parameters, deadline, prices, ...",
)
LANGUAGE = typer.Option("en", help="Language of the prompts: en or zh")
TASK_NAMES = typer.Option(",".join(TASKS), "--tasks", help="Extension labels to annotate: entities, pos, or both")
MERGE = typer.Option(True, help="Merge labels of the same meaning")
LABEL_MAP = typer.Option(None, help="JSON of new names for extension labels, by label; null drops a label")
EMBEDDING = typer.Option("minilm", help="Sentence encoder that tests which labels to merge")
LIMIT = typer.Option(
    0, min=0, help="Number of sentences to annotate, from the first; 0 is all. The others are kept as they are"
)
DRY_RUN = typer.Option(False, help="Print two prompts and a cost estimate, and send no request")
SPANS_KEY_OPTION = typer.Option(SPANS_KEY, help="Key of the entities in doc.spans")


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
    """Open a client for the duration of a `with` block, and print its usage at the end.

    model (Optional[str]): The server's name for the model.
    base_url (Optional[str]): The URL of the server. "local" starts a server of a small model, None is OpenAI's.
    cache (Path): The SQLite file of replies.
    max_concurrency (int): Requests at once.
    max_tokens (int): The largest number of tokens of a reply.
    settings (Optional[Path]): JSON of settings of `spacy-lowner.OpenAI.v1`, which override the arguments.
    YIELDS (OpenAIClient): The client.
    RAISES (LownerError): If no model is named, a setting is wrong, or no request was answered.
    """
    block = {
        "@misc": CLIENT,
        "model": model,
        "base_url": base_url,
        "cache": str(cache),
        "max_concurrency": max_concurrency,
    }
    block.update(_client_settings(max_tokens, settings))
    local = LocalModel.chosen(str(block["model"] or "")) if block["base_url"] == LOCAL else None
    if local is not None:
        block["model"] = local.name
    if local is not None and isinstance(block["max_concurrency"], int):
        # More requests would wait in the queue of the server until their deadlines are over.
        block["max_concurrency"] = min(block["max_concurrency"], PARALLEL)
    if not block["model"]:
        raise LownerError(Errors.LN083)
    with local_server(local.path) if local is not None else nullcontext(block["base_url"]) as url:
        try:
            client: OpenAIClient = registry.resolve({"client": {**block, "base_url": url}})["client"]
        except ConfigValidationError as error:
            wrong = "; ".join(f"{'.'.join(problem['loc'])}: {problem['msg']}" for problem in error.errors)
            raise LownerError(Errors.LN097.format(path=settings, wrong=wrong)) from None
        try:
            yield client
        finally:
            client.close()
    msg.info(client.usage.summary())
    if client.usage.all_failed:
        raise LownerError(Errors.LN077.format(count=client.usage.failed, reason=client.usage.last_error))


def _client_settings(max_tokens: int, path: Optional[Path]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The settings of a file, with the parameters of each request."""
    settings = {"parameters": {}, **(_read_settings(path) if path is not None else {})}
    if isinstance(settings["parameters"], dict):
        parameters = {"temperature": 0, "max_tokens": max_tokens, **settings["parameters"]}
        # Some servers reject a parameter: null removes it.
        settings["parameters"] = {name: value for name, value in parameters.items() if value is not None}
    return settings


def _read_settings(path: Path) -> Dict[str, Any]:
    """Read --settings.

    path (Path): The file.
    RETURNS (Dict[str, Any]): The settings.
    RAISES (LownerError): If they name another client, or a registered function.
    """
    settings = read_json_file(path)
    if settings.get("@misc") == CLIENT:
        del settings["@misc"]
    name = _first_registered(settings)
    if name is not None:
        raise LownerError(Errors.LN133.format(path=path, name=name))
    return settings


def _first_registered(settings: Any) -> Optional[str]:
    """RETURNS (Optional[str]): The first key that a config would resolve, such as `@misc`. None without one."""
    remaining = [settings]
    while remaining:
        value = remaining.pop()
        if isinstance(value, dict):
            for name in value:
                if name[:1] in ("@", "*"):
                    return clean_message(name)
            remaining += value.values()
        elif isinstance(value, list):
            remaining += value
    return None


def merging_embedding(merge: bool, embedding: str) -> Optional[EmbedT]:
    """Load the sentence encoder that tests which labels to merge.

    merge (bool): Whether to merge labels.
    embedding (str): The name of the encoder.
    RETURNS (Optional[EmbedT]): The encoder. None if no labels are merged.

    >>> merging_embedding(False, "minilm") is None
    True
    """
    return partial(embed_texts, name=embedding) if merge else None


def origin_of(client: OpenAIClient) -> str:
    """Name a language model as an annotator. Another model is another annotator, with other labels.

    client (OpenAIClient): The client.
    RETURNS (str): The name.

    >>> origin_of(OpenAIClient("qwen2.5"))
    'llm:qwen2.5'
    """
    return f"{LANGUAGE_MODEL}:{client.model}"


def name_labels(docs: Sequence[Doc], names: LabelMapT, path: Optional[Path]) -> None:
    """Rename extension labels by --label-map, and warn if it has none of them.

    docs (Sequence[Doc]): The Docs.
    names (LabelMapT): New names by label.
    path (Optional[Path]): The file of the names. None renames nothing.

    >>> name_labels([], {}, None)
    """
    if path is not None and not sum(rename_extensions(doc, names, path.stem) for doc in docs):
        msg.warn("--label-map names no label of these sentences")


def check_tasks(names: str) -> List[str]:
    """Read the names of --tasks.

    names (str): The names, separated by commas.
    RETURNS (List[str]): The tasks.
    RAISES (LownerError): If there is no name, or an unknown one.

    >>> check_tasks("entities,pos")
    ['entities', 'pos']
    """
    tasks = [name for name in names.split(",") if name]
    if not tasks or set(tasks) - set(TASKS):
        raise LownerError(Errors.LN014.format(what="task", value=names, options=", ".join(TASKS)))
    return tasks


def write_report(report: Report, path: Path) -> None:
    """Write the counts of a workflow, and warn about rejected responses.

    report (Report): The counts.
    path (Path): The JSON file.
    """
    write_json(path, report.as_dict())
    for reason, count in report.rejected.most_common():
        if count:
            msg.warn(f"{reason}: {count} (see {path})")


def token_limit(max_tokens: int, settings: Optional[Path]) -> Optional[int]:
    """Find the limit of tokens of a reply.

    max_tokens (int): The value of --max-tokens.
    settings (Optional[Path]): The file of --settings, which may override it.
    RETURNS (Optional[int]): The limit. None if the requests have none.

    >>> token_limit(256, None)
    256
    """
    parameters = _client_settings(max_tokens, settings)["parameters"]
    if not isinstance(parameters, dict):
        return None
    limit = parameters.get("max_completion_tokens", parameters.get("max_tokens"))
    return limit if isinstance(limit, int) and not isinstance(limit, bool) else None


def print_estimate(requests: Sequence[Request], *, calls: int, size: int, max_tokens: Optional[int]) -> None:
    """Print the first and the last prompt, and the estimated tokens of all.

    requests (Sequence[Request]): The requests that are known in advance.
    calls (int): Number of all requests.
    size (int): Bytes of all prompts.
    max_tokens (Optional[int]): The largest number of tokens of a reply. None if there is no limit.
    """
    for request in [*requests[:1], *requests[1:][-1:]]:
        typer.echo(f"{request.messages[-1][1]}\n\n---\n")
    answers = "answers without a limit" if max_tokens is None else f"at most {calls * max_tokens:,} of answers"
    msg.info(f"About {calls} calls, {size // BYTES_PER_TOKEN:,} tokens of prompts, and {answers}")


def bytes_of(requests: Sequence[Request]) -> int:
    """Measure prompts.

    requests (Sequence[Request]): The requests.
    RETURNS (int): Bytes of all prompts.

    >>> bytes_of([Request.of("abc"), Request.of("de")])
    5
    """
    return sum(len(request.messages[-1][1].encode("utf8")) for request in requests)


def report_extensions(docs: Sequence[Doc], key: str) -> str:
    """Describe the extension labels of Docs.

    docs (Sequence[Doc]): The Docs.
    key (str): The key of the extension spans.
    RETURNS (str): The numbers of spans, labels and sentences.

    >>> import spacy
    >>> report_extensions([spacy.blank("en")("Rome")], "sc_ext")
    '0 extension spans of 0 labels on 1 sentences'
    """
    labels = [span.label_ for doc in docs for span in doc.spans.get(key, [])]
    return f"{len(labels)} extension spans of {len(set(labels))} labels on {len(docs)} sentences"
