"""The agent of JupyterHub Anywhere: redeems a ticket and runs one user's server on this machine.

In a folder of root's own: `config.json` (the hub's address, its authority, the ticket), `failed`
(what ended badly before it), `servers/KEY.json` (what a reboot needs). A server's environment is
written nowhere. `docs/agent.md` says what it may and may not. Python 3.8, standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import glob
import http.client
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from typing import Any, ClassVar
from urllib.parse import urlsplit

VERSION = "1"
HERE = os.path.dirname(os.path.abspath(__file__))
VENV = "/opt/jupyterhub-anywhere/venv"
SEARCH = [each + "/bin" for each in (VENV, "/opt/conda", "/opt/tljh/user", "/opt/venv")]
SYSTEM = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]
ENDING = threading.Event()
SYSTEMD = os.path.isdir("/run/systemd/system") and shutil.which("systemd-run")
MOST_ANSWER, MOST_LOG, MOST_TOLD, LINES = 4 << 20, 8 << 20, 20000, 40
STOP_SECONDS, IDLE_SECONDS, LONGEST_WAIT, START_SECONDS = 10.0, 20.0, 30.0, 300.0
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
CSR = re.compile("-----BEGIN CERTIFICATE REQUEST.*?END CERTIFICATE REQUEST-----", re.DOTALL)
say = functools.partial(print, "anywhere-agent:", flush=True)
# Python's own word for it loads for four times as long.
ASK = """import os, sys; python = sys.version.split()[0]
names = [each for path in sys.path if os.path.isdir(path) for each in os.listdir(path)]
print(*[x[11:-10] for x in names if x[:11] + x[-10:] == "jupyterhub-.dist-info"][:1], python)"""


class Failure(Exception):
    """Why no server can be started here: a word for programs, a text for people."""


def write(path: str, text: str, owner: pwd.struct_passwd | None = None) -> None:
    """Write a file of 0600 whole or not at all."""
    fresh = f"{path}.{threading.get_ident()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as stream:
        if owner:
            os.fchown(stream.fileno(), owner.pw_uid, owner.pw_gid)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, path)


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


BOOT = read("/proc/sys/kernel/random/boot_id").strip()


def run(words: list[str], **more: Any) -> tuple[int, str]:
    """Run a program: its exit code, and all that it said."""
    more.update(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        done = subprocess.run(words, **more)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return 127, str(error)


def born(pid: int) -> str:
    """When a process began, so that another one of its number is not taken for it."""
    words = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return words[19] if len(words) > 19 and words[0] != "Z" else ""


def family(pid: int) -> dict[int, str]:
    """A process and all that descend from it, with when each began."""
    found = {pid: born(pid)}
    for child in "".join(map(read, glob.glob(f"/proc/{pid}/task/*/children"))).split():
        found.update(family(int(child)))
    return found


def end(processes: dict[int, str], number: int) -> None:
    for pid in (each for each, begun in processes.items() if born(each) == begun):
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def host_keys() -> list[str]:
    return [read(path).strip() for path in sorted(glob.glob("/etc/ssh/ssh_host_*_key.pub"))]


def version_of(program: str) -> list[str | None]:
    """The version of jupyterhub-singleuser and of its Python; the program itself is asked last."""
    python = read(program)[:200].partition("\n")[0].lstrip("#!").strip()
    said = run([python, "-I", "-c", ASK], timeout=30)[1] if re.match("/.*python", python) else ""
    if found := re.fullmatch(r"(\d\S*) (\d\S*)\s*", said):
        return [found[1], found[2]]
    found = re.search(r"(?m)^(\d+\.\d\S*)\s*$", run([program, "--version"], timeout=120)[1])
    return [found[1] if found else None, None]


def listener(port: int) -> int | None:
    """The account (uid) of who listens on a port; None where nobody does."""
    for line in (read("/proc/net/tcp") + read("/proc/net/tcp6")).splitlines():
        words = line.split()
        if len(words) > 7 and words[3] == "0A" and words[1].endswith(f":{port:04X}"):
            return int(words[7])
    return None


class Hub:
    """Asks the hub; one connection, kept."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.url = urlsplit(config["hub"].rstrip("/"))
        self.host = self.url.hostname or ""
        self.context: ssl.SSLContext | None = None
        if self.url.scheme == "https":
            self.context = ssl.create_default_context(cadata=config.get("ca") or None)
        elif not config.get("insecure"):
            raise SystemExit(config["hub"] + " is plain http, and nobody says that it may be")
        self.port: int = self.url.port or (443 if self.context else 80)
        self.path = self.url.path + "/api/anywhere/machines/"
        self.kept: http.client.HTTPConnection | None = None

    def call(self, what: str, body: dict[str, Any], credential: str) -> tuple[int, dict[str, Any]]:
        """POST; the status, 0 where the hub is not reached or verified, and the answer."""
        headers = {"Content-Type": "application/json", "Authorization": "anywhere " + credential}
        kept, self.kept = self.kept, None
        try:
            connection = kept or self.connection()
            connection.request("POST", self.path + what, json.dumps(body), headers)
            answer = connection.getresponse()
            data = json.loads(answer.read(MOST_ANSWER) or b"{}")
            self.kept = None if answer.will_close else connection
            return answer.status, data if isinstance(data, dict) else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            if kept:  # A proxy ends what was silent for some seconds: nobody was asked.
                return self.call(what, body, credential)
            return 0, {"message": f"{self.host}:{self.port}: {type(error).__name__}: {error}"}

    def connection(self) -> http.client.HTTPConnection:
        more: dict[str, Any] = {"context": self.context} if self.context else {}
        kind = http.client.HTTPSConnection if self.context else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=30, **more)


