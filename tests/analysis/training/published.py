"""A server of the tests' own, for files that are fetched from where they are published."""

import hashlib
import http.server
import threading

from analysis.training.download import PublishedFile


def published(url, content):
    """A file that should hold this."""
    return PublishedFile(url, hashlib.md5(content).hexdigest())


class Server:
    """Serves files by their names, or one under any, with ranges, and notes what was asked for and by whom."""

    def __init__(self, content, *, breaks_off_after=None, ranges=True):
        self.asked, self.askers = [], set()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                server.asked.append(asked)
                server.askers.add(self.headers.get("User-Agent"))
                archive = content if isinstance(content, bytes) else content[self.path.lstrip("/")]
                start = int(asked[6:-1]) if asked and ranges else 0
                if start >= len(archive):
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(archive) - start))
                self.end_headers()
                stop = breaks_off_after if breaks_off_after and not asked else len(archive)
                self.wfile.write(archive[start:stop])

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def published(self, name, content):
        """A file that is to be found here, with the checksum of what it should hold."""
        return published(f"http://127.0.0.1:{self.http.server_port}/{name}", content)
