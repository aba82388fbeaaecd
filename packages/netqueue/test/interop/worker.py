#!/usr/bin/env python3
"""A netqueue worker in Python, with nothing but the standard library.

    worker.py HOST:PORT [ID]     or, started by spawnWorkers(): worker.py

Takes items as JSON, answers each with what `work` makes of it. A token of the server's stands in the environment, as
NETQUEUE_TOKEN. Every step is one of docs/protocol.md §17; § in a comment is a section of that page.
"""

import contextlib
import hashlib
import hmac
import json
import os
import queue
import random
import socket
import struct
import sys
import threading
import time
import traceback

CONN, DISCONN, AUTH, WELCOME, ERROR, BATCH = 1, 2, 16, 17, 18, 19
ITEMS, CREDIT, SETTLE, RESULT, CANCEL, RECLAIM, RELEASED = 1, 2, 3, 4, 6, 8, 9
STATUS, PING, PONG, GOAWAY, END_REQUESTS = 11, 12, 13, 14, 26

MAGIC = bytes.fromhex("6e6574710d0a1a0a")
MAX_HELLO_BYTES = 8_192
FRAME_BYTES = 65_536
ITEM_BYTES = 32_768
# Items to have at hand: one that is worked on, and one that waits, so that the next one need not be asked for first.
WINDOW = 2
# How long the server may take to answer our goodbye.
LEAVE_SECONDS = 2


class Refused(Exception):
    """The code (§15) with which one side ends the conversation."""


def work(item):
    """What this worker is for: doubles numbers, and fails for what is none."""
    if not isinstance(item, (int, float)):
        raise TypeError("Expected a number")
    return 2 * item


# --- Bytes: §2 and §3 -------------------------------------------------------------------------------------------------


def varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def counted(data):
    return varint(len(data)) + data


class Reader:
    """Reads a frame's data from its beginning to its end."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    @property
    def is_at_end(self):
        return self.at == len(self.data)

    def take(self, length):
        if length > len(self.data) - self.at:
            raise Refused("BAD_MESSAGE")
        self.at += length
        return self.data[self.at - length : self.at]

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def varint(self):
        value = 0
        for place in range(8):
            byte = self.u8()
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                break
        else:
            raise Refused("BAD_MESSAGE")
        if value >= 2**53:
            raise Refused("BAD_MESSAGE")
        return value

    def bytes(self):
        return self.take(self.varint())


class Stream:
    """Frames over a socket; several threads may send."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")
        self.lock = threading.Lock()
        self.limit = MAX_HELLO_BYTES

    def send(self, kind, data=b""):
        with self.lock:
            self.sock.sendall(struct.pack(">IH", 2 + len(data), kind) + data)

    def receive(self):
        head = self.file.read(4)
        if len(head) < 4:
            raise ConnectionError("the server is gone")
        (length,) = struct.unpack(">I", head)
        if not 2 <= length <= self.limit:
            raise Refused("FRAME_TOO_SHORT" if length < 2 else "FRAME_TOO_LARGE")
        frame = self.file.read(length)
        if len(frame) < length:
            raise ConnectionError("the server is gone")
        return struct.unpack(">H", frame[:2])[0], frame[2:]

    def expect(self, kind):
        got, data = self.receive()
        if got == ERROR:
            raise Refused(json.loads(data)["code"])
        if got == DISCONN:
            raise ConnectionError("the server declines")
        if got != kind:
            raise Refused("UNEXPECTED_FRAME")
        return data


# --- Introductions: §4 ------------------------------------------------------------------------------------------------


