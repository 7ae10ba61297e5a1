"""chromium - a headless Chromium, driven by the DevTools protocol.

Everything that the page says besides what it shows is kept: words on the console,
exceptions, dialogs, violations of its content security policy, and the address of all
that was asked for. The browser is one process group of its own, ended by close().
"""
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find():
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    def __init__(self, deadline_s=20):
        self.folder = tempfile.mkdtemp(prefix="isostasy-browser-")
        command = [find(), "--headless=new", "--remote-debugging-port=0",
                   "--remote-allow-origins=*", f"--user-data-dir={self.folder}",
                   "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
                   "--disable-extensions", "--disable-background-networking",
                   "--force-color-profile=srgb", "about:blank"]
        if os.geteuid() == 0:  # its sandbox wants to be somebody
            command.insert(1, "--no-sandbox")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.events, self.last = [], 0
        try:
            self.socket = websocket.create_connection(self.address(deadline_s), timeout=15)
            target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
            self.session = self.send("Target.attachToTarget",
                                     {"targetId": target, "flatten": True})["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network", "Audits", "Accessibility",
                           "DOM"):
                self.send(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    session = None
    can_script = True

    def address(self, deadline_s):
        path = os.path.join(self.folder, "DevToolsActivePort")
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if os.path.exists(path):
                lines = open(path, encoding="ascii").read().split("\n")
                if len(lines) >= 2:
                    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("Chromium does not start: try it by hand with --headless=new")

    def close(self):
        if getattr(self, "socket", None):
            self.socket.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the protocol ----

    def send(self, method, parameters=None):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters or {}}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") != self.last:
                self.events.append(answer)
                continue
            if "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']['message']}")
            return answer["result"]

    def of(self, *methods):
        return [event["params"] for event in self.events if event.get("method") in methods]

    # ---- the page ----

    def open(self, url):
        self.send("Page.navigate", {"url": url})
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, expression):
        answer = self.send("Runtime.evaluate", {"expression": expression,
                                                "returnByValue": True,
                                                "awaitPromise": True})
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", details).get("description", details))
        return answer["result"].get("value")

    def until(self, expression, deadline_s=8):
        """Its value, once it is true; else what it was at the deadline, as an error."""
        end = time.monotonic() + deadline_s
        value = None
        while time.monotonic() < end:
            try:
                value = self.run(expression)
            except RuntimeError as error:  # between two pages nothing is there
                value = str(error)
            else:
                if value:
                    return value
            time.sleep(0.05)
        raise AssertionError(f"not within {deadline_s} s: {expression} (it was {value!r})")

    def key(self, name, modifiers=0):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36,
                 "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        event = {"key": name, "code": name, "windowsVirtualKeyCode": codes[name],
                 "modifiers": modifiers}
        if name == "Enter":
            event["text"] = "\r"
        self.send("Input.dispatchKeyEvent", {"type": "keyDown", **event})
        self.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def size(self, width, height):
        self.send("Emulation.setScrollbarsHidden", {"hidden": True})
        self.send("Emulation.setDeviceMetricsOverride",
                  {"width": width, "height": height, "deviceScaleFactor": 1,
                   "mobile": False})

    def media(self, **features):
        self.send("Emulation.setEmulatedMedia", {"features": [
            {"name": name.replace("_", "-"), "value": value}
            for name, value in features.items()]})

    def scripts(self, on):
        self.can_script = on
        self.send("Emulation.setScriptExecutionDisabled", {"value": not on})

    def picture(self, path, whole=True):
        answer = self.send("Page.captureScreenshot", {"format": "png",
                                                      "captureBeyondViewport": whole})
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))

    def accessible(self):
        """Role and name of every node of the accessibility tree that is not ignored."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", ""))
                for node in nodes if not node["ignored"]]
