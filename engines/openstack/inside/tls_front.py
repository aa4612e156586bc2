"""Take TLS from connections, and pass them on to a port of the loopback interface.

usage: tls_front.py CERTIFICATE KEY TO-PORT PORT…
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys

_CHUNK = 65_536


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one way, to the end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(certificate: str, key: str, to: int, ports: list[int]) -> None:
    """Serve until killed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    servers = [await asyncio.start_server(serve, "127.0.0.1", port, ssl=context) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    cert, private, target, *listen = sys.argv[1:]
    asyncio.run(main(cert, private, int(target), [int(each) for each in listen]))
