"""The ASGI server: Streamlit's own, one more route for plotly's script, and a thread that warms imports."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

SCRIPT_ROUTE = "/perscope/plotly.min.js"
_MAIN = Path(__file__).with_name("main.py")
_PLOTLY_SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def build_server() -> st.App:
    """Streamlit's server for `app/main.py`."""
    return st.App(_MAIN, routes=[Route(SCRIPT_ROUTE, _send_plotly)], lifespan=_lifespan)


async def _send_plotly(_: Request) -> FileResponse:
    return FileResponse(
        _PLOTLY_SCRIPT, media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"}
    )


@asynccontextmanager
async def _lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    threading.Thread(target=_warm, name="warm-imports", daemon=True).start()
    yield {}


def _warm() -> None:
    """Import what is slow to import while the first visitor's page loads (torch and POT: seconds)."""
    import ot  # noqa: F401
    import torch  # noqa: F401
