# Build stage: creates the virtual environment from uv.lock; the final image gets it without the build tools.
FROM python:3.13.11-slim-bookworm@sha256:20080e807bfc404f8450b185cf0fc95d553462673598549613735f70a5b4d5d0 AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
ENV UV_PROJECT_ENVIRONMENT=/app/.venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project --compile-bytecode
COPY settings.py asgi.py ./
COPY static static
COPY webapp webapp
RUN uv sync --frozen --no-dev --no-editable --compile-bytecode

FROM python:3.13.11-slim-bookworm@sha256:20080e807bfc404f8450b185cf0fc95d553462673598549613735f70a5b4d5d0
RUN useradd --system --uid 10001 --home-dir /data rowcast && install -d -o rowcast -m 700 /data
COPY --from=build /app/.venv /app/.venv
# Listen on all addresses of the container; the published port decides who can reach it. The first
# account therefore requires the set-up key from the log.
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 ROWCAST_HOST=0.0.0.0 ROWCAST_DATA_DIR=/data
USER rowcast
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["rowcast", "serve"]