def introduce(stream, name, token):
    hello = MAGIC + bytes([1, 1, 0, 0]) + os.urandom(16) + bytes([len(name.encode())]) + name.encode()
    stream.send(CONN, hello)
    answer = stream.expect(CONN)
    if not answer.startswith(MAGIC):
        stream.send(DISCONN)
        raise Refused("PROTOCOL_MISMATCH")
    if len(answer) < 29 or not answer[8] <= 1 <= answer[9]:
        raise Refused("VERSION_MISMATCH")
    if token is not None:
        authenticate(stream, token, hello, answer)
    limits = {"frameBytes": FRAME_BYTES, "itemBytes": ITEM_BYTES, "unsettled": 1}
    welcome = {"version": 1, "id": name, "item": "json", "result": "json", "limits": limits, "tags": ["python"]}
    stream.send(WELCOME, json.dumps(welcome).encode())
    theirs = json.loads(stream.expect(WELCOME))
    if (theirs["item"], theirs["result"]) != ("json", "json"):
        raise Refused("CODEC_MISMATCH")
    stream.limit = FRAME_BYTES
    return theirs["limits"]["itemBytes"]


def authenticate(stream, token, hello, answer):
    """Both sides show that they have the token, and neither says it: §4.2."""
    said = b"".join(struct.pack(">I", len(data)) + data for data in (hello, answer))
    client, server = (hmac.digest(token, b"netqueue/1 auth" + bytes([role]) + said, hashlib.sha256) for role in (1, 2))
    stream.send(AUTH, b"\x01" + client)
    if not hmac.compare_digest(stream.expect(AUTH), b"\x01" + server):
        raise Refused("AUTH_FAILED")


# --- Work: §6 to §12 --------------------------------------------------------------------------------------------------


