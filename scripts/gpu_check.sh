#!/usr/bin/env bash
# Run the checks that need a GPU. Run this in the root of the repository, with the extras cuda and test installed.
set -euo pipefail
python -m pytest --gpu
python benchmarks/head.py --device cuda
python -m spacy project run all . --vars.gpu_id 0
for precision in false true; do
    python -m spacy train configs/knowfree.cfg --gpu-id 0 --output "training/gpu-$precision" \
        --paths.train corpus/sample-ai/train.spacy --paths.dev corpus/sample-ai/dev.spacy \
        --paths.source open --system.mixed_precision "$precision"
    python -m spacy lowner evaluate "training/gpu-$precision/model-best" corpus/sample-ai/test.spacy --gpu-id 0
done
