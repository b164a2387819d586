"""A visitor without a browser: speaks Streamlit's protocol, protobuf messages over a websocket, to this machine only.

What a browser does and a measurement of the server needs: it opens a page by its address, which the page may change,
keeps large elements by their hash, enters numbers, chooses options, presses buttons, uploads files, and runs fragments
when their timers are due. Of the widgets it sends back those that it has changed; the server takes the others at their
defaults.
"""

import asyncio
import http.client
import math
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState, ContextInfo
from streamlit.proto.Common_pb2 import FileUploaderState, FileURLs, FileURLsRequest, UploadedFileInfo
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.common import user_key_from_element_id
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

UPLOAD_SECONDS = 120.0
CHARTS = ("bidi_component", "plotly_chart", "vega_lite_chart")  # elements that draw a picture
_FAILED = ForwardMsg.FINISHED_WITH_COMPILE_ERROR
_ENDED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class PageError(Exception):
    """The page shows an error, or has not what the visitor looks for: there is nothing to measure."""


class NumberBox(NamedTuple):
    """A number input: its id, the fragment it stands in, and its name in the address; empty without one."""

    id: str
    fragment: str
    parameter: str


class Button(NamedTuple):
    """A button: its id, and the fragment it stands in."""

    id: str
    fragment: str


class Radio(NamedTuple):
    """Options of which one is chosen: their id, the fragment they stand in, and their texts."""

    id: str
    fragment: str
    options: tuple[str, ...]