class Worker:
    """One connection: a thread reads, and answers what cannot wait; this one works."""

    def __init__(self, stream, max_result_bytes):
        self.stream = stream
        self.max_result_bytes = max_result_bytes
        self.waiting = queue.Queue()
        self.cancelled = set()
        self.lock = threading.Lock()
        # What we have received: the highest number, item bytes, ordered records. What we grant grows with what we have settled.
        self.received = self.item_bytes = self.records = 0
        self.granted = self.settled = 0
        # Why the server leaves, once it says so.
        self.goodbye = None
        # What we have been granted, and give back at once when we are asked to: this worker puts nothing.
        self.limit = self.byte_limit = 0
        self.next, self.given_bytes = 1, 0
        self.end = None

    def run(self):
        """Returns why the server has said goodbye; raises what else ended the connection."""
        self.stream.send(BATCH, self.credit())
        reader = threading.Thread(target=self.read, daemon=True)
        reader.start()
        while (task := self.waiting.get()) is not None:
            self.settle(*task)
        if self.end is not None:
            raise self.end
        # A server that has said goodbye may be gone.
        with contextlib.suppress(OSError):
            self.stream.send(DISCONN)
        reader.join(LEAVE_SECONDS)
        return self.goodbye

    def credit(self):
        with self.lock:
            if self.goodbye is None:
                self.granted = self.settled + WINDOW
            numbers = (self.granted, self.item_bytes + WINDOW * ITEM_BYTES, self.received, self.records)
        return bytes([CREDIT]) + b"".join(varint(each) for each in numbers)

    def settle(self, number, wants_result, payload):
        record = self.answer(number, wants_result, payload)
        with self.lock:
            self.settled += 1
            self.cancelled.discard(number)
        self.stream.send(BATCH, self.credit() + record)

    def answer(self, number, wants_result, payload):
        """The record that settles an item."""
        seq = varint(number)
        if number in self.cancelled:
            return bytes([SETTLE, 3, 1]) + seq + b"\x01"
        try:
            result = json.dumps(work(json.loads(payload)), allow_nan=False).encode()
        except Exception:
            traceback.print_exc()
            if wants_result:
                return bytes([RESULT]) + seq + b"\x01" + counted(b"HANDLER_FAILED") + counted(b"")
            return bytes([SETTLE, 1, 1]) + seq + b"\x01"
        if not wants_result:
            return bytes([SETTLE, 0, 1]) + seq + b"\x01"
        if len(result) > min(self.max_result_bytes, ITEM_BYTES):
            return bytes([RESULT]) + seq + b"\x01" + counted(b"ITEM_TOO_LARGE") + counted(b"")
        return bytes([RESULT]) + seq + b"\x00" + counted(result)

    def read(self):
        try:
            while self.take(*self.stream.receive()):
                pass
        except Refused as error:
            self.end = error
            self.stream.send(ERROR, json.dumps({"code": str(error)}).encode())
        except OSError as error:
            self.end = error
        # Behind all items: those are worked on first, unless there is nobody left who would hear of it.
        self.waiting.put(None)

    def take(self, kind, data):
        """Whether more is to come."""
        if kind == DISCONN:
            return False
        if kind == ERROR:
            self.end = ConnectionError(json.loads(data).get("code"))
            return False
        if kind != BATCH:
            raise Refused("UNEXPECTED_FRAME")
        reader = Reader(data)
        if reader.is_at_end:
            raise Refused("BAD_MESSAGE")
        while not reader.is_at_end:
            self.record(reader.u8(), reader)
        if self.goodbye is not None:
            self.stream.send(BATCH, self.credit())
        return True

    def record(self, kind, reader):
        if kind in (STATUS, GOAWAY, END_REQUESTS):
            with self.lock:
                self.records += 1
        if kind == ITEMS:
            self.items(reader)
        elif kind == CREDIT:
            self.limit, self.byte_limit, _, _ = (reader.varint() for _ in range(4))
        elif kind == CANCEL:
            _, number = reader.u8(), reader.varint()
            with self.lock:
                self.cancelled.add(number)
        elif kind == RECLAIM:
            last, given = max(self.limit, self.next - 1), max(self.byte_limit - self.given_bytes, 0)
            given = given if last >= self.next else 0
            self.stream.send(BATCH, bytes([RELEASED]) + varint(self.next) + varint(last) + varint(given))
            self.next, self.given_bytes = last + 1, self.given_bytes + given
        elif kind == STATUS:
            reader.bytes()
        elif kind == PING:
            self.stream.send(BATCH, bytes([PONG]) + varint(reader.varint()))
        elif kind == PONG:
            reader.varint()
        elif kind == GOAWAY:
            code, _reason = reader.bytes(), reader.bytes()
            if self.goodbye is None:
                self.goodbye = code.decode()
                # No item follows: when those that are here are settled, so is everything.
                self.waiting.put(None)
        elif kind != END_REQUESTS:
            raise Refused("UNKNOWN_TYPE")

    def items(self, reader):
        flags, _attempt, first, count = reader.u8(), reader.varint(), reader.varint(), reader.u16()
        if flags > 1 or count == 0 or first != self.received + 1:
            raise Refused("BAD_MESSAGE")
        for number in range(first, first + count):
            payload = reader.bytes()
            if len(payload) > ITEM_BYTES:
                raise Refused("ITEM_TOO_LARGE")
            if number > self.granted:
                raise Refused("CREDIT_EXCEEDED")
            with self.lock:
                self.received = number
                self.item_bytes += len(payload)
            self.waiting.put((number, flags == 1, payload))


# --- Connections: §13 of §17 ------------------------------------------------------------------------------------------


def connect(address):
    channel = os.environ.pop("NETQUEUE_STDIO", None)
    if channel is not None:
        return socket.socket(fileno=int(channel))
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)))


def converse(sock, name):
    token = os.environ.get("NETQUEUE_TOKEN")
    with sock:
        stream = Stream(sock)
        max_result_bytes = introduce(stream, name, None if token is None else token.encode())
        print(f"{name} is connected", file=sys.stderr, flush=True)
        return Worker(stream, max_result_bytes).run()


def main(address="", name=f"python-{os.getpid()}"):
    """Works until the server leaves for good; looks for one that is lost, ever more slowly."""
    delay = 0.1
    while True:
        try:
            if converse(connect(address), name) != "RESTART":
                return
        except Refused as error:
            sys.exit(f"{name}: {error}")
        except OSError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            if address == "":
                sys.exit(1)
        time.sleep(random.random() * delay)
        delay = min(delay * 2, 10)


if __name__ == "__main__":
    main(*sys.argv[1:])
