"""A real HTTP server on loopback that answers as OpenAI's does, and misbehaves on demand."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(content, *, finish="stop", **message):
    """The body of a good answer."""
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


class Misbehaving:
    """The server's behaviour, and the requests that it received.

    answer (Callable[[str, int], Any]): Maps a prompt and the number of its attempt to the text of an answer, a body
        (dict), a triple of status, headers and body, or ":drop", ":half", ":drip", ":stall" or ":late", whose head
        comes after 0.8 seconds and whose body after 3 more.
    """

    def __init__(self, answer):
        self.answer = answer
        self.seen = []
        self.bodies = []
        self.headers = []
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()


@contextmanager
def serve(answer):
    """Run a server. YIELDS (Tuple[str, Misbehaving]): Its base_url, and its state."""
    state = Misbehaving(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body of an answer leave in one packet. Otherwise each call waits for the delayed acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = body["messages"][-1]["content"]
            with state.lock:
                state.seen.append(prompt)
                state.bodies.append(body)
                state.headers.append({name.lower(): value for name, value in self.headers.items()})
                attempt = state.seen.count(prompt)
                state.busy += 1
                state.most_busy = max(state.busy, state.most_busy)
            try:
                self.reply(state.answer(prompt, attempt))
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                with state.lock:
                    state.busy -= 1

        def reply(self, answer):
            if answer == ":drop":
                self.hang_up()
                return
            if answer == ":stall":
                time.sleep(3)
                answer = "late"
            half, drip, late = (answer == kind for kind in (":half", ":drip", ":late"))
            if late:
                time.sleep(0.8)
            if half or drip or late:
                answer = "a long answer"
            status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
            data = (
                body.encode()
                if isinstance(body, str) and isinstance(answer, tuple)
                else json.dumps(completion(body) if isinstance(body, str) else body).encode()
            )
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if late:
                self.wfile.flush()
                time.sleep(3)
            if drip:
                for byte in data:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(0.02)
                return
            self.wfile.write(data[: len(data) // 2] if half else data)
            if half:
                self.wfile.flush()
                self.hang_up()

        def hang_up(self):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *arguments: None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
