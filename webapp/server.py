"""The server: Hypercorn in this process, with a controlled start and shutdown.

We start it ourselves because Hypercorn's command line kills requests in flight when it has several workers, exits with
0 when a worker has died, and on Python 3.12 and later waits forever for open live streams.
"""

import asyncio
import errno
import logging
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import structlog
from hypercorn.asyncio import serve as serve_asgi
from hypercorn.middleware import ProxyFixMiddleware
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError

from settings import Settings
from webapp import create_app
from webapp.db.errors import UserError
from webapp.extensions import drain
from webapp.leader import FileLeader, Leader
from webapp.serving import collector, connection, descriptors
from webapp.serving.listener import Listener
from webapp.serving.open_connections import OpenConnections
from webapp.web import observability
from webapp.web.application import Application
from webapp.web.least_rate import LeastRate
from webapp.web.streaming import StreamFailed

KEEP_ALIVE_TIMEOUT = 20.0  # seconds a connection may be idle, and a slow client may take for its headers
# Bytes of a request's head. The URL of a wide table, or of a filter with hundreds of values, has some ten thousand, and
# htmx and the browser repeat it twice, as `HX-Current-URL` and `Referer`.
MAX_HEAD_SIZE = 160 * 1024
CLOSING_TIMEOUT = 10.0  # seconds the application has to close its resources

log = structlog.get_logger("rowcast.server")


class CannotServe(UserError):
    """Why the server does not start, in one line."""


def serve(settings: Settings, *, factory: Callable[[Settings], Application] = create_app) -> int:
    """Serve until SIGTERM or Ctrl-C. Return the exit code of the process."""
    observability.configure(settings)
    leader: Leader = FileLeader(settings.data_dir)
    try:
        connections = OpenConnections(LeastRate(settings.min_download_rate, settings.rate_window))
        with leader.leading(), _bind(settings, connections) as listener:
            config = _config(settings, connection.ServerConfig(listener, connections))
            asyncio.run(_run(factory(settings), settings, config))
    except UserError as error:
        return _report_failure(str(error))
    except (LifespanFailureError, LifespanTimeoutError) as error:
        return _report_failure(f"The application could not start: {error}")
    except Exception as error:
        log.exception("the server crashed")
        return _report_failure(f"The server crashed: {error!r}")
    return 0


async def _run(app: Application, settings: Settings, config: connection.ServerConfig) -> None:
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():  # second signal: stop waiting
            app.cancel_requests()
        stop.set()
        drain.of(app).begin()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    address = _address(config.listener)

    async def wait_for_stop() -> None:
        """Hypercorn awaits this once it listens."""
        collector.settle()
        print(f"Rowcast is ready at {address}", flush=True)
        await stop.wait()

    server = asyncio.ensure_future(
        serve_asgi(_behind_proxies(app, settings), config, shutdown_trigger=wait_for_stop, mode="asgi")
    )
    cutting = asyncio.ensure_future(config.connections.cut_slow_readers())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({server, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    try:
        await _finish(app, server, settings.graceful_timeout)
    except LifespanFailureError:  # Quart closes nothing if start-up fails halfway
        try:
            await app.shutdown()
        except Exception:
            log.exception("what was open could not be closed")
        raise
    finally:
        cutting.cancel()


async def _finish(app: Application, server: "asyncio.Future[None]", grace_period: float) -> None:
    """Give requests in flight time to finish, then cancel them, so that the application always shuts down in order."""
    await asyncio.wait({server}, timeout=grace_period)
    if not server.done():
        log.warning("requests were cut, they took too long to finish", requests=len(app.in_flight))
        app.cancel_requests()
        await asyncio.wait({server}, timeout=CLOSING_TIMEOUT + 2)
    if not server.done():
        log.error("the application did not close in time")
        server.cancel()
        await asyncio.wait({server}, timeout=1)
    if server.done() and not server.cancelled():
        server.result()


def _config(settings: Settings, config: connection.ServerConfig) -> connection.ServerConfig:
    connection.install()
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_TIMEOUT
    config.h11_max_incomplete_size = MAX_HEAD_SIZE
    config.graceful_timeout = settings.graceful_timeout + 2  # our own timeout expires first
    config.shutdown_timeout = CLOSING_TIMEOUT
    config.errorlog = logging.getLogger("hypercorn.error")
    config.errorlog.addFilter(_is_unlogged)
    config.accesslog = None  # web/connection.py writes a better one
    return config


def _behind_proxies(app: Application, settings: Settings) -> Any:
    """Trust forwarded headers only from the configured proxies; else any client could claim any address."""
    if not settings.trusted_proxies:
        return app
    return ProxyFixMiddleware(app, mode="legacy", trusted_hops=settings.trusted_proxies)


def _bind(settings: Settings, connections: OpenConnections) -> Listener:
    """Bind the port before starting anything else, so that a port in use is reported at once."""
    address = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, socket_address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise CannotServe(f"There is no address {settings.host} to listen on.") from error
    limits = descriptors.connection_limits(settings, descriptors.raise_limit())
    listener = Listener(family, kind, protocol, limits=limits, make_room=connections.close_longest_idle)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(socket_address)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServe(f"{address} is in use. Stop what uses it, or choose another port (--port).") from error
        raise CannotServe(f"Cannot listen on {address}: {error.strerror}.") from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _is_unlogged(record: logging.LogRecord) -> bool:
    """A stream that failed has already been logged with its request."""
    error = record.exc_info[1] if record.exc_info else None
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return not isinstance(error, StreamFailed)


def _report_failure(message: str) -> int:
    print(f"rowcast: {message}", file=sys.stderr, flush=True)
    return 1
