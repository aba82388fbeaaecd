#!/usr/bin/env python3
"""A peer of cs.packetstream 20240630 in Python, with nothing but the standard library, written from the layout of its packets:

    length | tag | flags * 4 + request * 2 + channel | [channel] | [type + 1, of a request] | payload
    (flags of a response: flags * 2 + ok; all numbers in base 128, the highest digit first, the high bit set on all but the last)

    packetstream.py vectors FILE      reads and writes the vectors of a file, and says which of them differ
    packetstream.py client PORT       connects
    packetstream.py server            listens, says where, and takes one connection after the other
    packetstream.py pipe              speaks on descriptors 3 (in) and 4 (out)

It answers requests of type 0 with their payload reversed and the flags 0x11, those of type 1 with nothing, fails at those of type 2, never
answers those of type 3, and knows no others. What it hears, it prints as lines of JSON; what it is told, it reads as such:
{"ask": {"type": 0, "flags": 5, "payload": "text", "tag": 7, "channel": 0}}, {"erq": true}, {"eof": true}, {"hex": "..."},
{"leave": true} (ERQ, then EOF when all is answered, then it waits for the peer's EOF), {"cut": true}.
"""

import json
import os
import select
import socket
import sys

from commands import Commands


def number(value):
    digits = [value % 128]
    value //= 128
    while value:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes(reversed(digits))


def read_number(data, at):
    """The number at this place, and where it ends."""
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value * 128 + byte % 128
        if byte < 128:
            return value, at


def packet(tag, flags, channel, rest):
    body = number(tag) + number(flags * 4 + (channel > 0)) + (number(channel) if channel else b"") + rest
    return number(len(body)) + body


def request(tag, kind, flags=0, payload=b"", channel=0):
    body = number(tag) + number(flags * 4 + 2 + (channel > 0))
    body += (number(channel) if channel else b"") + number(kind + 1) + payload
    return number(len(body)) + body


def response(tag, ok, flags=0, payload=b"", channel=0):
    return packet(tag, flags * 2 + bool(ok), channel, payload)


ERQ = request(1, -1)
EOF = request(0, -1)


def parse(body):
    tag, at = read_number(body, 0)
    bits, at = read_number(body, at)
    channel = 0
    if bits & 1:
        channel, at = read_number(body, at)
    if not bits & 2:
        flags = bits >> 2
        return {"kind": "response", "tag": tag, "channel": channel, "flags": flags >> 1, "isOk": bool(flags & 1), "payload": body[at:]}
    kind, at = read_number(body, at)
    return {"kind": "request", "tag": tag, "channel": channel, "flags": bits >> 2, "type": kind - 1, "payload": body[at:]}


def say(**fields):
    print(json.dumps(fields), flush=True)


