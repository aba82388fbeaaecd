#!/usr/bin/env python3
"""A SimpleServer peer in Python, with nothing but the standard library, written from the layout of its messages:

    "$" | for each header "name:value|" | "%" | body           UTF-8; what one recv(1024) gives is one message

    simple_server.py vectors FILE       reads and writes the vectors of a file, and says which of them differ
    simple_server.py client PORT        a client, which says what it hears, and does what it is told
    simple_server.py server [PORT]      a server, which says where it listens; 120 times a second it reads once from each client
    simple_server.py handshake PORT     the client of the original's example, until it has its answer

What it hears, it prints as lines of JSON; what it is told, it reads as such: {"send": {"headers": {"a": "1"}, "body": "…"}}, {"hex": "…"},
{"cut": true}. A server's lines have the number of the client as "client"; "*" is all of them. Clients and servers read as the original does:
the first character goes, and so does what stands behind a second "%" or, in a header, a second ":".
"""

import json
import select
import socket
import sys
import time

from commands import Commands

READ = 1024
TICK = 1 / 120


def write(headers, body):
    head = "".join(f"{name}:{'' if value is None else value}|" for name, value in headers.items())
    return f"${head}%{body}".encode("utf-8")


def read_all(raw):
    """Everything that is in a message."""
    text = raw.decode("utf-8")
    head, found, body = text[1:].partition("%")
    if not (text.startswith("$") and found):
        return {}, text
    pairs = [part.partition(":") for part in head.split("|") if part != ""]
    return {name: value or None for name, _, value in pairs}, body


def read_as_original(raw):
    """What the original makes of it. It fails where it does."""
    parts = raw.decode("utf-8")[1:].split("%")
    headers = {}
    for part in parts[0].split("|"):
        if part != "":
            fields = part.split(":")
            headers[fields[0]] = fields[1]
    return headers, parts[1]


def say(**fields):
    print(json.dumps(fields), flush=True)


class Peer:
    """One end of a connection."""

    def __init__(self, sock):
        self.sock = sock

    def send(self, headers, body):
        self.sock.sendall(write(headers, body))

    def receive(self):
        """One message; None at the end of the stream."""
        raw = self.sock.recv(READ)
        return None if raw == b"" else read_as_original(raw)

    def obey(self, command):
        """Whether the connection goes on."""
        if "send" in command:
            self.send(command["send"].get("headers", {}), command["send"].get("body", ""))
        if "hex" in command:
            self.sock.sendall(bytes.fromhex(command["hex"]))
        if command.get("cut"):
            self.sock.close()
        return not command.get("cut")


def client(port):
    peer = Peer(socket.create_connection(("127.0.0.1", int(port))))
    commands = Commands()
    while True:
        readable, _, _ = select.select([0, peer.sock], [], [])
        if 0 in readable and not all([peer.obey(command) for command in commands.read()]):
            return
        if peer.sock in readable:
            message = peer.receive()
            if message is None:
                return say(heard="END")
            say(headers=message[0], heard=message[1])


def server(port="0"):
    listener = socket.create_server(("127.0.0.1", int(port)))
    listener.setblocking(False)
    say(port=listener.getsockname()[1])
    commands = Commands()
    peers = {}
    count = 0
    while True:
        began = time.monotonic()
        count = accept(listener, peers, count)
        for number, peer in list(peers.items()):
            if select.select([peer.sock], [], [], 0)[0] and not hear(number, peer):
                del peers[number]
        if select.select([0], [], [], 0)[0]:
            for command in commands.read():
                tell(peers, command)
        time.sleep(max(0, began + TICK - time.monotonic()))


def accept(listener, peers, count):
    """At most one in each turn."""
    try:
        sock, _ = listener.accept()
    except BlockingIOError:
        return count
    sock.setblocking(True)
    peers[count] = Peer(sock)
    return count + 1


def hear(number, peer):
    """Whether the client is still there."""
    message = peer.receive()
    if message is None:
        say(client=number, heard="END")
        peer.sock.close()
        return False
    headers, body = message
    say(client=number, headers=headers, heard=body)
    if "handshake" in headers:
        peer.send({"handshake": "example"}, "Hello from the server!")
    return True


def tell(peers, command):
    to = list(peers) if command["client"] == "*" else [command["client"]]
    for number in to:
        if not peers[number].obey(command):
            del peers[number]


def handshake(port):
    peer = Peer(socket.create_connection(("127.0.0.1", int(port))))
    peer.send({"handshake": ""}, "Hello server!")
    while True:
        headers, body = peer.receive()
        if "handshake" in headers:
            return say(headers=headers, heard=body)


def vectors(path):
    """The names of the vectors that read or write otherwise here."""
    with open(path, encoding="utf-8") as file:
        messages = json.load(file)["messages"]
    differing = []
    for vector in messages:
        raw = bytes.fromhex(vector["hex"])
        is_same = read_all(raw) == (vector["headers"], vector["body"])
        if vector["canonical"]:
            is_same = is_same and write(vector["headers"], vector["body"]) == raw
        if not is_same:
            differing.append(vector["name"])
    say(count=len(messages), differing=differing)


if __name__ == "__main__":
    roles = {"client": client, "server": server, "handshake": handshake, "vectors": vectors}
    roles[sys.argv[1]](*sys.argv[2:])
