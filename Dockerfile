# One node of the network: a bureau's validator.
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml README.md requirements-run.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements-run.lock
COPY consensus consensus
COPY contracts contracts
COPY node node
COPY cli cli
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && useradd --create-home --uid 10001 yibao
# A new volume takes its owner from the folder that the image has in its place.
RUN install -d -o yibao -g yibao -m 700 /data /network
USER yibao
VOLUME ["/data"]
EXPOSE 8800
# Before it answers, a node reads its whole state: minutes for a large one.
HEALTHCHECK --start-period=10m --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8800/v1/health', timeout=2)"]
CMD ["python", "-m", "node", "/data/node.toml"]