class FilesBox(NamedTuple):
    """A place for files: its id, and the fragment it stands in."""

    id: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a move led to: seconds to the first chart and to the whole page; the charts by key. NaN: no chart came."""

    first_chart: float
    whole: float
    charts: Mapping[str, Element]


@asynccontextmanager
async def visiting(port: int) -> "AsyncIterator[Visitor]":
    """A visitor of the server at a port of 127.0.0.1, who leaves at the end of the block."""
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    async with connect(address, subprotocols=[Subprotocol("streamlit")], max_size=None) as connection:
        yield Visitor(connection, port)


class Visitor:
    """One session. A page is whole when its script has ended and no timer of a fragment runs any more."""

    def __init__(self, connection: ClientConnection, port: int) -> None:
        self.numbers: dict[str, NumberBox] = {}
        self.files: dict[str, FilesBox] = {}
        self.buttons: dict[str, Button] = {}
        self.radios: dict[str, Radio] = {}
        self._connection, self._port = connection, port
        self._session = ""
        self._state = ClientState(context_info=ContextInfo(locale="en-GB", timezone="UTC"))
        self._entered: dict[str, float] = {}
        self._chosen: dict[str, str] = {}
        self._pressed = ""
        self._uploaded: dict[str, FileUploaderState] = {}
        self._query: dict[str, str] = {}
        self._kept: dict[str, Element] = {}  # elements that the server sends again by their hash alone
        self._timers: dict[str, tuple[float, float]] = {}  # fragment -> when it is due, and every how many seconds

    async def open(self, page: str = "", query: Mapping[str, str] | None = None) -> Drawn:
        """Open a page by its address, as a link does."""
        self._query = dict(query or {})
        self._state.page_name = page
        return await self._run()

    async def enter(self, key: str, number: float) -> Drawn:
        """Put a number into the input of this key."""
        if key not in self.numbers:
            raise PageError(f"The page has no number input {key!r}; it has {', '.join(self.numbers) or 'none'}.")
        self._entered[key] = number
        box = self.numbers[key]
        if box.parameter:
            self._query[box.parameter] = f"{number:.15g}"
        return await self._run(box.fragment)

    async def choose(self, key: str, option: int) -> Drawn:
        """Choose one of the options of this key, by its place."""
        if key not in self.radios:
            raise PageError(f"The page has no options {key!r}; it has {', '.join(self.radios) or 'none'}.")
        radio = self.radios[key]
        self._chosen[radio.id] = radio.options[option]
        return await self._run(radio.fragment)

    async def press(self, key: str) -> Drawn:
        """Press the button of this key."""
        if key not in self.buttons:
            raise PageError(f"The page has no button {key!r}; it has {', '.join(self.buttons) or 'none'}.")
        self._pressed = self.buttons[key].id
        return await self._run(self.buttons[key].fragment)

    async def upload(self, key: str, name: str, content: bytes) -> Drawn:
        """Put a file into the place of this key, in place of those that are there."""
        if key not in self.files:
            raise PageError(f"The page has no place for files {key!r}; it has {', '.join(self.files) or 'none'}.")
        urls = await self._urls_for(name)
        await asyncio.to_thread(_put, self._port, urls.upload_url, name, content)
        one = UploadedFileInfo(file_id=urls.file_id, name=name, size=len(content), file_urls=urls)
        self._uploaded[key] = FileUploaderState(uploaded_file_info=[one])
        return await self._run(self.files[key].fragment)

    async def again(self) -> Drawn:
        """Run the page again with nothing changed."""
        return await self._run()

    async def _run(self, fragment: str = "") -> Drawn:
        begin = time.monotonic()
        await self._ask(fragment)
        charts: dict[str, Element] = {}
        first, running = math.nan, True
        seen: dict[str, Element] = {}
        while running or self._timers:
            message = await self._next_message()
            kind = message.WhichOneof("type")
            if kind == "script_finished":
                if message.script_finished == _FAILED:
                    raise PageError("The script of the page could not be compiled.")
                running = message.script_finished not in _ENDED
            elif kind == "new_session" and not message.metadata.run.fragment_ids:
                self._session = message.new_session.initialize.session_id
                self._timers.clear()
            elif kind == "auto_rerun":
                interval = message.auto_rerun.interval
                self._timers[message.auto_rerun.fragment_id] = (time.monotonic() + interval, interval)
            elif kind == "stop_auto_rerun":
                for ended in message.stop_auto_rerun.fragment_ids:
                    self._timers.pop(ended, None)
            elif kind == "navigation":
                self._state.page_script_hash = message.navigation.page_script_hash
            elif kind == "page_info_changed":
                self._query = dict(parse_qsl(message.page_info_changed.query_string))
            elif kind == "page_not_found":
                raise PageError(f"The server has no page {self._state.page_name!r}.")
            element = self._element(message)
            if element is None:
                continue
            if message.metadata.cacheable:
                seen[message.ref_hash or message.hash] = element
            self._look(element, message.delta.fragment_id)
            if (drawn := element.WhichOneof("type")) in CHARTS:
                first = first if charts else time.monotonic() - begin
                charts[user_key_from_element_id(getattr(element, drawn).id) or drawn] = element
        self._kept = seen if not fragment else self._kept | seen
        return Drawn(first, time.monotonic() - begin, charts)

    async def _ask(self, fragment: str, *, by_timer: bool = False) -> None:
        """Ask for a run of the script, or of one fragment of it."""
        state = ClientState()
        state.CopyFrom(self._state)
        state.query_string = urlencode(self._query)
        state.fragment_id, state.is_auto_rerun = fragment, by_timer
        state.cached_message_hashes.extend(self._kept)
        states = [WidgetState(id=self.numbers[key].id, double_value=number) for key, number in self._entered.items()]
        states += [
            WidgetState(id=self.files[key].id, file_uploader_state_value=value) for key, value in self._uploaded.items()
        ]
        states += [WidgetState(id=id, string_value=text) for id, text in self._chosen.items()]
        if self._pressed:
            states.append(WidgetState(id=self._pressed, trigger_value=True))
            self._pressed = ""
        state.widget_states.widgets.extend(states)
        await self._connection.send(BackMsg(rerun_script=state).SerializeToString())

    async def _urls_for(self, name: str) -> FileURLs:
        """Where the server takes a file of this name."""
        request = FileURLsRequest(request_id=uuid.uuid4().hex, file_names=[name], session_id=self._session)
        await self._connection.send(BackMsg(file_urls_request=request).SerializeToString())
        while True:
            message = ForwardMsg.FromString(await self._connection.recv(decode=False))
            if message.WhichOneof("type") == "file_urls_response":
                (urls,) = message.file_urls_response.file_urls
                return urls

    async def _next_message(self) -> ForwardMsg:
        """The server's next message; until it comes, fragments run whose timers are due."""
        while True:
            due = min((at for at, _ in self._timers.values()), default=None)
            try:
                async with asyncio.timeout_at(None if due is None else _loop_time(due)):
                    return ForwardMsg.FromString(await self._connection.recv(decode=False))
            except TimeoutError:
                await self._run_due_fragments()

    async def _run_due_fragments(self) -> None:
        now = time.monotonic()
        for fragment, (at, interval) in self._timers.items():
            if at <= now:
                self._timers[fragment] = (now + interval, interval)
                await self._ask(fragment, by_timer=True)

    def _element(self, message: ForwardMsg) -> Element | None:
        """The element that a message brings, from what is kept if it brings the hash alone."""
        if message.WhichOneof("type") == "ref_hash":
            return self._kept[message.ref_hash]
        if message.WhichOneof("type") == "delta" and message.delta.WhichOneof("type") == "new_element":
            return message.delta.new_element
        return None

    def _look(self, element: Element, fragment: str) -> None:
        """Remember what can be set; an error on the page is one here."""
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise PageError(f"The page shows {element.exception.type}: {element.exception.message}")
        if kind == "alert" and element.alert.format == Alert.ERROR:
            raise PageError(f"The page shows an error: {element.alert.body}")
        if kind == "number_input":
            box = element.number_input
            key = user_key_from_element_id(box.id) or box.label
            self.numbers[key] = NumberBox(box.id, fragment, box.query_param_key)
        if kind == "button":
            self.buttons[user_key_from_element_id(element.button.id) or element.button.label] = Button(
                element.button.id, fragment
            )
        if kind == "radio":
            radio = element.radio
            key = user_key_from_element_id(radio.id) or radio.label
            self.radios[key] = Radio(radio.id, fragment, tuple(radio.options))
        if kind == "file_uploader":
            place = element.file_uploader
            self.files[user_key_from_element_id(place.id) or place.label] = FilesBox(place.id, fragment)


def _loop_time(monotonic: float) -> float:
    """A moment of `time.monotonic` on the clock of the running loop."""
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()


def _put(port: int, path: str, name: str, content: bytes) -> None:
    """Send a file as a form does, with the sign by which the server knows that it comes from its own page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=UPLOAD_SECONDS)
    try:
        connection.request("GET", "/_stcore/health")
        answer = connection.getresponse()
        answer.read()
        cookie = SimpleCookie(answer.getheader("Set-Cookie", "")).get("_streamlit_xsrf")
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        if cookie is not None:
            headers |= {"X-Xsrftoken": cookie.value, "Cookie": f"_streamlit_xsrf={cookie.value}"}
        connection.request("PUT", path, head.encode() + content + f"\r\n--{mark}--\r\n".encode(), headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise PageError(f"The server does not take {name}: {answer.status} {said[:200]!r}.")