class Server(threading.Thread):
    """One server of one user, from its ticket until nobody wants it any more."""

    one, choosing = threading.Lock(), threading.Lock()
    every: ClassVar[dict[str, Server]] = {}

    def __init__(self, config: dict[str, Any], key: str) -> None:
        super().__init__()
        self.file = os.path.join(HERE, "servers", key)
        self.folder = os.path.join(config.get("run") or "/run/jupyterhub-anywhere", key)
        self.config, self.hub, self.key, self.port = config, Hub(config), key, 0
        self.kept: dict[str, Any] = json.loads(read(self.file + ".json"))
        self.credential = key + "." + self.kept["secret"]
        self.process: subprocess.Popen[bytes] | None = None
        self.tickets: list[str] = []
        self.ending, self.again = threading.Event(), True

    def keep(self, **changes: Any) -> None:
        self.kept.update(changes)
        write(self.file + ".json", json.dumps(self.kept))

    def run(self) -> None:
        while not self.ending.is_set():
            if not self.alive() and self.again:
                job, self.again = self.redeem(), False
                if job is not None:
                    self.begin(job)
                elif self.kept.get("ticket"):
                    return
            if self.alive():
                self.watch()
            elif not self.ending.wait(IDLE_SECONDS):
                self.report("idle")
        for path in glob.glob(self.file + ".*") if not ENDING.is_set() else ():
            os.remove(path)

    def redeem(self) -> dict[str, Any] | None:
        """The job; None where this machine gets none. A hub that is away is waited for."""
        facts, wait = self.facts(), 0.5
        while not self.ending.is_set():
            body, ticket = {"machine": facts}, self.kept.get("ticket")
            if ticket:
                body.update(ticket=ticket, credential=self.kept["secret"])
            status, answer = self.hub.call("redeem", body, "" if ticket else self.credential)
            if status == 200 and isinstance(answer.get("job"), dict):
                self.keep(ticket=None)
                return dict(answer["job"])
            say(f"no job ({status}):", answer.get("message", ""))
            if ticket and answer.get("reason") == "used":
                self.keep(ticket=None)  # By this machine, perhaps: its credential tells.
            elif status in (400, 403, 409):
                return None
            self.ending.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT)
        return None

    def report(self, stage: str, **more: Any) -> dict[str, Any]:
        """Tell the hub. What it says to that; nothing where it was not heard."""
        there = [key for key, each in list(self.every.items()) if each.is_alive()]
        body = {"stage": stage, "servers": there, "host_keys": host_keys(), **more}
        body["port"] = self.kept.get("port")
        if stage not in ("running", "idle"):
            say(f"{self.key}: {stage}", more.get("detail", ""))
        status, answer = self.hub.call("report", body, self.credential)
        if status != 200:
            say(f"{stage} was not heard ({status}):", answer.get("message", ""))
            return {}
        self.again = self.again or bool(answer.get("again"))
        self.tickets += [str(answer["ticket"])] if answer.get("ticket") else []
        for key in self.every.keys() & set(answer.get("end") or ()):
            self.every[key].ending.set()
        return answer

    def facts(self) -> dict[str, Any]:
        command = self.config.get("command") or "jupyterhub-singleuser"
        program = shutil.which(command, path=self.path())
        version, python = version_of(program) if program else [None, None]
        csr = self.request() if self.config.get("internal_ssl") else None
        found = {"agent": VERSION, "python": sys.version.split()[0], "singleuser": version}
        found.update(singleuser_python=python, csr=csr, hostname=os.uname().nodename, boot=BOOT)
        return {**found, "host_keys": host_keys(), "failed": read(os.path.join(HERE, "failed"))}

    def request(self) -> str | None:
        """A certificate's request, for a key that stays here."""
        words = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout"
        said = run([*words.split(), self.file + ".key", "-subj", f"/CN={self.key}"])[1]
        found = CSR.search(said)
        if found is None:
            say(f"no key can be made, internal_ssl needs the program openssl: {said[-200:]}")
        return found[0] if found else None

    def begin(self, job: dict[str, Any]) -> None:
        """Start the server, and wait until it listens."""
        try:
            self.report("redeemed")
            account = self.account(job.get("account") or {})
            words, env = self.command(job), self.environment(job, account)
            ranges = job.get("ports") or [[8000, 8999]]
            ports = (port for first, last in ranges for port in range(first, last + 1))
            if not any(self.free(x) and self.launch(job, account, words, env, x) for x in ports):
                raise Failure("port", f"no port is free here of {ranges}")
            self.report("listening")
        except Exception as error:
            cause, text = error.args if isinstance(error, Failure) else ("agent", repr(error))
            log = read(self.file + ".log")[-MOST_TOLD:].splitlines()[-LINES:]
            self.stop()
            self.report("failed", cause=cause, detail=text, log=log)

    def account(self, wanted: dict[str, Any]) -> pwd.struct_passwd:
        """Whose the server is: looked up, or made without a password; never root."""
        name, make = str(wanted.get("name") or ""), wanted.get("make") and os.geteuid() == 0
        if not NAME.fullmatch(name):
            raise Failure("account", f"{name!r} cannot be an account")
        if make and run(["id", name])[0]:
            shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
            words = ["useradd", "-m"] if shutil.which("useradd") else ["adduser", "-D"]
            say(run([*words, "-s", shell, name])[1])
        try:
            known = pwd.getpwnam(name)
        except KeyError:
            raise Failure("account", f"there is no account {name}, and none was made") from None
        if known.pw_uid == 0 or os.geteuid() not in (0, known.pw_uid):
            raise Failure("root", f"no server runs as {name} by an agent of uid {os.geteuid()}")
        if make and not os.path.isdir(known.pw_dir):
            os.makedirs(known.pw_dir, 0o700)
            os.chown(known.pw_dir, known.pw_uid, known.pw_gid)
        if not os.path.isdir(known.pw_dir):
            raise Failure("home", f"the home of {name} is not there: {known.pw_dir}")
        return known

    def command(self, job: dict[str, Any]) -> list[str]:
        words = [str(each) for each in [*job["cmd"], *job.get("args", [])]]
        path, install = self.path((job.get("env") or {}).get("PATH")), job.get("install")
        found = shutil.which(words[0], path=path)
        if install and (install.get("always") or not found):
            with self.one:
                self.install(install)
            found = shutil.which(words[0], path=path)
        if not found:
            raise Failure("missing", f"{words[0]} is not on this machine; looked in {path}")
        return [found, *words[1:]]

    def path(self, given: str | None = None) -> str:
        mine = [*self.config.get("search", []), *SEARCH, *(given or "").split(":"), *SYSTEM]
        return ":".join(dict.fromkeys(each for each in mine if each))

    def install(self, wanted: dict[str, Any]) -> None:
        """Make a virtual environment of what is wanted, from an index, a mirror or wheels."""
        # Not on a command line: the address of an index may have a password in it.
        env = {"PATH": ":".join(SYSTEM), "HOME": "/root", **(wanted.get("environment") or {})}
        # An older Python gets the newest JupyterHub that it can run.
        hub = ["jupyterhub<=" + wanted["version"]] if wanted.get("version") else []
        pip = [VENV + "/bin/python", "-m", "pip", "install", *hub, *wanted["packages"]]
        for words in ([sys.executable, "-m", "venv", VENV], pip):
            self.report("installing", detail=" ".join(words[2:]))
            code, said = run(words, env=env, timeout=1800)
            if code:
                raise Failure("install", " ".join(words[2:4]) + f" failed: {said[-500:]}")

    def environment(self, job: dict[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
        env = {name: str(value) for name, value in (job.get("env") or {}).items()}
        env.update(PATH=self.path(env.get("PATH")), HOME=account.pw_dir, SHELL=account.pw_shell)
        env.update(USER=account.pw_name, LOGNAME=account.pw_name)
        # Jupyter writes its token there: into memory, as its environment is.
        env.setdefault("JUPYTER_RUNTIME_DIR", self.folder + "/runtime")
        os.makedirs(os.path.dirname(self.folder), 0o755, exist_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder, 0o700)
        os.chown(self.folder, account.pw_uid, account.pw_gid)
        files = {}
        if self.config.get("ca") and "SSL_CERT_FILE" not in env:
            files["SSL_CERT_FILE"] = "".join(map(read, BUNDLES)) + self.config["ca"]
        if job.get("certificate"):
            files["JUPYTERHUB_SSL_KEYFILE"] = read(self.file + ".key")
            files["JUPYTERHUB_SSL_CERTFILE"] = job["certificate"]
            files["JUPYTERHUB_SSL_CLIENT_CA"] = job["authority"]
        for name, text in files.items():
            env[name] = os.path.join(self.folder, name.lower() + ".pem")
            write(env[name], text, account)
        return env

    def free(self, port: int) -> bool:
        """Whether nobody listens there, nor another server here is about to."""
        with self.choosing:
            others = [each.port for each in self.every.values() if each is not self]
            self.port = 0 if port in others or listener(port) is not None else port
        return self.port > 0

    def launch(self, job: Any, account: Any, words: list[str], env: Any, port: int) -> bool:
        """Start it on a port; False where somebody else was faster to that port."""
        url = urlsplit(env.get("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1/"))
        host = url.netloc if url.netloc.endswith("]") else url.netloc.rpartition(":")[0]
        env = {**env, "JUPYTERHUB_SERVICE_URL": url._replace(netloc=f"{host}:{port}").geturl()}
        argv = [each.replace("{port}", str(port)) for each in words]
        given = {"account": account.pw_name, "home": account.pw_dir, "argv": argv, "env": env}
        # All of this file would load for a tenth of a second, on slow machines for many.
        code = re.findall("(?s)\\ndef become.*?\\n(?=def main)", read(HERE + "/agent.py"))[0]
        begin = [sys.executable, "-I", "-S", "-c", f"import json,os,pwd,sys{code}become()"]
        name = re.sub(r"[^A-Za-z0-9_.-]", "-", str(job.get("server") or self.key))
        unit = f"jupyterhub-anywhere-{name}.scope" if SYSTEMD else ""
        if unit:  # A scope, for the properties of a service, and so its environment, can be read.
            run(["systemctl", "stop", unit])
            begin = f"systemd-run -q --scope --unit={unit} --description={name} --".split() + begin
        write(self.file + ".log", "")
        with open(self.file + ".log", "ab") as log:
            ends: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log}
            self.process = subprocess.Popen(begin, **ends, cwd="/", start_new_session=True)
        self.keep(pid=self.process.pid, born=born(self.process.pid), boot=BOOT, unit=unit)
        self.keep(port=port, **{name: job.get(name) for name in ("every", "patience", "reach")})
        assert self.process.stdin
        with contextlib.suppress(OSError), self.process.stdin as stream:
            stream.write(json.dumps(given).encode())
        self.report("starting", detail=f"port {port}")
        until = time.monotonic() + float(job.get("seconds") or START_SECONDS)
        while listener(port) != account.pw_uid:
            alive = self.alive()
            if not alive and listener(port) is not None:
                return False
            if not alive or self.ending.wait(0.1):
                raise Failure("exited", f"{words[0]} ended before it listened on port {port}")
            if time.monotonic() > until:
                raise Failure("silent", f"nothing has begun to listen on port {port} in time")
        return True

    def alive(self) -> bool:
        if self.process and self.process.poll() is not None:
            return False
        pid = int(self.kept.get("pid") or 0)
        return pid > 0 and self.kept["boot"] == BOOT and born(pid) == self.kept["born"] != ""

    def watch(self) -> None:
        """Stay until the server has ended, the hub does not want it, or was silent for long."""
        every, patience = self.kept.get("every") or 30, self.kept.get("patience") or 3600
        tunnel = self.tunnel() if self.kept.get("reach") == "dial" else None
        heard, missed, why = time.monotonic(), 0, ""
        while not why:
            until = time.monotonic() + every
            while self.alive() and time.monotonic() < until and not self.ending.wait(0.2):
                pass
            if self.ending.is_set() or not self.alive():
                why = "it was told to end" if self.ending.is_set() else "it ended by itself"
            else:
                answer = self.report("running")
                heard, missed = (time.monotonic(), 0) if answer else (heard, missed + 1)
                if answer.get("lease") == "revoked":
                    why = "the hub has revoked it"
                elif missed > 2 and time.monotonic() - heard > patience:
                    why = f"no hub has wanted it for {patience} s"
                if os.path.getsize(self.file + ".log") > MOST_LOG:
                    os.truncate(self.file + ".log", 0)
        if tunnel:
            tunnel.ended = True
        self.stop()
        more = {"status": self.process.returncode if self.process else None, "detail": why}
        log = read(self.file + ".log")[-MOST_TOLD:].splitlines()[-LINES:]
        # Of a machine that is booted again, the server comes back.
        self.report("leaving" if self.ending.is_set() else "ended", log=log, **more)

    def tunnel(self) -> Any:
        sys.path.insert(0, HERE)
        found = __import__("tunnel").Tunnel(self.hub, self.credential, self.kept["port"])
        found.start()
        return found

    def stop(self) -> None:
        """End it and all that it started: nicely, then not."""
        pid = self.kept.get("pid")
        if not pid:
            return
        everything = family(pid) if self.alive() else {}
        end({pid: self.kept["born"]}, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while self.alive() and time.monotonic() < until:
            everything.update(family(pid))
            time.sleep(0.1)
        end(everything, signal.SIGKILL)
        if self.process:
            self.process.wait()
        if self.kept.get("unit"):
            run(["systemctl", "stop", self.kept["unit"]])
        self.keep(pid=None)
        self.port = 0
        shutil.rmtree(self.folder, ignore_errors=True)


def become() -> None:
    """Be the account that standard input names, and the server: nothing of root's stays."""
    given = json.loads(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    account = pwd.getpwnam(given["account"])
    if os.geteuid() == 0:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    if 0 in (os.getuid(), os.geteuid()):
        sys.exit("no server runs as root")
    os.umask(0o022)
    os.chdir(given["home"])
    os.execve(given["argv"][0], given["argv"], given["env"])


def main() -> None:
    """Run the servers of all tickets, until none is left or somebody says stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ENDING.set())
    os.umask(0o022)
    os.makedirs(os.path.join(HERE, "servers"), 0o700, exist_ok=True)
    lock = os.open(os.path.join(HERE, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(say("another agent runs here"))
    config = json.loads(read(os.path.join(HERE, "config.json")))
    tickets: list[str] = [config["ticket"]]
    while tickets or (any(map(Server.is_alive, Server.every.values())) and not ENDING.is_set()):
        for ticket in tickets:  # Once, also where it is told again after its server has ended.
            key = ticket.split(".")[1]
            path = os.path.join(HERE, "servers", key + ".json")
            if key not in Server.every and not os.path.exists(path):
                # Its credential is on the disk before it is used.
                write(path, json.dumps({"ticket": ticket, "secret": secrets.token_urlsafe(32)}))
        for path in glob.glob(os.path.join(HERE, "servers", "*.json")):
            key = os.path.basename(path)[:-5]
            if key not in Server.every:
                Server.every[key] = Server(config, key)
                Server.every[key].start()
        ENDING.wait(0.5)
        tickets = [each.tickets.pop() for each in Server.every.values() if each.tickets]
    for thread in Server.every.values():  # None of them is a daemon: they are waited for.
        thread.ending.set()


if __name__ == "__main__":
    main()
