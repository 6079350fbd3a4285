# Wheels first, each checked against its hash; the image then gets only those that running needs.
#
# For a build that is the same tomorrow, pin the base by its digest in both lines that begin with FROM:
#   docker buildx imagetools inspect python:3.11-slim     prints it
#   FROM python:3.11-slim@sha256:...
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
    pip install --quiet --no-cache-dir --no-index --find-links /wheels "palaver[bot,postgres,openai,anthropic,metrics,tracing]" \
    && groupadd --system --gid 10001 palaver \
    && useradd --system --uid 10001 --gid palaver --home-dir /data --shell /usr/sbin/nologin palaver \
    && install --directory --owner palaver --group palaver --mode 0700 /data
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /data
# Nothing is written but to /data: the root file system can be read-only (--read-only --tmpfs /tmp).
ENV PALAVER_HOME=/data PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Conversations, and the key without which nobody can read them.
VOLUME /data
# It asks the bot through the control socket in /data; no port has to be open for it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["palaver", "health"]
# When it is told to end, turns that are under way get 20 seconds: docker stop -t 30.
CMD ["palaver", "run"]
