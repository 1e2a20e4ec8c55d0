"""Writing files: whole or not at all, and by one run at a time."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from spacy_lowner.corpus.files import atomic_path, output_lock, write_json
from spacy_lowner.errors import LownerError

HOLD = """
import sys
from pathlib import Path
from spacy_lowner.corpus.files import output_lock
with output_lock(Path(sys.argv[1])):
    sys.stdout.write("locked\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    old = os.umask(0o027)
    yield
    os.umask(old)


@pytest.fixture
def other_run(tmp_path):
    """A process that has the lock of tmp_path/out.spacy until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out.spacy")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def test_files_are_replaced_whole_and_leave_no_draft(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_path(path) as draft:
        draft.write_text("one")
        assert not path.exists()
    with pytest.raises(RuntimeError):
        with atomic_path(path) as draft:
            draft.write_text("two")
            raise RuntimeError
    assert path.read_text() == "one" and os.listdir(path.parent) == ["a.txt"]


def test_files_have_the_permissions_of_the_umask_or_keep_theirs(tmp_path, umask):
    path = tmp_path / "a.json"
    write_json(path, {})
    assert mode_of(path) == 0o640
    for mode in (0o600, 0o444, 0o664):
        path.chmod(mode)
        with atomic_path(path) as draft:
            assert not mode_of(draft) & ~(mode | 0o600)
            draft.write_text("{}")
        assert mode_of(path) == mode


def test_files_are_written_through_symbolic_links(tmp_path):
    (tmp_path / "real").mkdir()
    link, target = tmp_path / "link.txt", tmp_path / "real" / "target.txt"
    link.symlink_to(target)
    for text in ("new", "again"):
        with atomic_path(link) as draft:
            assert draft.parent == target.parent
            draft.write_text(text)
        assert link.is_symlink() and target.read_text() == text
    assert os.listdir(tmp_path / "real") == ["target.txt"]


def test_files_are_on_the_disk_before_they_replace_the_old_ones(tmp_path, monkeypatch):
    events = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: events.append("fsync") or sync(handle))
    monkeypatch.setattr(os, "replace", lambda *paths: events.append("replace") or replace(*paths))
    write_json(tmp_path / "a.json", {})
    assert events == ["fsync", "replace"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "open", "replace"])
def test_files_report_a_full_disk_and_keep_the_old_one(tmp_path, monkeypatch, call, number):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(LownerError, match="LN150.*a.json.*Free some space"):
            write_json(path, {"new": 2})
    assert path.read_text().split() == ["{", '"old":1', "}"] and os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_files_can_be_devices(tmp_path):
    link = tmp_path / "full.txt"
    link.symlink_to("/dev/full")
    with pytest.raises(LownerError, match="LN150"):
        with atomic_path(link) as draft:
            draft.write_text("x")
    with atomic_path(tmp_path / "null.txt") as draft:
        draft.write_text("x")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode) and os.stat("/dev/full").st_nlink == 1


def test_files_name_the_path_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "a.json", tmp_path):
        with pytest.raises(LownerError, match="LN024"):
            write_json(path, {})
    with pytest.raises(LownerError, match="LN024.*file/a.spacy"):
        with output_lock(tmp_path / "file" / "a.spacy"):
            pass


def test_files_pass_errors_of_other_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        with atomic_path(tmp_path / "a.txt"):
            (tmp_path / "missing").read_text()
    assert os.listdir(tmp_path) == []


def test_files_with_long_names(tmp_path):
    path = tmp_path / ("ä" * 125 + ".txt")
    with output_lock(path), atomic_path(path) as draft:
        draft.write_text("x")
    assert [name for name in os.listdir(tmp_path)] == [path.name]


def test_locks_refuse_a_second_run_and_name_the_first(tmp_path, other_run):
    link = tmp_path / "link.spacy"
    link.symlink_to(tmp_path / "out.spacy")
    for path in (tmp_path / "out.spacy", link):
        with pytest.raises(LownerError, match=f"LN151.*{path.name}.*process {other_run.pid} "):
            with output_lock(path):
                pass
    with output_lock(tmp_path / "other.spacy"):
        pass


def test_locks_of_killed_and_of_finished_runs_block_nobody(tmp_path, other_run):
    other_run.kill()
    other_run.wait()
    assert (tmp_path / ".out.spacy.lock").exists()
    with output_lock(tmp_path / "out.spacy"):
        pass
    assert os.listdir(tmp_path) == []


def test_locks_can_be_taken_again_only_by_their_thread(tmp_path):
    path, problems = tmp_path / "out.spacy", []

    def take():
        try:
            with output_lock(path):
                pass
        except LownerError as error:
            problems.append(str(error))

    with output_lock(path):
        take()
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        assert (tmp_path / ".out.spacy.lock").exists()
    assert len(problems) == 1 and f"process {os.getpid()} " in problems[0]
    take()
    assert len(problems) == 1


def test_locks_delete_drafts_of_killed_runs_and_nothing_else(tmp_path):
    gone = [".out.spacy.0123456789ab.draft", ".out.report.json.0123456789ab.draft"]
    kept = [".out.spacy.v2.0123456789ab.draft", ".out.0123456789ab.draft", ".out.spacy.draft", "out.jsonl"]
    for name in [*gone, *kept]:
        (tmp_path / name).write_text("")
    with output_lock(tmp_path / "out.spacy"):
        assert sorted(os.listdir(tmp_path)) == sorted([*kept, ".out.spacy.lock"])


def test_locks_leave_no_folders_that_were_made_for_them(tmp_path):
    with output_lock(tmp_path / "a" / "b" / "out.spacy"):
        assert (tmp_path / "a" / "b").is_dir()
    assert os.listdir(tmp_path) == []
    with output_lock(tmp_path / "a" / "b" / "out.spacy"):
        (tmp_path / "a" / "kept").write_text("")
    assert os.listdir(tmp_path / "a") == ["kept"]
