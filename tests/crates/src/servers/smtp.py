"""A mail server, by aiosmtpd, which takes its time with each message whose subject asks for it.

It prints its port. What it answers to a message has the message's subject and the number of messages that it was at
when it was done with this one.
"""

import asyncio
import email
import socket
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    at_once = 0

    async def handle_DATA(self, server, session, envelope):
        subject = email.message_from_bytes(envelope.content)["Subject"]
        milliseconds, _ = subject.split(" ")
        self.at_once += 1
        await asyncio.sleep(int(milliseconds) / 1000)
        done = f"250 got {subject} from {envelope.mail_from} of {self.at_once}"
        self.at_once -= 1
        return done


async def serve(address):
    handler = Handler()
    listener = socket.create_server((address, 0), backlog=512)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost"), sock=listener
    )
    print(listener.getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve(sys.argv[1]))
