#!/usr/bin/env python3
"""A MissionCommander peer in Python, with nothing but the standard library, written from the layout of its frames:

    64 bytes of JSON, {"length": N, "subject": "S"}, padded with NUL | N bytes of JSON

    mission_commander.py vectors FILE              reads and writes the vectors of a file, and says which of them differ
    mission_commander.py client PORT ID [MANNER]   a client, which says what it hears, and does what it is told
    mission_commander.py steady PORT ID            a client that comes again, after 0.1 s and twice as long each time
    mission_commander.py server [PORT]             a server, which says where it listens

What it hears, it prints as lines of JSON; what it is told, it reads as such: {"send": "echo", "payload": {…}}, {"hex": "…"},
{"shutdown": true}, {"cut": true}. A server's lines have the id of the client as "client"; "*" is all of them. A manner is how a peer writes
its headers, all of which the original reads: "compact", "swapped", "blanks"; or "dribble", which is every byte for itself.
"""

import json
import select
import socket
import sys
import time

from commands import Commands

HEADER = 64


def header(subject, length, manner=None):
    if manner == "compact":
        return json.dumps({"length": length, "subject": subject}, separators=(",", ":"), ensure_ascii=False)
    if manner == "swapped":
        return json.dumps({"subject": subject, "length": length})
    return json.dumps({"length": length, "subject": subject})


def frame(subject, payload, manner=None):
    """As the original writes it, unless another manner is asked for."""
    body = json.dumps(payload).encode("utf-8")
    head = header(subject, len(body), manner).encode("utf-8")
    if len(head) > HEADER:
        raise ValueError(f"the header of {subject!r} takes {len(head)} bytes")
    return head.ljust(HEADER, b" " if manner == "blanks" else b"\0") + body


def say(**fields):
    print(json.dumps(fields), flush=True)


class Peer:
    """One end of a connection."""

    def __init__(self, sock, manner=None):
        self.sock = sock
        self.manner = manner
        self.pending = b""
        self.id = None

    def send(self, subject, payload):
        raw = frame(subject, payload, self.manner)
        if self.manner != "dribble":
            return self.sock.sendall(raw)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in raw:
            self.sock.sendall(bytes([byte]))

    def receive(self):
        """The messages that are whole after one read; None at the end of the stream."""
        try:
            chunk = self.sock.recv(65536)
        except ConnectionError:
            return None
        if chunk == b"":
            return None
        self.pending += chunk
        return list(self.whole())

    def whole(self):
        while len(self.pending) >= HEADER:
            head = json.loads(self.pending[:HEADER].replace(b"\0", b"").decode("utf-8"))
            end = HEADER + head["length"]
            if len(self.pending) < end:
                return
            body, self.pending = self.pending[HEADER:end], self.pending[end:]
            yield head["subject"], json.loads(body.decode("utf-8"))


def obey(peer, command):
    """Whether the connection goes on."""
    if "send" in command:
        peer.send(command["send"], command["payload"])
    if "hex" in command:
        peer.sock.sendall(bytes.fromhex(command["hex"]))
    if command.get("shutdown"):
        peer.send("shutdown", {})
        peer.sock.close()
    if command.get("cut"):
        peer.sock.close()
    return not (command.get("shutdown") or command.get("cut"))


def client(port, name, manner=None):
    peer = Peer(socket.create_connection(("127.0.0.1", int(port))), manner)
    peer.send("negotiation", {"id": name})
    talk(peer, Commands())


def talk(peer, commands):
    """How it ended: by a goodbye of either side, or without."""
    while True:
        readable, _, _ = select.select([0, peer.sock], [], [])
        if 0 in readable and not all([obey(peer, command) for command in commands.read()]):
            return "goodbye"
        if peer.sock not in readable:
            continue
        messages = peer.receive()
        if messages is None:
            say(heard="END")
            peer.sock.close()
            return "lost"
        for subject, payload in messages:
            say(heard=subject, payload=payload)
            if subject == "shutdown":
                peer.sock.close()
                return "goodbye"


def steady(port, name):
    delay = 0.1
    commands = Commands()
    while True:
        try:
            peer = Peer(socket.create_connection(("127.0.0.1", int(port))))
        except OSError:
            time.sleep(delay)
            delay = min(2 * delay, 15)
            continue
        delay = 0.1
        peer.send("negotiation", {"id": name})
        if talk(peer, commands) == "goodbye":
            return


def server(port="0"):
    listener = socket.create_server(("127.0.0.1", int(port)))
    say(port=listener.getsockname()[1])
    commands = Commands()
    peers = []
    while True:
        readable, _, _ = select.select([0, listener, *(peer.sock for peer in peers)], [], [])
        if listener in readable:
            peers.append(Peer(listener.accept()[0]))
        if 0 in readable:
            for command in commands.read():
                if command.get("stop"):
                    return
                for peer in [peer for peer in peers if command["client"] in (peer.id, "*")]:
                    if not obey(peer, command):
                        peers.remove(peer)
        for peer in [peer for peer in peers if peer.sock in readable]:
            if not serve(peer):
                peers.remove(peer)


def serve(peer):
    """Whether the client is still there. A shutdown is nothing to the original's server: it waits for the end of the stream."""
    messages = peer.receive()
    if messages is None:
        say(client=peer.id, heard="END")
        peer.sock.close()
        return False
    for subject, payload in messages:
        if peer.id is None:
            if subject != "negotiation" or not payload["id"]:
                peer.sock.close()
                return False
            peer.id = payload["id"]
        say(client=peer.id, heard=subject, payload=payload)
    return True


def vectors(path):
    """The names of the vectors that read or write otherwise here."""
    with open(path, encoding="utf-8") as file:
        frames = json.load(file)["frames"]
    differing = []
    for vector in frames:
        peer = Peer(None)
        peer.pending = bytes.fromhex(vector["hex"])
        read = list(peer.whole())
        is_same = read == [(vector["subject"], vector["payload"])] and peer.pending == b""
        if vector["canonical"]:
            is_same = is_same and frame(vector["subject"], vector["payload"]).hex() == vector["hex"]
        if not is_same:
            differing.append(vector["name"])
    say(count=len(frames), differing=differing)


if __name__ == "__main__":
    {"client": client, "steady": steady, "server": server, "vectors": vectors}[sys.argv[1]](*sys.argv[2:])
