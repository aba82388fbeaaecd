#!/usr/bin/env python3
"""An original net-queue peer in Python, with nothing but the standard library, written from the layout of its frames:

    int32 BE length, without itself | int16 BE type | data

    net_queue.py vectors FILE                      reads and writes the vectors of a file, and says which of them differ
    net_queue.py client PORT [STATUS]              a client, which says what it hears, and does what it is told
    net_queue.py worker PORT WORKERS [dribble]     a client that answers each item; its status is how many workers are free
    net_queue.py server [PORT]                     a server, which says where it listens

What it hears, it prints as lines of JSON; what it is told, it reads as such: {"send": "ENQUEUE", "data": ["a"]}, {"hex": "…"},
{"close": true}, {"cut": true}. A server's lines have the number of the client as "client".
"""

import json
import select
import socket
import struct
import sys

from commands import Commands

TYPES = {"CONN": 1, "DISCONN": 2, "STATUS": 3, "PING": 4, "PONG": 5, "ENQUEUE": 6}
NAMES = {number: name for name, number in TYPES.items()}


def frame(name, data=None):
    body = b""
    if name == "STATUS":
        body = data.encode("utf-8")
    if name == "ENQUEUE":
        body = "\n".join(data).encode("utf-8")
    return struct.pack(">ih", 2 + len(body), TYPES[name]) + body


def meaning(kind, body):
    """The name of a frame, and what its data is to a user."""
    name = NAMES[kind]
    if name == "STATUS":
        return name, body.decode("utf-8")
    if name == "ENQUEUE":
        return name, body.decode("utf-8").split("\n")
    return name, None


def say(**fields):
    print(json.dumps(fields), flush=True)


class Peer:
    """One end of a connection: bytes in, frames out."""

    def __init__(self, sock):
        self.sock = sock
        self.pending = b""

    def send(self, name, data=None):
        self.sock.sendall(frame(name, data))

    def receive(self):
        """The frames that are whole after one read; None at the end of the stream."""
        chunk = self.sock.recv(4096)
        if chunk == b"":
            return None
        self.pending += chunk
        return list(self.whole())

    def whole(self):
        while len(self.pending) >= 6:
            length, kind = struct.unpack(">ih", self.pending[:6])
            if len(self.pending) < 4 + length:
                return
            body, self.pending = self.pending[6 : 4 + length], self.pending[4 + length :]
            yield meaning(kind, body)


def obey(peer, command):
    """Whether the connection goes on."""
    if "send" in command:
        peer.send(command["send"], command.get("data"))
    if "hex" in command:
        peer.sock.sendall(bytes.fromhex(command["hex"]))
    if command.get("close"):
        peer.send("DISCONN")
        peer.sock.close()
    if command.get("cut"):
        peer.sock.close()
    return not (command.get("close") or command.get("cut"))


def client(port, status=None):
    peer = Peer(socket.create_connection(("127.0.0.1", int(port))))
    commands = Commands()
    peer.send("CONN")
    while True:
        readable, _, _ = select.select([0, peer.sock], [], [])
        if 0 in readable and not all([obey(peer, command) for command in commands.read()]):
            return
        if peer.sock in readable and not hear(peer, status):
            return


def hear(peer, status):
    frames = peer.receive()
    if frames is None:
        say(heard="END")
        return False
    for name, data in frames:
        say(heard=name, data=data)
        if name == "CONN" and status is not None:
            peer.send("STATUS", status)
        if name == "PING":
            peer.send("PONG")
        if name == "DISCONN":
            peer.sock.close()
            return False
    return True


def worker(port, workers, manner=""):
    """As one of the original's own users would write it: busy while it works, and it says so."""
    peer = Peer(socket.create_connection(("127.0.0.1", int(port))))
    if manner == "dribble":
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.send = lambda *args: [peer.sock.sendall(bytes([byte])) for byte in frame(*args)]
    free = int(workers)
    peer.send("CONN")
    while True:
        frames = peer.receive()
        if frames is None:
            return
        for name, data in frames:
            if name == "CONN":
                peer.send("STATUS", str(free))
            if name == "PING":
                peer.send("PONG")
            if name == "DISCONN":
                peer.send("DISCONN")
                peer.sock.close()
                return
            if name == "ENQUEUE":
                peer.send("STATUS", str(free - 1))
                peer.send("ENQUEUE", [f"{item} by {workers} in Python" for item in data])
                peer.send("STATUS", str(free))


def server(port=0):
    listener = socket.create_server(("127.0.0.1", int(port)))
    say(port=listener.getsockname()[1])
    commands = Commands()
    peers = {}
    count = 0
    while True:
        readable, _, _ = select.select([0, listener, *(peer.sock for peer in peers.values())], [], [])
        if listener in readable:
            peers[count] = Peer(listener.accept()[0])
            count += 1
        if 0 in readable:
            for command in commands.read():
                if not obey(peers[command["client"]], command):
                    del peers[command["client"]]
        for number, peer in list(peers.items()):
            if peer.sock in readable and not serve(number, peer):
                del peers[number]


def serve(number, peer):
    """Whether the client is still there."""
    frames = peer.receive()
    if frames is None:
        say(client=number, heard="END")
        return False
    for name, data in frames:
        say(client=number, heard=name, data=data)
        if name == "CONN":
            peer.send("CONN")
        if name == "PING":
            peer.send("PONG")
        if name == "DISCONN":
            peer.sock.close()
            return False
    return True


def vectors(path):
    """The names of the vectors that read or write otherwise here."""
    with open(path, encoding="utf-8") as file:
        frames = json.load(file)["original"]["frames"]
    differing = []
    for vector in frames:
        raw = bytes.fromhex(vector["hex"])
        _, kind = struct.unpack(">ih", raw[:6])
        name, data = meaning(kind, raw[6:])
        expected = vector["decoded"]
        is_same = name.lower() == expected["type"] and data == expected.get("text", expected.get("items"))
        if vector.get("canonical", True):
            is_same = is_same and frame(name, data) == raw
        if not is_same:
            differing.append(vector["name"])
    say(count=len(frames), differing=differing)


if __name__ == "__main__":
    {"client": client, "worker": worker, "server": server, "vectors": vectors}[sys.argv[1]](*sys.argv[2:])