class Peer:
    """One end of a connection."""

    def __init__(self, read, write, close):
        self.read, self.write, self.close = read, write, close
        self.pending = b""
        self.next_tag = 2
        self.open = set()
        self.is_leaving = False
        self.has_ended = False

    def ask(self, type, flags=0, payload="", tag=None, channel=0):
        if tag is None:
            tag = self.next_tag
            self.next_tag += 1
        self.open.add((channel, tag))
        self.write(request(tag, type, flags, payload.encode("utf-8"), channel))

    def receive(self):
        """Whether the stream goes on."""
        chunk = self.read()
        if chunk == b"":
            say(heard="END")
            return False
        self.pending += chunk
        return all([self.hear(parse(body)) for body in self.whole()])

    def whole(self):
        while True:
            try:
                length, start = read_number(self.pending, 0)
            except IndexError:
                return
            if len(self.pending) < start + length:
                return
            body, self.pending = self.pending[start : start + length], self.pending[start + length :]
            yield body

    def hear(self, heard):
        if heard["kind"] == "response":
            self.open.discard((heard["channel"], heard["tag"]))
            say(heard="answer", **printed(heard))
            self.end_if_done()
            return True
        if heard["type"] < 0:
            say(heard="ERQ" if heard["tag"] == 1 else "EOF")
            return heard["tag"] == 1 or self.heard_eof()
        say(heard="request", **printed(heard))
        self.serve(**heard)
        return True

    def serve(self, tag, type, payload, channel, **_):
        if type == 0:
            self.write(response(tag, True, 0x11, payload[::-1], channel))
        elif type == 1:
            self.write(response(tag, True, channel=channel))
        elif type == 2:
            self.write(response(tag, False, 0, b"exception during handler", channel))
        elif type != 3:
            self.write(response(tag, False, 0, b"no request handler", channel))

    def heard_eof(self):
        if not self.has_ended:
            self.write(ERQ + EOF)
        self.close()
        return False

    def leave(self):
        self.is_leaving = True
        self.write(ERQ)
        self.end_if_done()

    def end_if_done(self):
        if self.is_leaving and not self.open and not self.has_ended:
            self.has_ended = True
            self.write(EOF)

    def obey(self, command):
        """Whether the connection goes on."""
        if "ask" in command:
            self.ask(**command["ask"])
        if "hex" in command:
            self.write(bytes.fromhex(command["hex"]))
        if command.get("erq"):
            self.write(ERQ)
        if command.get("eof"):
            self.has_ended = True
            self.write(EOF)
        if command.get("leave"):
            self.leave()
        if command.get("cut"):
            self.close()
        return not command.get("cut")


def printed(heard):
    fields = {key: value for key, value in heard.items() if key != "kind"}
    fields["payload"] = heard["payload"].decode("utf-8", "replace")
    return fields


def converse(peer, source, commands):
    while True:
        readable, _, _ = select.select([0, source], [], [])
        if 0 in readable and not all([peer.obey(command) for command in commands.read()]):
            return
        if source in readable and not peer.receive():
            return


def on_socket(sock, commands):
    def write(data):
        try:
            sock.sendall(data)
        except OSError:
            pass  # nobody is there to hear it

    converse(Peer(lambda: sock.recv(65536), write, sock.close), sock, commands)


def client(port):
    on_socket(socket.create_connection(("127.0.0.1", int(port))), Commands())


def server():
    listener = socket.create_server(("127.0.0.1", 0))
    commands = Commands()
    say(port=listener.getsockname()[1])
    while True:
        sock, _ = listener.accept()
        say(heard="CONNECT")
        on_socket(sock, commands)


def pipe():
    def close():
        os.close(3)
        os.close(4)

    converse(Peer(lambda: os.read(3, 65536), lambda data: os.write(4, data), close), 3, Commands())


def vectors(path):
    with open(path, encoding="utf-8") as file:
        known = json.load(file)
    wrong = []
    for value, data in known["numbers"].items():
        if number(int(value)).hex() != data or read_number(bytes.fromhex(data), 0)[0] != int(value):
            wrong.append(value)
    if [ERQ.hex(), EOF.hex()] != [known["endOfRequests"], known["end"]]:
        wrong.append("ends")
    for vector in known["packets"]:
        fields = {"channel": 0, "flags": 0, **vector, "payload": vector.get("payload", "").encode("utf-8")}
        name, data, kind = fields.pop("name"), fields.pop("hex"), fields.pop("kind")
        if kind == "request":
            written = request(fields["tag"], fields["type"], fields["flags"], fields["payload"], fields["channel"])
        else:
            written = response(fields["tag"], fields["isOk"], fields["flags"], fields["payload"], fields["channel"])
        _, start = read_number(bytes.fromhex(data), 0)
        if written.hex() != data or parse(bytes.fromhex(data)[start:]) != {"kind": kind, **fields}:
            wrong.append(name)
    say(count=len(known["packets"]), wrong=wrong)


if __name__ == "__main__":
    {"vectors": vectors, "client": client, "server": server, "pipe": pipe}[sys.argv[1]](*sys.argv[2:])
