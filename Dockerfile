# A service of a pipeline. First: pip wheel . --no-deps -w wheels, and put the pipeline into the folder model/.
FROM python:3.11-slim
WORKDIR /service
COPY constraints.txt ./
COPY wheels wheels
# The index of CPU builds of torch, for an image without CUDA.
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0 \
    && wheel=$(ls wheels/spacy_lowner-*.whl) \
    && pip install --no-cache-dir -c constraints.txt "$wheel[serve,formats]"
COPY model model
RUN useradd --system service
USER service
EXPOSE 8080
HEALTHCHECK CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health', timeout=5)"
CMD ["python", "-m", "spacy", "lowner", "serve", "model", "--host", "0.0.0.0", "--port", "8080"]
