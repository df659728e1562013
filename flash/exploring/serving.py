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

__all__ = ["HOST", "bound", "guard", "server_of"]

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


def server_of(app: Any, made: socket) -> Any:
    """Return a server of a WSGI application on a socket of `bound`; `serve_forever` runs it."""
    import logging

    from werkzeug.serving import WSGIRequestHandler, make_server

    log = logging.getLogger("flash.exploring")

    class Handler(WSGIRequestHandler):
        """Says nothing on the terminal: what is asked goes to the log, which nobody need read."""

        server_version = "flash"
        sys_version = ""

        def log(self, type: str, message: str, *args: Any) -> None:
            log.debug(message, *args)

        def version_string(self) -> str:
            return "flash"

    port = made.getsockname()[1]
    server = make_server(
        HOST, port, app, threaded=True, request_handler=Handler, fd=made.fileno()
    )
    made.close()  # it has a socket of its own now
    server.log = lambda type, message, *args: log.warning(message, *args)  # type: ignore[method-assign]
    server.handle_error = lambda *_: log.debug("a browser has left", exc_info=True)  # type: ignore[method-assign]
    return server


def guard(flask: Any, port: int, scripts: tuple[str, ...]) -> None:
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

    flask.before_request(refuse)
    flask.after_request(head)


def _own(request: Any) -> bool:
    """Return whether a request is of the page, or of a person who opens it.

    A link elsewhere may lead to the page if it is clicked on: it opens in a window of its own, into
    which the other page cannot look.
    """
    told = request.headers.get("Sec-Fetch-Site")
    if told in (None, "same-origin", "none"):
        return True
    return (
        request.method == "GET"
        and request.path == "/"
        and request.headers.get("Sec-Fetch-Mode") == "navigate"
        and request.headers.get("Sec-Fetch-Dest") == "document"
        and request.headers.get("Sec-Fetch-User") == "?1"
    )


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
