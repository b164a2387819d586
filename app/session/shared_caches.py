"""What all visitors share is not one visitor's to clear."""

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg


class KeepCaches:
    """ASGI middleware that leaves out a browser's request to clear the caches.

    Streamlit clears those of every session then, and lets go of what they hold: uploads, who watches a training, and
    results that others wait for. The menu does not offer it here, but any client can ask.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but that request."""

        async def others() -> Message:
            while _clears(message := await receive()):
                pass
            return message

        await self._app(scope, others if scope["type"] == "websocket" else receive, send)


def _clears(message: Message) -> bool:
    data = message.get("bytes")
    if message["type"] != "websocket.receive" or not data:
        return False
    try:
        return bool(BackMsg.FromString(data).WhichOneof("type") == "clear_cache")
    except DecodeError:  # Streamlit closes the connection
        return False
