"""The wheel, built from nothing but what the Dockerfile copies, carries all that the program needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deployment.test_dockerfile import ROOT, of


def copied():
    """What the Dockerfile brings into the build: files and folders of the checkout."""
    return [source for rest in of("COPY") if "--from=" not in rest for source in rest.split()[:-1]]


def test_the_wheel_that_the_image_installs_has_rules_pages_and_objects_and_plays_the_demo(tmp_path):
    build, installed = tmp_path / "build", tmp_path / "installed"
    build.mkdir()
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, build / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, build / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", tmp_path, build], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", installed, wheel], check=True)

    environ = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}

    def run(*arguments):
        code = f"import sys; sys.path.insert(0, {str(installed)!r}); from runner.cli import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert str(installed) in run("rules", "--json")
    assert "0 failed" in run("test")
    run("demo")
    run("report", "demo-alerts.ndjson")
    assert "Pod or Container Creation" in Path(tmp_path / "alerts.html").read_text()
    run("setup", "--export", "kibana.ndjson")
    assert (tmp_path / "kibana.ndjson").stat().st_size > 1000
    licences = {path.name for path in installed.glob("eql_runner-*.dist-info/licenses/**/*")}
    assert {"LICENSE", "NOTICE"} <= licences
