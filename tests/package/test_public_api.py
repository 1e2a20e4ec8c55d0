"""The public names: a change here is a change for users."""

import importlib
import subprocess
import sys

import pytest

PUBLIC = {
    "augment": ["FactMix", "Infill", "augment_corpus", "build_factmix", "create_factmix_augmenter"],
    "bulk": [
        "BulkReport",
        "ENGINES",
        "PartPredictor",
        "json_lines",
        "predict_parts",
    ],
    "confusion": ["Confusion", "load_wordnet", "measure_confusion"],
    "corpus": [
        "ConvertReport",
        "CorpusStatistics",
        "ExportOptions",
        "LabeledSpan",
        "PartialAnnotation",
        "Sentence",
        "describe_corpus",
        "export_corpus",
        "load_corpus",
        "read_docs",
        "sample_shots",
        "sample_size",
        "split_docs",
        "stream_corpus",
        "write_corpus",
        "write_docs",
        "write_partial",
    ],
    "evidence": ["Statement", "read_statements"],
    "knowledge": [
        "AnnotationTask",
        "Report",
        "annotate_corpus",
        "explain_entities",
        "extend_corpus",
        "load_tagger",
        "read_label_map",
    ],
    "labelling": ["calibration_error", "find_suspects", "fit_calibration", "suggest_texts"],
    "llm": [
        "LanguageModel",
        "OpenAIClient",
        "ReplayLLM",
        "Reply",
        "Request",
        "create_openai_client",
        "create_replay_llm",
    ],
    "models": [
        "build_contrast_ner",
        "build_entlm",
        "build_knowfree",
        "build_pointer_seq2seq",
        "build_seq2seq",
        "build_tok2vec_transformer",
        "build_transformer",
        "build_with_context",
        "reduce_max",
    ],
    "nn": [
        "BandedBiaffine",
        "ConstrainedSeq2Seq",
        "EntLM",
        "KnowFREEHead",
        "LabelMatching",
        "LocalSpanAttention",
        "PointerSeq2Seq",
        "PromptEncoder",
        "band_bce",
        "decode",
        "extension_weights",
        "nearest_vote",
        "prompt_loss",
        "supervised_contrastive",
    ],
    "pipeline": [
        "ContrastEntityRecognizer",
        "EntLMRecognizer",
        "KnowFREESpanCategorizer",
        "LLMReasoner",
        "Seq2SeqRecognizer",
    ],
    "reasoning": ["Example", "Reasoned", "ReasoningChain", "load_examples", "reason_about"],
    "report": [
        "Grid",
        "Scores",
        "best_threshold",
        "evaluate_pipeline",
        "paired_differences",
        "read_grid",
        "render_report",
        "render_table",
        "run_grid",
        "tune_threshold",
    ],
    "onnx": ["export_pipeline"],
    "serving": ["Limits", "Predictor", "create_app"],
    "source": [
        "SourceModel",
        "SourceSettings",
        "TextStream",
        "TypedCorpus",
        "adapt_encoder",
        "learn_type",
        "open_pipeline",
        "read_corpus",
        "soft_docs",
        "soften",
        "train_source",
        "write_soft_corpus",
    ],
    "training": [
        "GroupedAdam",
        "average_pipelines",
        "create_fast_training",
        "create_grouped_adam",
        "create_start_from",
    ],
}


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_are_these_and_exist(package):
    module = importlib.import_module(f"spacy_lowner.{package}")
    assert sorted(module.__all__) == PUBLIC[package]
    for name in PUBLIC[package]:
        assert getattr(module, name).__doc__, name
        assert name in dir(module)


def test_importing_packages_imports_none_of_their_modules():
    code = "import sys\n" + "".join(f"import spacy_lowner.{name}\n" for name in PUBLIC)
    code += "print(*sorted(name for name in sys.modules if name.count('.') > 1 and name.startswith('spacy_lowner.')))\n"
    code += "print(*{'torch', 'spacy', 'thinc', 'transformers'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == []
