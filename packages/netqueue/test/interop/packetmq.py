#!/usr/bin/env python3
"""A packetmq peer in Python, with nothing but the standard library, written from the layout of its packets:

    uint32 BE length, without itself | uint16 BE id | one msgpack value

    packetmq.py vectors FILE            reads and writes the vectors of a file, and says which of them differ
    packetmq.py client PORT OPTIONS     a client, which says what it hears, and does what it is told
    packetmq.py server OPTIONS          a server, which says where it listens

OPTIONS are JSON: "packets" has the id of each name, in the order of its registry; "adapt" is its policy; "python2": it writes text as bytes, as
the original does on Python 2; "last": the packet that it sends when it hears a softquit, before it closes the connection.

What it hears, it prints as lines of JSON; what it is told, it reads as such: {"send": "app:echo", "data": 1}, {"softquit": "reason.done"},
{"hex": "…"}, {"cut": true}. Bytes are {"bytes": "hex"} there. A server's lines have the number of the client as "client".
"""

import json
import os
import select
import socket
import struct
import sys

VERSION = 1
MAX_LENGTH = 99999
INIT, SOFTQUIT, PUBIDS, FINISH = "packetmq:handshake_init", "packetmq:softquit", "packetmq:handshake_pubids", "packetmq:handshake_finish"
DEFAULTS = {INIT: 0, SOFTQUIT: 1, PUBIDS: 2, FINISH: 3}


# --- msgpack -----------------------------------------------------------------------------------------------------------


def sized(value, forms):
    """The header of what has a length: forms are the most that fits, and the format of the header."""
    for most, prefix, form in forms:
        if value <= most:
            return prefix + struct.pack(form, value)
    raise ValueError("too long")


BIN = [(0xFF, b"\xc4", ">B"), (0xFFFF, b"\xc5", ">H"), (0xFFFFFFFF, b"\xc6", ">I")]
STR = [(0xFF, b"\xd9", ">B"), (0xFFFF, b"\xda", ">H"), (0xFFFFFFFF, b"\xdb", ">I")]
LISTS = [(0xFFFF, b"\xdc", ">H"), (0xFFFFFFFF, b"\xdd", ">I")]
MAPS = [(0xFFFF, b"\xde", ">H"), (0xFFFFFFFF, b"\xdf", ">I")]
UINTS = [(0xFF, b"\xcc", ">B"), (0xFFFF, b"\xcd", ">H"), (0xFFFFFFFF, b"\xce", ">I"), (2**64 - 1, b"\xcf", ">Q")]
INTS = [(2**7, b"\xd0", ">b"), (2**15, b"\xd1", ">h"), (2**31, b"\xd2", ">i"), (2**63, b"\xd3", ">q")]


def pack(value, python2=False):
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return pack_int(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return sized(len(value), BIN) + value
    if isinstance(value, str):
        raw = value.encode("utf-8")
        if python2:
            return sized(len(raw), BIN) + raw
        return (bytes([0xA0 | len(raw)]) if len(raw) < 32 else sized(len(raw), STR)) + raw
    if isinstance(value, dict):
        head = bytes([0x80 | len(value)]) if len(value) < 16 else sized(len(value), MAPS)
        return head + b"".join(pack(part, python2) for pair in value.items() for part in pair)
    head = bytes([0x90 | len(value)]) if len(value) < 16 else sized(len(value), LISTS)
    return head + b"".join(pack(part, python2) for part in value)


def pack_int(value):
    if -32 <= value < 128:
        return struct.pack(">b", value)
    if value > 0:
        return sized(value, UINTS)
    prefix, form = next((prefix, form) for most, prefix, form in INTS if -value <= most)
    return prefix + struct.pack(form, value)


FIXED = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
SIZES = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}


def unpack(data, at=0):
    """The value that begins there, and where it ends."""
    kind = data[at]
    if kind < 0x80 or kind >= 0xE0:
        return struct.unpack_from(">b", data, at)[0], at + 1
    if kind in FIXED:
        return FIXED[kind], at + 1
    if kind in NUMBERS:
        form = NUMBERS[kind]
        return struct.unpack_from(form, data, at + 1)[0], at + 1 + struct.calcsize(form)
    if kind < 0xC0:
        kind, size, at = (0xDE, kind & 15, at + 1) if kind < 0x90 else (0xDC, kind & 15, at + 1) if kind < 0xA0 else (0xD9, kind & 31, at + 1)
    else:
        form = SIZES[kind]
        size, at = struct.unpack_from(form, data, at + 1)[0], at + 1 + struct.calcsize(form)
    if kind < 0xDC:
        raw = bytes(data[at : at + size])
        if len(raw) < size:
            raise ValueError("cut off")
        return (raw if kind < 0xC7 else raw.decode("utf-8")), at + size
    values = []
    for _ in range(size * (2 if kind >= 0xDE else 1)):
        value, at = unpack(data, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if kind >= 0xDE else values), at


# --- packets -----------------------------------------------------------------------------------------------------------


def packet(number, value, python2=False):
    body = struct.pack(">H", number) + pack(value, python2)
    return struct.pack(">I", len(body)) + body


def field(fields, name):
    """By a key of text, or of bytes."""
    return fields[name] if name in fields else fields[name.encode()]


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else value


def shown(value):
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, dict):
        return {text(key): shown(part) for key, part in value.items()}
    return [shown(part) for part in value] if isinstance(value, list) else value


def meant(value):
    if isinstance(value, dict):
        return bytes.fromhex(value["bytes"]) if list(value) == ["bytes"] else {key: meant(part) for key, part in value.items()}
    return [meant(part) for part in value] if isinstance(value, list) else value


def say(**fields):
    print(json.dumps(fields), flush=True)


class Peer:
    """One end of a connection. `tell` says what happens to it."""

    def __init__(self, sock, tell, packets=None, adapt=False, python2=False, last=None):
        self.sock, self.tell, self.adapt, self.python2, self.last = sock, tell, adapt, python2, last
        self.ids = {**DEFAULTS, **(packets or {})}
        self.state = "connMade"
        self.pending = b""
        self.is_open = True
        self.send(INIT, {"version": VERSION})

    def send(self, name, value):
        self.sock.sendall(packet(self.ids[name], value, self.python2))

    def softquit(self, reason):
        self.tell(left=reason)
        self.send(SOFTQUIT, {"reason": reason})

    def close(self):
        self.is_open = False
        self.sock.close()

    def receive(self):
        try:
            chunk = self.sock.recv(65536)
        except ConnectionError:
            chunk = b""
        if chunk == b"":
            self.tell(heard="END")
            return self.close()
        self.pending += chunk
        while self.is_open and len(self.pending) >= 4:
            (length,) = struct.unpack_from(">I", self.pending)
            if length > MAX_LENGTH:
                self.tell(heard="TOO LONG")
                return self.close()
            if len(self.pending) < 4 + length:
                return None
            body, self.pending = self.pending[4 : 4 + length], self.pending[4 + length :]
            self.take(struct.unpack_from(">H", body)[0], body[2:])
        return None

    def take(self, number, raw):
        name = next(name for name, known in self.ids.items() if known == number)
        value, _ = unpack(raw)
        if name == INIT:
            return self.greeted(value)
        if name == PUBIDS:
            return self.compared(value)
        if name == FINISH:
            self.state = "active"
            return self.tell(heard="ACTIVE")
        if name == SOFTQUIT:
            return self.left(text(field(value, "reason")))
        return self.tell(heard=name, data=shown(value)) if self.state == "active" else None

    def greeted(self, value):
        if field(value, "version") != VERSION:
            return self.softquit("reason.versionmismatch")
        self.state = "idcheck"
        return self.send(PUBIDS, {"adapt": self.adapt, "idmap": self.ids})

    def compared(self, value):
        theirs = {text(name): number for name, number in field(value, "idmap").items()}
        if field(value, "adapt") == self.adapt:
            return self.softquit("reason.sameadaptivepolicy")
        if self.adapt and list(theirs) != list(self.ids):
            self.softquit("reason.nonequalpackets")
        if self.adapt:
            self.ids = theirs
        self.state = "active"
        return self.send(FINISH, None)

    def left(self, reason):
        self.tell(heard="softquit", data=reason)
        if self.last is not None:
            self.send(*self.last)
        self.close()

    def obey(self, command):
        if "send" in command:
            self.send(command["send"], meant(command["data"]))
        if "hex" in command:
            self.sock.sendall(bytes.fromhex(command["hex"]))
        if "softquit" in command:
            self.softquit(command["softquit"])
        if command.get("cut"):
            self.close()


# --- what is started ---------------------------------------------------------------------------------------------------


def commands(pending=[b""]):
    chunk = os.read(0, 2**20)
    if chunk == b"":
        sys.exit(0)
    *lines, pending[0] = (pending[0] + chunk).split(b"\n")
    return [json.loads(line) for line in lines]


def client(port, options):
    peer = Peer(socket.create_connection(("127.0.0.1", int(port))), say, **json.loads(options))
    while peer.is_open:
        readable, _, _ = select.select([0, peer.sock], [], [])
        for command in commands() if 0 in readable else []:
            peer.obey(command)
        if peer.is_open and peer.sock in readable:
            peer.receive()


def server(options):
    listener = socket.create_server(("127.0.0.1", 0))
    say(port=listener.getsockname()[1])
    peers = []
    while True:
        alive = {peer.sock: peer for peer in peers if peer.is_open}
        readable, _, _ = select.select([0, listener, *alive], [], [])
        if listener in readable:
            number = len(peers)
            peers.append(Peer(listener.accept()[0], lambda number=number, **fields: say(client=number, **fields), **json.loads(options)))
        for command in commands() if 0 in readable else []:
            peers[command["client"]].obey(command)
        for sock, peer in alive.items():
            if sock in readable and peer.is_open:
                peer.receive()


def vectors(path):
    """The names of the vectors that read or write otherwise here."""
    with open(path, encoding="utf-8") as file:
        packets = json.load(file)["packets"]
    differing = []
    for vector in packets:
        raw = bytes.fromhex(vector["hex"])
        length, number = struct.unpack_from(">IH", raw)
        value, end = unpack(raw, 6)
        is_same = length == len(raw) - 4 and number == vector["id"] and shown(value) == vector["value"]
        if vector.get("canonical", True):
            is_same = is_same and packet(number, meant(vector["value"]), vector.get("python2", False)) == raw[:end]
        if not is_same:
            differing.append(vector["name"])
    say(count=len(packets), differing=differing)


if __name__ == "__main__":
    {"client": client, "server": server, "vectors": vectors}[sys.argv[1]](*sys.argv[2:])
