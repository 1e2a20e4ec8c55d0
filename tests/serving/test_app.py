"""The web service: JSON, limits, keys, Label Studio and INCEpTION."""

import asyncio
import base64
import io
import re

import cassis
import pytest
import spacy
from fastapi.testclient import TestClient
from small_models import TOK2VEC
from spacy.language import Language

from spacy_lowner.cli.serve import shown_name
from spacy_lowner.serving import Limits, Predictor, create_app
from spacy_lowner.serving.predictor import DeadlineExceeded, QueueFull

TEXT = "Ada Lovelace met Bob in Rome 🙂 with Ada."
CONFIG = """
<View>
  <Labels name="kind" toName="body"><Label value="PER"/></Labels>
  <Text name="body" value="$content"/>
</View>
"""


@pytest.fixture
def ruler():
    """A pipeline that finds three names, without scores."""
    nlp = spacy.blank("en")
    patterns = [{"label": "PER", "pattern": name} for name in ("Ada", "Bob")] + [{"label": "LOC", "pattern": "Rome"}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    return nlp


@pytest.fixture
def scored(make_doc, make_example):
    """A pipeline with scores: an untrained model whose threshold is 0.02."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "hidden_dim": 8, "biaffine_dim": 20, "tok2vec": TOK2VEC}
    nlp.add_pipe("knowfree_spancat", config={"label_semantics": False, "threshold": 0.02, "model": model})
    nlp.initialize(lambda: [make_example(make_doc("Ada met Bob", (0, 1, "PER"), (2, 3, "LOC")))])
    return nlp


def client(nlp, **options):
    return TestClient(create_app(nlp, **options))


def test_predicts_spans(ruler):
    with client(ruler) as service:
        answer = service.post("/predict", json={"texts": [TEXT, "", "nobody"]})
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == "en_pipeline-0.0.0"
    found = [[(span["text"], span["label"]) for span in one["spans"]] for one in body["predictions"]]
    assert found == [[("Ada", "PER"), ("Bob", "PER"), ("Rome", "LOC"), ("Ada", "PER")], [], []]
    assert all(TEXT[s["start"] : s["end"]] == s["text"] for s in body["predictions"][0]["spans"])
    assert body["predictions"][0]["spans"][0]["score"] is None


@pytest.mark.parametrize(
    "folder, given, shown",
    [("drugs/model-best", None, "drugs/model-best"), ("drugs", None, "drugs"), ("drugs", "mine", "en_mine-0.0.0")],
)
def test_a_pipeline_without_a_name_has_that_of_its_folder(ruler, tmp_path, folder, given, shown):
    ruler.meta["name"] = given or ruler.meta["name"]
    (tmp_path / folder).mkdir(parents=True)
    ruler.to_disk(tmp_path / folder)
    with client(ruler, name=shown_name(ruler, tmp_path / folder)) as service:
        assert service.get("/health").json()["model"] == shown


def test_selects_labels(ruler):
    with client(ruler) as service:
        answer = service.post("/predict", json={"texts": [TEXT], "labels": ["LOC"]})
        assert [span["label"] for span in answer.json()["predictions"][0]["spans"]] == ["LOC"]
        refused = service.post("/predict", json={"texts": [TEXT], "labels": ["DRUG"]})
        assert service.get("/labels").json() == {"labels": ["LOC", "PER"]}
    assert refused.status_code == 422 and "Unknown labels: 'DRUG'" in refused.json()["detail"]


def test_same_as_offline_and_by_threshold(scored):
    pipe = scored.get_pipe("knowfree_spancat")
    with client(scored) as service:
        plain = service.post("/predict", json={"texts": [TEXT]}).json()["predictions"][0]["spans"]
        more = service.post("/predict", json={"texts": [TEXT], "threshold": 0.01}).json()["predictions"][0]["spans"]
        none = service.post("/predict", json={"texts": [TEXT], "threshold": 1.0}).json()["predictions"][0]["spans"]
    doc = scored(TEXT)
    group = doc.spans["sc"]
    assert [(s["start"], s["end"], s["label"]) for s in plain] == [(s.start_char, s.end_char, s.label_) for s in group]
    assert [span["score"] for span in plain] == pytest.approx(group.attrs["scores"].tolist(), abs=1e-4)
    assert len(more) > len(plain) > 0 and not none
    assert pipe.cfg["threshold"] == 0.02


def test_threshold_needs_a_pipe_that_has_one(ruler):
    with client(ruler) as service:
        assert service.post("/predict", json={"texts": [TEXT], "threshold": 0.5}).status_code == 422
        assert service.post("/predict", json={"texts": [TEXT], "threshold": 2}).status_code == 422


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"texts": "Ada"}', b'{"texts": [1]}', b"\xff", b""])
def test_broken_requests_are_refused(ruler, body):
    with client(ruler) as service:
        answer = service.post("/predict", content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500
        assert service.post("/predict", json={"texts": [TEXT]}).status_code == 200


def test_impossible_values_are_refused(scored):
    json_type = {"Content-Type": "application/json"}
    with TestClient(create_app(scored), raise_server_exceptions=False) as service:
        for number in ("NaN", "Infinity", "0.0", "-1"):
            body = f'{{"texts": ["Ada"], "threshold": {number}}}'.encode()
            assert service.post("/predict", content=body, headers=json_type).status_code == 422
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        untyped = service.post("/predict", content=b'{"texts": ["Ada"]}', headers=form)
        assert untyped.status_code == 422 and "Content-Type: application/json" in untyped.json()["detail"][0]["msg"]
        # Half a character.
        half = service.post("/predict", content=b'{"texts": ["Ada \\ud800 sang"]}', headers=json_type)
        assert half.status_code == 200
        labels = service.post("/predict", content=b'{"texts": [], "labels": ["\\ud800"]}', headers=json_type)
        assert labels.status_code == 422
        assert service.post("/label-studio/predict", json={"tasks": 5}).status_code == 422
        assert service.get("/labels", headers={"Authorization": b"Basic \xe9"}).status_code == 200
    with TestClient(create_app(scored, key="secret"), raise_server_exceptions=False) as service:
        assert service.get("/labels", headers={"Authorization": b"Basic \xe9"}).status_code == 401


def test_large_requests_are_refused(ruler):
    limits = Limits(texts=2, characters=10, bytes=200)
    with client(ruler, limits=limits) as service:
        assert service.post("/predict", json={"texts": ["a"] * 3}).status_code == 413
        assert service.post("/predict", json={"texts": ["a" * 11]}).status_code == 413
        assert service.post("/predict", json={"texts": ["a" * 300]}).status_code == 413
        # Without a length in its head.
        chunks = service.post("/predict", content=iter([b'{"texts": ["', b"a" * 300]))
        assert chunks.status_code == 413
        assert service.post("/predict", json={"texts": ["Ada", "Bob"]}).status_code == 200


def test_key(ruler):
    with client(ruler, key="secret") as service:
        assert service.get("/health").status_code == 200
        basic = base64.b64encode(b"anybody:secret").decode()
        for header, status in (
            (None, 401),
            ("Bearer wrong", 401),
            ("Basic ???", 401),
            ("Bearer secret", 200),
            (f"Basic {basic}", 200),
        ):
            headers = {} if header is None else {"Authorization": header}
            assert service.post("/predict", json={"texts": []}, headers=headers).status_code == status
            assert service.get("/metrics", headers=headers).status_code == status


def test_page_of_requests_loads_nothing_from_the_network(ruler):
    with client(ruler, key="secret") as service:
        assert service.get("/docs").status_code == 401
        service.headers["Authorization"] = "Bearer secret"
        page = service.get("/docs").text
        assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page)
        described = service.get("/openapi.json").json()
        assert {"200", "401", "413", "422", "429", "503"} <= set(described["paths"]["/predict"]["post"]["responses"])
        (example,) = described["components"]["schemas"]["PredictRequest"]["examples"]
        assert service.post("/predict", json=example).status_code == 200
        scripts = re.findall(r"(?:src|href)=\"(/[^\"]+)\"", page)
        assert len(scripts) == 3
        assert all(service.get(script).status_code == 200 for script in scripts)


def test_metrics_count_routes_and_not_paths(ruler):
    with client(ruler) as service:
        service.post("/predict", json={"texts": [TEXT] * 3})
        for number in range(3):
            service.get(f"/made/up/{number}")
        text = service.get("/metrics").text
    assert "lowner_texts_total 3.0" in text
    assert 'lowner_requests_total{path="/predict",status="200"} 1.0' in text
    assert 'lowner_requests_total{path="other",status="404"} 3.0' in text


def test_metrics_count_errors_of_pipes_as_such(ruler):
    ruler.add_pipe("fails_at_evil")
    with TestClient(create_app(ruler), raise_server_exceptions=False) as service:
        assert service.post("/predict", json={"texts": ["evil"]}).status_code == 500
        service.post("/label-studio/predict", json={"tasks": [{"data": {"text": "Ada"}}]})
        text = service.get("/metrics").text
    assert 'lowner_requests_total{path="/predict",status="500"} 1.0' in text
    assert 'lowner_requests_total{path="/label-studio/predict",status="200"} 1.0' in text


def test_words_of_texts_do_not_stay_in_memory(ruler):
    with client(ruler) as service:
        service.post("/predict", json={"texts": [TEXT]})
        before = len(ruler.vocab.strings)
        service.post("/predict", json={"texts": [f"unheard{number}" for number in range(200)]})
        assert len(ruler.vocab.strings) == before


@Language.component("fails_at_evil")
def fails_at_evil(doc):
    if "evil" in doc.text:
        raise ValueError("evil")
    return doc


def run(coroutine):
    return asyncio.run(coroutine)


def test_only_the_request_of_a_bad_text_fails(ruler):
    ruler.add_pipe("fails_at_evil")

    async def scenario():
        predictor = Predictor(ruler)
        await predictor.start()
        # The tasks run before the predictor, so their texts are one batch.
        tasks = [asyncio.create_task(predictor.predict([text])) for text in ("Ada", "evil", "Rome")]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await predictor.stop()
        return results

    good, bad, other = run(scenario())
    assert good[0][0].label == "PER" and other[0][0].label == "LOC"
    assert isinstance(bad, ValueError)


def test_concurrent_requests_share_batches(ruler):
    async def scenario():
        predictor = Predictor(ruler, Limits(batch=8))
        await predictor.start()
        tasks = [asyncio.create_task(predictor.predict(["Ada"] * (number % 3 + 1))) for number in range(30)]
        results = await asyncio.gather(*tasks)
        await predictor.stop()
        return results, predictor.batches

    results, batches = run(scenario())
    assert [len(result) for result in results] == [number % 3 + 1 for number in range(30)]
    assert batches < 30


def test_full_queue_and_deadline(ruler):
    @Language.component("slow")
    def slow(doc):
        import time

        time.sleep(0.3)
        return doc

    ruler.add_pipe("slow")

    async def scenario():
        predictor = Predictor(ruler, Limits(waiting=2, seconds=0.1, batch=1))
        await predictor.start()
        tasks = [asyncio.create_task(predictor.predict(["Ada"])) for _ in range(4)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await predictor.stop()
        return results

    kinds = [type(result) for result in run(scenario())]
    assert QueueFull in kinds and DeadlineExceeded in kinds


def test_label_studio(ruler):
    tasks = [{"id": 1, "data": {"content": TEXT}}, {"id": 2, "data": {"content": "x"}}]
    with client(ruler) as service:
        assert service.get("/label-studio/health").json()["status"] == "UP"
        assert service.post("/label-studio/setup", json={"project": "1", "schema": CONFIG}).status_code == 200
        answer = service.post("/label-studio/predict", json={"tasks": tasks, "label_config": CONFIG})
        assert service.post("/label-studio/webhook", json={"action": "ANNOTATION_CREATED"}).status_code == 200
        for wrong in ("<View/>", "<View", '<!DOCTYPE x [<!ENTITY a "b">]><View/>'):
            assert service.post("/label-studio/predict", json={"tasks": [], "label_config": wrong}).status_code == 422
        no_text = service.post("/label-studio/predict", json={"tasks": [{"data": {}}], "label_config": CONFIG})
    assert no_text.status_code == 422
    first, second = answer.json()["results"]
    # Rome has a label that the interface does not know.
    assert [one["value"]["text"] for one in first["result"]] == ["Ada", "Bob", "Ada"]
    assert {(one["from_name"], one["to_name"], one["type"]) for one in first["result"]} == {("kind", "body", "labels")}
    assert second["result"] == []


def cas_of(text, feature="value"):
    types = cassis.load_dkpro_core_typesystem()
    layer = types.create_type("custom.Entity", supertypeName="uima.tcas.Annotation")
    types.create_feature(layer, feature, "uima.cas.String")
    types.create_feature(layer, f"{feature}_score", "uima.cas.Double")
    types.create_feature(layer, "inception_internal_predicted", "uima.cas.Boolean")
    cas = cassis.Cas(types)
    cas.sofa_string, cas.sofa_mime = text, "text/plain"
    sentence = types.get_type("de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence")
    middle = text.index("Rome")
    for start, end in ((0, middle), (middle, len(text))):
        cas.add(sentence(begin=start, end=end))
    return cas


def test_inception_reads_documents_of_any_length(ruler):
    cas = cas_of("Ada in Rome. " * 400)
    sentence = cas.typesystem.get_type("de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence")
    for one in cas.select(sentence.name):
        cas.remove(one)
    for number in range(400):
        cas.add(sentence(begin=13 * number, end=13 * number + 12))
    request = {
        "metadata": {"layer": "custom.Entity", "feature": "value", "projectId": 1, "anchoringMode": "tokens"},
        "document": {"xmi": cas.to_xmi()},
        "typeSystem": cas.typesystem.to_xml(),
    }
    with client(ruler) as service:
        answer = service.post("/inception/predict", json=request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["document"].count("custom:Entity ") == 800


def test_inception(scored):
    cas = cas_of(TEXT)
    request = {
        "metadata": {"layer": "custom.Entity", "feature": "value", "projectId": 1, "anchoringMode": "characters"},
        "document": {"xmi": cas.to_xmi(), "documentId": 7, "userId": "ada"},
        "typeSystem": cas.typesystem.to_xml(),
    }
    with client(scored) as service:
        answer = service.post("/inception/predict", json=request)
        assert answer.status_code == 200, answer.text
        assert service.post("/inception/train", json=request).status_code == 204
        for path, value in (("layer", "custom.None"), ("feature", "kind")):
            wrong = {**request, "metadata": {**request["metadata"], path: value}}
            assert service.post("/inception/predict", json=wrong).status_code == 422
        hidden = {**request, "document": {"xmi": '<?xml version="1.0" encoding="UTF-7"?><x/>'}}
        assert service.post("/inception/predict", json=hidden).status_code == 422
        broken = {**request, "document": {"xmi": "<xmi"}}
        assert service.post("/inception/predict", json=broken).status_code == 422
    found = cassis.load_cas_from_xmi(io.BytesIO(answer.json()["document"].encode()), cas.typesystem)
    annotations = found.select("custom.Entity")
    middle = TEXT.index("Rome")
    parts = [(0, scored(TEXT[:middle])), (middle, scored(TEXT[middle:]))]
    expected = [
        (offset + span.start_char, offset + span.end_char, span.label_)
        for offset, doc in parts
        for span in doc.spans["sc"]
    ]
    assert expected
    assert sorted((one.begin, one.end, one.value) for one in annotations) == sorted(expected)
    assert all(one.inception_internal_predicted and 0 < one.value_score <= 1 for one in annotations)
