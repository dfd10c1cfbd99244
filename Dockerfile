# The application's own environment, made from uv.lock where the tools are, and carried to where they are not.
FROM python:3.13-slim-bookworm AS build
RUN pip install --no-cache-dir uv
WORKDIR /app
ENV UV_PROJECT_ENVIRONMENT=/app/.venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project --compile-bytecode
COPY settings.py asgi.py ./
COPY static static
COPY webapp webapp
RUN uv sync --frozen --no-dev --no-editable --compile-bytecode

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data rowcast && install -d -o rowcast -m 700 /data
COPY --from=build /app/.venv /app/.venv
# Inside a container every address is its own; what is reachable from outside, the published port decides. The first
# account then asks for the set-up key that the log shows.
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 ROWCAST_HOST=0.0.0.0 ROWCAST_DATA_DIR=/data
USER rowcast
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["rowcast", "serve"]
