"""A server that answers 200 to everything, writes down what it was given, and has a family."""

import http.server
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

said = os.environ.get("STUB", "")
if said == "fail":
    sys.stderr.write(f"bad luck with {os.environ['JUPYTERHUB_API_TOKEN']}\n<b>the end</b>\n")
    sys.exit(9)
if said == "eat":
    eaten = [bytearray(os.urandom(1 << 20)) for _ in range(1 << 14)]
family = []
if said == "family":
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    family.append(subprocess.Popen(sleep, start_new_session=True).pid)
    family.append(subprocess.Popen(sleep, start_new_session=True, env={}).pid)
about = {
    "env": dict(os.environ),
    "uid": os.getuid(),
    "groups": os.getgroups(),
    "cwd": str(Path.cwd()),
    "pid": os.getpid(),
    "family": family,
    "argv": sys.argv,
}
Path("~/stub.json").expanduser().write_text(json.dumps(about), "utf-8")


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything."""

    def do_GET(self) -> None:
        """Answer 200."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.ThreadingHTTPServer((url.hostname or "", url.port or 0), Handler).serve_forever()
