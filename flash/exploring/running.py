"""The explorer: a page of this machine, served until it is closed."""

from __future__ import annotations

from ..base.extras import require
from .opening import opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from .source import Source
    from .state import State

__all__ = ["Explorer", "explore"]


class Explorer:
    """A page that is being served, as `flash.explore` starts it.

    It ends with `close`, at the end of a ``with`` block, or with the process.

    Attributes
    ----------
    address : str
        Of the page: its starting state is in the link.
    """

    def __init__(self, source: Source, port: int | None = None) -> None:
        from threading import Thread

        from .serving import HOST, bound, guard, server_of

        require("the explorer", "explore", "dash")
        self._socket = bound(port)
        try:
            self.source = source
            own = self._socket.getsockname()[1]
            app = app_of(source)
            guard(app.server, own, tuple(app.csp_hashes()))
            self._server = server_of(app.server, self._socket)
        except BaseException:
            self._socket.close()
            raise
        query = source.start.to_query()
        self.address = f"http://{HOST}:{own}/" + (f"?{query}" if query else "")
        self._thread: Any = Thread(
            target=self._server.serve_forever, args=(0.1,), name="flash explore", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Serve until the page is closed by `close`, or by Ctrl-C, which raises KeyboardInterrupt."""
        try:
            while self._thread.is_alive():
                self._thread.join(0.2)
        finally:
            self.close()

    def close(self) -> None:
        """End the page; a second time does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self.source.close()

    def __enter__(self) -> Explorer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Explorer({self.source.title!r}, {self.address!r})"


def app_of(source: Source) -> Any:
    """Return the dash application of a page; nothing of it is loaded from elsewhere."""
    import os

    import dash

    from .callbacks import connect
    from .page import INDEX, layout_of

    class Page(dash.Dash):
        """With a script that goes before dash's own."""

        def interpolate_index(self, **parts: Any) -> str:
            first = f'<script src="{self.get_asset_url("before.js")}"></script>\n'
            parts["scripts"] = first + str(parts["scripts"])
            return str(super().interpolate_index(**parts))

    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "assets")
    app = Page(
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
        update_title=None,
        index_string=INDEX,
        suppress_callback_exceptions=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = layout_of(source)
    connect(app, source)
    return app


def explore(
    space: Any,
    target: Any = (),
    *,
    predictor: Any = None,
    trained: Any = None,
    port: int | None = None,
    browser: bool = True,
    start: State | None = None,
    words: Any = None,
) -> Explorer:
    """Serve a page on which budgets move and the proven network follows."""
    source = opened(
        space, target, predictor=predictor, trained=trained, words=words, start=start
    )
    made = Explorer(source, port)
    if browser:
        import webbrowser

        webbrowser.open(made.address)
    return made
