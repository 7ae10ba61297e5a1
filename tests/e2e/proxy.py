#!/usr/bin/python3
"""A line between a client and Kafka that can be cut: proxy.py PORT TARGET_PORT CONTROL_PORT

Told by a word on the control port: pass; drop (nothing arrives any more, nothing is
refused either, as when a router dies); refuse (connections end, and none is made).
"""
import selectors
import socket
import sys


class Line:
    def __init__(self, port, target, control):
        self.target = target
        self.selector = selectors.DefaultSelector()
        self.mode = "pass"
        self.pairs = {}
        self.listen(port, self.connect)
        self.listen(control, self.command)

    def listen(self, port, called):
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(64)
        self.selector.register(server, selectors.EVENT_READ, called)

    def connect(self, server):
        client, _ = server.accept()
        if self.mode == "refuse":
            client.close()
            return
        try:
            other = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            client.close()
            return
        for one, two in ((client, other), (other, client)):
            self.pairs[one] = two
            self.selector.register(one, selectors.EVENT_READ, self.carry)

    def command(self, server):
        caller, _ = server.accept()
        caller.settimeout(5)
        word = caller.recv(64).decode().strip()
        caller.close()
        if word not in ("pass", "drop", "refuse"):
            return  # somebody only looked whether we listen
        # What was dropped cannot be delivered later: those connections end when the line heals.
        if word != "drop":
            if self.mode == "drop" or word == "refuse":
                for one in list(self.pairs):
                    self.end(one)
        self.mode = word

    def carry(self, one):
        if one not in self.pairs:
            return
        try:
            data = one.recv(262144)
            if data and self.mode == "pass":
                self.pairs[one].sendall(data)
        except OSError:
            data = b""
        if not data:
            self.end(one)

    def end(self, one):
        for each in (one, self.pairs.pop(one, None)):
            if each is not None and each.fileno() >= 0:
                self.pairs.pop(each, None)
                self.selector.unregister(each)
                each.close()

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj.fileno() >= 0:
                    key.data(key.fileobj)


if __name__ == "__main__":
    Line(*map(int, sys.argv[1:])).run()
