"""The ASGI server: Streamlit's own under its own names only, three more routes, and a thread that warms imports."""

import gc
import logging
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from analysis.compute import POOL, warm_up
from analysis.plain_text import message
from app.session.departures import LetGo
from app.session.shared_caches import KeepCaches
from app.text.language import _
from app.text.plain import escaped
from per_core.errors import PerError

_LOG = logging.getLogger(__name__)
OPENING_PAGE = "distributions"
SCRIPT_ROUTE = "/perscope/plotly.min.js"
ARCHIVE_ROUTE = "/perscope/runs/{run}.zip"
TABLE_ROUTE = "/perscope/runs/{run}.csv"
LEFT_ALONE_SECONDS = 5.0  # who opens the page as soon as it answers has the processor until the first chart
MAIN = Path(__file__).with_name("main.py")
_PLOTLY_SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def build_server(hosts: Sequence[str]) -> st.App:
    """Streamlit's server for `app/main.py`, which answers to these host names."""
    return st.App(
        MAIN,
        routes=[
            Route("/", _to_opening_page),
            Route(SCRIPT_ROUTE, _send_plotly),
            Route(ARCHIVE_ROUTE, _send_archive),
            Route(TABLE_ROUTE, _send_table),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            Middleware(KeepCaches),
            Middleware(LetGo),
        ],
        lifespan=_lifespan,
        on_script_error=show_error,
    )


def show_error(error: BaseException) -> bool:
    """Say what went wrong: our own errors in full, anything else goes to the log only."""
    if isinstance(error, PerError):
        st.error(escaped(error))
    else:
        _LOG.error("A page failed", exc_info=error)
        st.error(_("This page failed; the server's log says why. Press Reset in the sidebar, or reload the page."))
    return True


async def _to_opening_page(request: Request) -> RedirectResponse:
    """Every page has an address of its own; who gives none comes to the opening page, with what else was asked."""
    return RedirectResponse("?".join(filter(None, (f"./{OPENING_PAGE}", request.url.query))))


async def _send_plotly(_: Request) -> FileResponse:
    return FileResponse(
        _PLOTLY_SCRIPT, media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"}
    )


def _send_archive(request: Request) -> Response:
    """A run as a zip file, made while it is sent."""
    from app.session import services

    try:
        archive = services.run_library().zip_run(request.path_params["run"])
    except PerError as error:
        return PlainTextResponse(message(error), status_code=404)
    headers = {"Content-Disposition": f'attachment; filename="{archive.name}.zip"'}
    return StreamingResponse(iter(archive), media_type="application/zip", headers=headers)


def _send_table(request: Request) -> Response:
    """The summaries of a run as CSV."""
    from analysis.plain_text import file_stem
    from analysis.runs.comparison import open_comparison
    from app.session import services
    from per_core.recording.summary_table import as_csv, summary_rows

    try:
        found = open_comparison(services.run_library().path(request.path_params["run"]))
    except PerError as error:
        return PlainTextResponse(message(error), status_code=404)
    return Response(
        as_csv(summary_rows(found.runs.values())),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{file_stem(found.path.name)}.csv"'},
    )


@asynccontextmanager
async def _lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    threading.Thread(target=_warm, name="warm-imports", daemon=True).start()
    yield {}
    POOL.close()


def _warm() -> None:
    """Import what the opening chart needs; later what tables need, here and in the processes that compute."""
    from app.session import libraries  # noqa: F401  brings scipy and pandas

    _settle()
    time.sleep(LEFT_ALONE_SECONDS)
    from analysis.distances import distinction  # noqa: F401  brings torch

    _settle()
    warm_up()


def _settle() -> None:
    """Take what is loaded out of the collector's sight: it stays, and Streamlit collects after every run of a page.

    To look through a million objects of torch each time takes longer than most runs.
    """
    gc.collect()
    gc.freeze()
