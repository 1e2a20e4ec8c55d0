r"""The cost of reasoning: requests, tokens and money for a thousand sentences, extrapolated from a few of them.

The first command makes the input of the second:

    python -m spacy lowner confusion --target-model training/target/ai/model-best \
        --source-model training/conll2003/ner/model-last --train corpus/crossner/ai/train.spacy \
        --dev corpus/crossner/ai/dev.spacy --output confusion.json
    python benchmarks/llm_cost.py confusion.json corpus/crossner/ai/test.spacy --base-url local \
        --prompt-price 0.15 --completion-price 0.6
"""

import argparse
import time
from contextlib import nullcontext
from itertools import product
from pathlib import Path

from report_page import publish

from spacy_lowner.corpus.docs import read_docs
from spacy_lowner.corpus.files import read_json_file
from spacy_lowner.llm.client import OpenAIClient
from spacy_lowner.llm.local import local_server
from spacy_lowner.reasoning.chain import ReasoningChain
from spacy_lowner.reasoning.examples import load_examples
from spacy_lowner.reasoning.reason import reason_about

# The ablations of Table 2: without reasoning about coarse types, without reasoning against the confusing type, both.
ABLATIONS = {
    (True, True): "whole",
    (False, True): "no initial",
    (True, False): "no backward",
    (False, False): "neither",
}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("confusion", type=Path, help="output of spacy lowner confusion --output")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--count", type=int, default=10, help="number of texts in the requests")
    parser.add_argument("--examples", default="ai")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--base-url", help="URL of a server, or local")
    parser.add_argument("--max-concurrency", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--prompt-price", type=float, default=0.0, help="price per million tokens")
    parser.add_argument("--completion-price", type=float, default=0.0, help="price per million tokens")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    confusion = read_json_file(arguments.confusion)
    rows = []
    with local_server() if arguments.base_url == "local" else nullcontext(arguments.base_url) as url:
        for initial, backward in product((True, False), repeat=2):
            chain = ReasoningChain.from_confusion(confusion, initial=initial, backward=backward)
            chain.examples = load_examples(arguments.examples)
            docs = list(read_docs(arguments.texts))[: arguments.count]
            client = OpenAIClient(
                arguments.model,
                url,
                max_concurrency=arguments.max_concurrency,
                parameters={"temperature": 0, "max_tokens": arguments.max_tokens},
                prompt_price=arguments.prompt_price,
                completion_price=arguments.completion_price,
            )
            started = time.perf_counter()
            reasoned = reason_about(
                docs, client, chain, model_name=arguments.model, description=ABLATIONS[initial, backward]
            )
            seconds, usage = time.perf_counter() - started, client.usage
            client.close()
            thousand = 1000 / len(docs)
            numbers = (usage.calls, usage.prompt_tokens, usage.completion_tokens)
            costs = (f"{usage.cost * thousand:.2f}", f"{seconds * thousand:,.0f}")
            complete = f"{100 * reasoned.complete / len(docs):.0f}%"
            rows.append(
                (ABLATIONS[initial, backward], *(f"{number * thousand:,.0f}" for number in numbers), *costs, complete)
            )
    header = ("Prompt", "calls", "tokens in", "tokens out", "cost", "seconds", "complete")
    prices = f"{arguments.prompt_price} and {arguments.completion_price} per million tokens in and out"
    notes = (
        f"For 1,000 sentences, from {arguments.count} of {arguments.texts} by {arguments.model}; "
        f"{arguments.max_concurrency} requests at a time, at most {arguments.max_tokens} tokens each. Cost at "
        f"{prices}. Complete: replies with all requested fields."
    )
    publish("The cost of reasoning", header, rows, notes, arguments.output)


if __name__ == "__main__":
    main()
