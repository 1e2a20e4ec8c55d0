"""Write a trained source pipeline as one small file, to start other pipelines from.

    python scripts/pack_source.py training/source/model-last source.safetensors --rank 48

The pipeline is one of configs/source_knowfree.cfg. The file is used with --paths.source source.safetensors.
"""

import argparse
from pathlib import Path

import spacy
from transformers import AutoModel

from spacy_lowner.models.hf.encoder import encoder_path
from spacy_lowner.models.hf.shim import loaded_module
from spacy_lowner.training.source_file import save_source


def main() -> None:
    """Read the pipeline and its pretrained encoder, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--encoder", default="minilm", help="the encoder that training began with")
    parser.add_argument("--rank", type=int, default=48, help="rank of the updates of the encoder's linear layers")
    args = parser.parse_args()
    nlp = spacy.load(args.pipeline)
    pipe = nlp.get_pipe("knowfree_spancat")
    save_source(
        nlp.get_pipe("transformer").model.transformer.cpu(),
        AutoModel.from_pretrained(encoder_path(args.encoder)),
        loaded_module(pipe.model.get_ref("torch")).cpu(),
        args.output,
        rank=args.rank,
        about={"descriptions": pipe.descriptions},
    )
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB, {len(pipe.labels)} types")


if __name__ == "__main__":
    main()
