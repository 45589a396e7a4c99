"""Changed rule files are noticed, however they change."""

import threading

import pytest

from runner.rules.watch import stamps, watch


class Watching:
    def __init__(self, path, look_every):
        self.stop = threading.Event()
        self.changed = threading.Semaphore(0)
        self.thread = threading.Thread(
            target=watch, args=(path, stamps(path), self.stop, self.changed.release), kwargs={"look_every": look_every}
        )
        self.thread.start()

    def noticed(self, seconds=10):
        return self.changed.acquire(timeout=seconds)

    def end(self):
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def watching():
    started = []

    def start(path, look_every=0.2):
        started.append(Watching(path, look_every))
        return started[-1]

    yield start
    for one in started:
        one.end()


def config_map(folder, **files):
    """A folder as Kubernetes mounts a ConfigMap: links to links into a hidden folder; return how to change it."""
    (folder / "..1").mkdir(parents=True)
    (folder / "..data").symlink_to("..1")
    for name, text in files.items():
        (folder / "..1" / f"{name}.toml").write_text(text)
        (folder / f"{name}.toml").symlink_to(f"..data/{name}.toml")

    def change(**files):
        (folder / "..2").mkdir()
        for name, text in files.items():
            (folder / "..2" / f"{name}.toml").write_text(text)
        (folder / "..data_tmp").symlink_to("..2")
        (folder / "..data_tmp").replace(folder / "..data")

    return change


def edit(folder):
    (folder / "a.toml").write_text("changed")


def add(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "b.toml").write_text("new")


def remove(folder):
    (folder / "a.toml").unlink()


def replace_by_rename(folder):
    (folder / "a.tmp").write_text("other")
    (folder / "a.tmp").replace(folder / "a.toml")


@pytest.mark.parametrize("change", [edit, add, remove, replace_by_rename], ids=lambda change: change.__name__)
def test_a_change_in_the_folder_is_noticed(tmp_path, watching, change):
    (tmp_path / "a.toml").write_text("first")
    subject = watching(tmp_path)
    change(tmp_path)
    assert subject.noticed()


def test_a_config_map_that_moves_on_is_noticed(tmp_path, watching):
    change = config_map(tmp_path / "rules", a="first")
    subject = watching(tmp_path / "rules")
    change(a="other")
    assert subject.noticed()


def test_a_link_to_the_folder_that_leads_elsewhere_is_noticed(tmp_path, watching):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.toml").write_text(name)
    (tmp_path / "current").symlink_to("one")
    subject = watching(tmp_path / "current")
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "current")
    assert subject.noticed()
    (tmp_path / "two" / "a.toml").write_text("two, edited")
    assert subject.noticed()


def test_a_folder_that_goes_and_comes_back_is_noticed_both_times(tmp_path, watching):
    folder = tmp_path / "rules"
    folder.mkdir()
    edit(folder)
    subject = watching(folder)
    folder.rename(tmp_path / "away")
    assert subject.noticed()
    (tmp_path / "away").rename(folder)
    assert subject.noticed()


def test_a_single_file_is_watched_too(tmp_path, watching):
    edit(tmp_path)
    subject = watching(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text("changed again")
    assert subject.noticed()


def test_without_a_change_nothing_is_noticed(tmp_path, watching):
    edit(tmp_path)
    subject = watching(tmp_path, look_every=0.01)
    assert not subject.noticed(0.5)


def test_what_is_in_hidden_folders_is_no_rule(tmp_path):
    edit(tmp_path)
    before = stamps(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "b.toml").write_text("x")
    assert stamps(tmp_path) == before
