# Wheels first, each checked against its hash; the image then gets only those that running needs.
FROM python:3.11-slim AS wheels
WORKDIR /build
COPY constraints.txt .
RUN pip wheel --quiet --no-cache-dir --require-hashes --requirement constraints.txt --wheel-dir /wheels
COPY pyproject.toml README.md LICENSE ./
COPY sessions sessions
COPY adapters adapters
COPY bot bot
COPY config config
RUN pip wheel --quiet --no-index --find-links /wheels --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --quiet --no-cache-dir --no-index --find-links /wheels "palaver[bot,openai,anthropic]" \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin palaver \
    && install --directory --owner palaver --mode 0700 /data
USER palaver
WORKDIR /data
ENV PALAVER_HOME=/data PYTHONUNBUFFERED=1
# Conversations, and the key without which nobody can read them.
VOLUME /data
CMD ["palaver", "chat"]
