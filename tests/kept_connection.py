"""A browser that keeps its connection between forms, and closes it when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode

import h11

from tests.exchange import RECEIVE_BYTES, REQUEST_CEILING_SECONDS, Answer
from tests.person import Person


class KeptConnection(Person):
    """`person`, with one connection for request after request."""

    def __init__(self, person: Person) -> None:
        super().__init__(person.port, person.username, person.password)
        self.cookies = person.cookies
        self.connections = 0
        self._wire: h11.Connection | None = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        fields: Mapping[str, str | bytes] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        sent = self._usual_headers() | {k: v for k, v in (headers or {}).items() if v is not None}
        if fields is not None:
            body = urlencode(fields).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        sent["Content-Length"] = str(len(body))
        async with asyncio.timeout(REQUEST_CEILING_SECONDS):
            if self._wire is None:
                self._wire = h11.Connection(h11.CLIENT)
                self.connections += 1
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
            wire = self._wire
            data = wire.send(h11.Request(method=method, target=path, headers=list(sent.items())))
            for part in (h11.Data(data=body), h11.EndOfMessage()):
                data = (data or b"") + (wire.send(part) or b"")
            self._writer.write(data or b"")
            answer = await self._answer(wire)
        if wire.our_state is h11.DONE and wire.their_state is h11.DONE:
            wire.start_next_cycle()
        else:
            await self.close()
        return answer

    async def close(self) -> None:
        if self._wire is not None:
            self._wire = None
            self._writer.close()
            await self._writer.wait_closed()

    async def _answer(self, wire: h11.Connection) -> Answer:
        head: h11.Response | None = None
        content = b""
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await self._reader.read(RECEIVE_BYTES))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                content += bytes(event.data)
            elif isinstance(event, h11.ConnectionClosed):
                await self.close()
                raise ConnectionError("the kept connection was closed under a request")
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None, "an end without a beginning"
                headers = [(key.decode(), value.decode()) for key, value in head.headers]
                return Answer(head.status_code, headers, content)
