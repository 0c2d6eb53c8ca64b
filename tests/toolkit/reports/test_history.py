# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The history file: what goes in comes out, several writers, a killed writer, files of others."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mdeploy.errors import InputError
from mdeploy.reports.history import DATABASE_VARIABLE, History, default_path


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "deep" / "history.db")


def add(history: History, number: int = 0, kind: str = "bench", artifact: str = "net") -> int:
    return history.add(kind, artifact, {"number": number}, target="local", outcome="ok", headline=f"{number} ms")


def test_round_trip_newest_first(history: History) -> None:
    assert history.runs() == []
    ids = [add(history, number) for number in range(3)]
    assert [run.id for run in history.runs()] == ids[::-1]
    assert history.document(ids[1]) == {"number": 1}
    run = history.runs(limit=1)[0]
    assert (run.kind, run.artifact, run.target, run.outcome, run.headline) == ("bench", "net", "local", "ok", "2 ms")
    assert run.created.endswith("+00:00")


def test_filters(history: History) -> None:
    add(history, kind="bench", artifact="a")
    add(history, kind="parity", artifact="a")
    add(history, kind="bench", artifact="b")
    assert [run.artifact for run in history.runs(kind="bench")] == ["b", "a"]
    assert [run.kind for run in history.runs(artifact="a")] == ["parity", "bench"]


def test_an_unknown_run(history: History) -> None:
    with pytest.raises(InputError, match="there is no run 7"):
        history.document(7)
    add(history)
    with pytest.raises(InputError, match="there is no run 7"):
        history.document(7)


WRITER = """
import sys
import threading
from pathlib import Path
from mdeploy.reports.history import History
history = History(Path(sys.argv[1]))
for i in range(int(sys.argv[2])):
    history.add("bench", "net", {"i": i, "pad": "x" * 20000}, outcome="ok", headline="")
    print(i, flush=True)
"""


def write(history: History, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(history.path), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_writers_lose_nothing(history: History) -> None:
    # From the first moment: the file does not exist yet, so making it is part of the race.
    writers = [write(history, 40), write(history, 40)]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert len(history.runs()) == 80
    assert len({run.id for run in history.runs()}) == 80


def test_a_killed_writer_leaves_a_readable_file(history: History) -> None:
    writer = write(history, 100_000)
    assert writer.stdout is not None
    for _ in range(10):
        writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    done = 10 + len(writer.stdout.read().split())
    writer.wait()
    writer.stdout.close()
    runs = history.runs()
    assert len(runs) in (done, done + 1), "what was reported as written is there"
    assert all(history.document(run.id)["pad"] for run in runs)
    add(history)
    assert len(history.runs()) == len(runs) + 1


def test_a_writer_killed_beside_another_costs_the_other_nothing(history: History) -> None:
    killed, other = write(history, 100_000), write(history, 60)
    assert killed.stdout is not None
    for _ in range(10):
        killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    done = 10 + len(killed.stdout.read().split())
    killed.wait()
    killed.stdout.close()
    other.communicate()
    assert other.returncode == 0
    assert len(history.runs()) in (60 + done, 60 + done + 1)
    with sqlite3.connect(history.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_file_of_something_else_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="something else"):
        add(History(path))
    assert path.read_bytes() == before
    (tmp_path / "text").write_text("not a database, but long enough to be taken for one" * 40)
    with pytest.raises(InputError, match="cannot use the history"):
        add(History(tmp_path / "text"))


def test_a_newer_layout_is_refused(history: History) -> None:
    add(history)
    connection = sqlite3.connect(history.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match="newer mdeploy"):
        history.runs()


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(DATABASE_VARIABLE, str(tmp_path / "x.db"))
    assert default_path() == tmp_path / "x.db"
    monkeypatch.delenv(DATABASE_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "mdeploy" / "history.db"


def test_threads_that_make_the_file_at_once_all_write(tmp_path: Path) -> None:
    """One sees a table of which it has not yet seen whose it is."""
    for round_ in range(5):
        history = History(tmp_path / f"{round_}.db")
        barrier = threading.Barrier(8)
        refused: list[str] = []

        def add(history: History = history, barrier: threading.Barrier = barrier, refused: list[str] = refused) -> None:
            barrier.wait()
            try:
                history.add("bench", "net", {}, outcome="ok", headline="")
            except InputError as error:
                refused.append(str(error))

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert refused == []
        assert len(history.runs()) == 8
