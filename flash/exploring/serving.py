"""The server of the explorer's page: on this machine alone, for its own page alone.

It is werkzeug's, which comes with dash. What is added is who is answered: a request must name this
address as its host (another name that leads here is how a web page would read the answers: DNS
rebinding), and must come from the page itself. Browsers are told to load nothing from elsewhere,
and to show the page within no other.
"""

from __future__ import annotations

from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any

    from .source import Source

__all__ = ["HOST", "Served", "app_of", "bound", "served"]

HOST = "127.0.0.1"
LONGEST = 1 << 20  # bytes of a request
LARGEST_PORT = 65535

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def bound(port: int | None) -> socket:
    """Return a listening socket of this machine alone; None: of a port that is free.

    Raises
    ------
    ArgumentError
        If the port is no number of one, is taken, or may not be used.
    """
    import errno
    from socket import SO_REUSEADDR, SOL_SOCKET, socket

    from ..base.checks import integer

    if port is not None:
        port = integer("port", port, 1, LARGEST_PORT)
    made = socket()
    try:
        import sys

        if sys.platform != "win32":  # where it would let two servers have one port
            made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        made.bind((HOST, port or 0))
        made.listen(128)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise ArgumentError(
                f"port {port} is taken by another program: give another one, or none for one that "
                "is free"
            ) from None
        if error.errno == errno.EACCES:
            raise ArgumentError(
                f"port {port} may not be used by you: give one from 1024 on, or none for one that "
                "is free"
            ) from None
        raise
    return made


class Served:
    """A page that is being served, in a thread of its own."""

    def __init__(self, app: Any, listening: socket) -> None:
        from threading import Thread

        self.port: int = listening.getsockname()[1]
        self._server = _server_of(app, listening)
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.1,), name="flash explore", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Return when it has ended."""
        while self._thread.is_alive():
            self._thread.join(0.2)  # shorter than for good: Ctrl-C is heard between

    def close(self) -> None:
        """End it; a second time does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def served(source: Source, port: int | None) -> Served:
    """Serve the page of what is explored.

    Raises
    ------
    ArgumentError
        If the port is taken, or may not be used.
    """
    listening = bound(port)
    try:
        app = app_of(source)
        _guard(app.server, listening.getsockname()[1], tuple(app.csp_hashes()))
        return Served(app.server, listening)
    finally:
        listening.close()  # the server has a copy


def app_of(source: Source) -> Any:
    """Return the dash application of a page; nothing of it is loaded from elsewhere."""
    import os

    import dash

    from .callbacks import connect
    from .page import INDEX, layout_of

    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "assets")
    app = dash.Dash(
        __name__,
        assets_folder=folder,
        assets_ignore=r"before\.js",
        assets_external_path="",
        include_assets_files=True,
        routes_pathname_prefix="/",
        requests_pathname_prefix="/",
        serve_locally=True,
        compress=False,
        pages_folder="",
        use_pages=False,
        enable_mcp=False,
        add_log_handler=False,
        title=f"{source.title}: flash",
        update_title="",
        index_string=INDEX,
        suppress_callback_exceptions=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = layout_of(source)
    connect(app, source)
    return app


def _server_of(app: Any, listening: socket) -> Any:
    import logging

    from werkzeug.serving import WSGIRequestHandler, make_server

    log = logging.getLogger("flash.exploring")

    class Handler(WSGIRequestHandler):
        """Says nothing on the terminal: what is asked goes to the log, which nobody need read."""

        def log(self, type: str, message: str, *args: Any) -> None:
            log.debug(message, *args)

        def version_string(self) -> str:
            return "flash"

    def lost(request: Any, client_address: Any) -> None:
        log.debug("a browser has left", exc_info=True)

    def told(type: str, message: str, *args: Any) -> None:
        log.warning(message, *args)

    port, fd = listening.getsockname()[1], listening.fileno()
    server = make_server(HOST, port, app, threaded=True, request_handler=Handler, fd=fd)
    server.handle_error = lost  # type: ignore[method-assign]
    server.log = told  # type: ignore[method-assign]
    return server


def _guard(flask: Any, port: int, scripts: tuple[str, ...]) -> None:
    """Have an application answer its own page alone.

    Parameters
    ----------
    flask : flask.Flask
    port : int
    scripts : tuple of str
        Hashes of the scripts that stand within the page, as a policy names them.
    """
    from flask import Response, request

    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
    if port == 80:
        hosts |= {HOST, "localhost"}
    origins = {f"http://{host}" for host in hosts}
    policy = _policy(scripts)
    flask.config["MAX_CONTENT_LENGTH"] = LONGEST

    def refuse() -> Response | None:
        if request.headers.get("Host", "") not in hosts:
            return Response("this address is not the explorer's\n", 403, mimetype="text/plain")
        origin = request.headers.get("Origin")
        if (origin is not None and origin not in origins) or not _own(request):
            return Response("asked by another page\n", 403, mimetype="text/plain")
        return None

    def head(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers["Content-Security-Policy"] = policy
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response

    def failed(error: Exception) -> Any:
        from werkzeug.exceptions import HTTPException

        if isinstance(error, HTTPException):
            return error
        import logging

        logging.getLogger("flash.exploring").error("a request failed", exc_info=error)
        return Response("that failed: the log says more\n", 500, mimetype="text/plain")

    flask.before_request(refuse)
    flask.after_request(head)
    flask.register_error_handler(Exception, failed)


def _own(request: Any) -> bool:
    """Return whether a request is of the page, or of a person who opens it.

    A link elsewhere may lead to the page if it is clicked on: it opens in a window of its own, into
    which the other page cannot look.
    """
    told = request.headers.get("Sec-Fetch-Site")
    if told in (None, "same-origin", "none"):
        return True
    opened = {"Mode": "navigate", "Dest": "document", "User": "?1"}
    heads = all(request.headers.get(f"Sec-Fetch-{k}") == v for k, v in opened.items())
    return heads and bool(request.method == "GET" and request.path == "/")


def _policy(scripts: tuple[str, ...]) -> str:
    """Return what the page may load and run.

    Styles may stand within the page: dash and plotly write theirs there.
    """
    own = " ".join(("'self'", *scripts))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {own}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "font-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
