# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Real Caffe2 as a child process: answers, refusals, and what happens when it dies or hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mdeploy.backends.caffe2 import Caffe2Process, environment, find_python
from mdeploy.backends.child import wire
from mdeploy.caffe2.pair import NetPair
from mdeploy.errors import InputError, UnavailableError, UnsupportedError

INIT = b"""
name: "init"
op { type: "GivenTensorFill" output: "w" arg { name: "shape" ints: 2 ints: 3 }
     arg { name: "values" floats: 1 floats: 2 floats: 3 floats: 4 floats: 5 floats: 6 } }
op { type: "GivenTensorFill" output: "b" arg { name: "shape" ints: 2 }
     arg { name: "values" floats: 0 floats: -20 } }
"""
PREDICT = b"""
name: "predict"
op { type: "FC" input: "x" input: "w" input: "b" output: "y" }
op { type: "Relu" input: "y" output: "y" }
op { type: "Sigmoid" input: "y" output: "s" }
external_input: "x" external_input: "w" external_input: "b" external_output: "s" external_output: "y"
"""
# Int8Relu CHECKs that its scale is its input's: the process aborts.
ABORTS = b"""
name: "aborts"
op { type: "Int8Quantize" input: "x" output: "q" arg { name: "Y_scale" f: 0.1 } arg { name: "Y_zero_point" i: 5 } }
op { type: "Int8Relu" input: "q" output: "r" arg { name: "Y_scale" f: 0.3 } arg { name: "Y_zero_point" i: 9 } }
external_input: "x" external_output: "r"
"""
X = np.ones((1, 3), np.float32)
LINEAR = np.array([[6.0, -5.0]], np.float32)  # x.w + b by hand
RELU = np.array([[6.0, 0.0]], np.float32)
SIGMOID = 1 / (1 + np.exp(-RELU.astype(np.float64)))


def start(**arguments: float) -> Caffe2Process:
    if find_python() is None:
        pytest.skip(f"real Caffe2 is not set up: {environment.INSTALL_COMMAND}")
    return Caffe2Process(threads=1, **arguments)


@pytest.fixture(scope="module")
def caffe2() -> Iterator[Caffe2Process]:
    with start() as process:
        yield process


def test_it_is_the_real_thing(caffe2: Caffe2Process) -> None:
    assert caffe2.versions["torch"].startswith("1.10.2")
    assert caffe2.versions["python"].startswith("3.9.")
    assert {"Conv", "SpatialBN", "Int8Conv"} <= set(caffe2.operators())


def test_predictor_binds_by_position(caffe2: Caffe2Process) -> None:
    net = caffe2.load(NetPair(INIT, PREDICT))
    assert (net.inputs, net.outputs) == (("x",), ("s", "y"))
    for _ in range(2):  # the second run finds blobs of the first
        s, y = net.run([X])
        np.testing.assert_allclose(s, SIGMOID, rtol=1e-6)
        np.testing.assert_array_equal(y, RELU)
    assert net.last_run_seconds > 0


def test_several_nets_live_side_by_side(caffe2: Caffe2Process) -> None:
    first = caffe2.load(NetPair(INIT, PREDICT))
    second = caffe2.load(NetPair(INIT.replace(b"floats: -20", b"floats: 1"), PREDICT))
    caffe2.run_nets(NetPair(INIT, PREDICT), [X])
    np.testing.assert_array_equal(first.run([X])[1], RELU)
    np.testing.assert_array_equal(second.run([X])[1], [[6.0, 16.0]])


def test_run_nets_by_position_and_by_name(caffe2: Caffe2Process) -> None:
    for inputs in ([X], {"x": X}):
        outputs = caffe2.run_nets(NetPair(INIT, PREDICT), inputs)
        assert list(outputs) == ["s", "y"]
        np.testing.assert_array_equal(outputs["y"], RELU)


def test_fetch_gets_any_blob(caffe2: Caffe2Process) -> None:
    blobs = caffe2.run_nets(NetPair(INIT, PREDICT), [X], fetch=["b", "y"])
    assert list(blobs) == ["b", "y"]
    np.testing.assert_array_equal(blobs["b"], np.array([0, -20], np.float32))


def test_trace_sees_blobs_that_are_overwritten_in_place(caffe2: Caffe2Process) -> None:
    # FC is not allowed in place, Relu is: "y" has two values.
    traced = caffe2.trace_nets(NetPair(INIT, PREDICT), [X])
    assert [(index, name) for index, name, _ in traced] == [(0, "y"), (1, "y"), (2, "s")]
    np.testing.assert_array_equal(traced[0][2], [[6.0, -5.0]])
    np.testing.assert_array_equal(traced[1][2], RELU)


def test_nets_do_not_see_each_others_blobs(caffe2: Caffe2Process) -> None:
    caffe2.run_nets(NetPair(INIT, PREDICT), [X])
    with pytest.raises(InputError, match="y2"):
        caffe2.run_nets(NetPair(INIT, PREDICT), [X], fetch=["y2"])


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64, np.uint8])
def test_dtypes_and_empty_dimensions_survive(caffe2: Caffe2Process, dtype: type) -> None:
    copy = b'name: "c" op { type: "Copy" input: "x" output: "y" } external_input: "x" external_output: "y"'
    for shape in ((2, 3), (0, 3), (1,)):
        value = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
        result = caffe2.run_nets(NetPair(b'name: "i"', copy), [value])["y"]
        assert (result.dtype, result.shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(result, value)


def test_unknown_operator_is_unsupported(caffe2: Caffe2Process) -> None:
    with pytest.raises(UnsupportedError, match="'Nope'"):
        caffe2.load(NetPair(INIT, PREDICT.replace(b"Sigmoid", b"Nope")))


@pytest.mark.parametrize(
    ("init", "predict", "inputs", "match"),
    [
        (INIT, b"\xff\xfe junk", [X], "predict_net is not a NetDef"),
        (b"\x08", PREDICT, [X], "init_net is not a NetDef"),
        (INIT, PREDICT.replace(b'input: "b" output', b'input: "nowhere" output'), [X], "nowhere"),
        (INIT, PREDICT, [np.ones((1, 4), np.float32)], "Dimension mismatch"),
        (INIT, PREDICT, [X, X], "takes 1 input"),
        (INIT.replace(b"ints: 2 ints: 3", b"ints: 7 ints: 3"), PREDICT, [X], "21"),
    ],
    ids=["predict_bytes", "init_bytes", "dangling", "shape", "count", "values"],
)
def test_refusals_are_one_line_and_leave_it_running(
    caffe2: Caffe2Process, init: bytes, predict: bytes, inputs: list[np.ndarray], match: str
) -> None:
    with pytest.raises(InputError, match=match) as caught:
        caffe2.run_nets(NetPair(init, predict), inputs)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(caffe2.run_nets(NetPair(INIT, PREDICT), [X])["y"], RELU)


def test_what_it_prints_does_not_reach_the_protocol(caffe2: Caffe2Process) -> None:
    # Print goes to the C++ stdout.
    printing = PREDICT.replace(b'op { type: "Sig', b'op { type: "Print" input: "y" } op { type: "Sig')
    np.testing.assert_array_equal(caffe2.run_nets(NetPair(INIT, printing), [X])["y"], RELU)


def test_an_abort_is_an_error_that_says_why() -> None:
    with start() as process:
        with pytest.raises(InputError, match=r"SIGABRT.*Check failed"):
            process.run_nets(NetPair(b'name: "i"', ABORTS), [X])
        with pytest.raises(UnavailableError, match="no longer running"):
            process.run_nets(NetPair(INIT, PREDICT), [X])


def test_a_hang_ends_in_an_error_and_a_dead_child() -> None:
    with start(timeout=0.5) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(UnavailableError, match="did not answer"):
            process.run_nets(NetPair(INIT, PREDICT), [X])
        assert not alive(process.pid)


def test_a_large_request_to_a_stopped_child_does_not_block() -> None:
    with start(timeout=0.5) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(UnavailableError, match="did not answer"):
            process.run_nets(NetPair(INIT, PREDICT), [np.zeros((1000, 3000), np.float32)])


def test_killed_from_outside() -> None:
    with start() as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(InputError, match="SIGKILL"):
            process.run_nets(NetPair(INIT, PREDICT), [X])


def test_close_ends_the_child_and_may_be_called_twice() -> None:
    process = start()
    process.close()
    process.close()
    assert not alive(process.pid)


def test_the_child_ends_with_its_parent() -> None:
    start().close()  # or skip
    code = (
        "import os, sys\nfrom mdeploy.backends.caffe2 import Caffe2Process\n"
        "p = Caffe2Process()\nprint(p.pid, flush=True)\nos._exit(0) if sys.argv[1] == 'hard' else sys.exit(0)"
    )
    for how in ("soft", "hard"):
        done = subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=True)
        pid = int(done.stdout)
        while alive(pid):
            os.sched_yield()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestWire:
    def frame(self) -> bytes:
        return b"".join(wire.pack({"request": "x"}, [("a", np.arange(6, dtype=np.int32).reshape(2, 3))]))

    def parse(self, frame: bytes) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        header, payload, crc = wire.read_prefix(frame[: wire.PREFIX_SIZE])
        text = frame[wire.PREFIX_SIZE : wire.PREFIX_SIZE + header]
        body = frame[wire.PREFIX_SIZE + header :]
        assert len(body) == payload
        return wire.unpack(text, body, crc)

    def test_round_trip(self) -> None:
        header, arrays = self.parse(self.frame())
        assert header == {"request": "x"}
        np.testing.assert_array_equal(arrays["a"], [[0, 1, 2], [3, 4, 5]])

    def test_a_scalar_stays_one(self) -> None:
        _, arrays = self.parse(b"".join(wire.pack({}, [("a", np.float32(3))])))
        assert arrays["a"].shape == ()

    @pytest.mark.parametrize("position", [0, 20, 40, -1])
    def test_any_changed_byte_is_noticed(self, position: int) -> None:
        frame = bytearray(self.frame())
        frame[position] ^= 1
        with pytest.raises(wire.WireError):
            self.parse(bytes(frame))

    @pytest.mark.parametrize(
        "entry",
        [
            {"name": "a", "dtype": "object", "shape": [1]},
            {"name": "a", "dtype": "int32", "shape": [-1]},
            {"name": "a", "dtype": "int32", "shape": [1 << 60]},
            {"name": "a", "dtype": "int32", "shape": [1]},
        ],
    )
    def test_arrays_that_do_not_fit_their_frame(self, entry: dict[str, object]) -> None:
        import json
        import zlib

        text, payload = json.dumps({"arrays": [entry]}).encode(), b"12345"
        with pytest.raises(wire.WireError):
            wire.unpack(text, payload, zlib.crc32(payload, zlib.crc32(text)))

    def test_objects_are_not_sent(self) -> None:
        with pytest.raises(wire.WireError):
            wire.pack({}, [("a", np.array([object()]))])

    def test_the_end_of_the_stream(self) -> None:
        import io

        assert wire.read_exactly(io.BytesIO(b"").read, 4) is None
        with pytest.raises(wire.WireError):
            wire.read_exactly(io.BytesIO(b"123").read, 4)


class TestEnvironment:
    def test_override(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv(environment.ENVIRONMENT_VARIABLE, sys.executable)
        assert find_python() == Path(sys.executable)
        monkeypatch.setenv(environment.ENVIRONMENT_VARIABLE, str(tmp_path / "none"))
        assert find_python() is None
        assert "is not an executable" in environment.why_missing()

    def test_an_interrupted_installation_is_not_used(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv(environment.ENVIRONMENT_VARIABLE, raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        python = tmp_path / "mdeploy" / "caffe2" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
        assert find_python() is None
        assert "not complete" in environment.why_missing()

    def test_no_python_39_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in (environment.ENVIRONMENT_VARIABLE, "PYENV_ROOT", "XDG_DATA_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UnavailableError, match=r"pyenv install 3\.9"):
            environment.install()
        assert not (tmp_path / "mdeploy").exists()

    def test_without_it_the_error_names_the_command(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv(environment.ENVIRONMENT_VARIABLE, raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        with pytest.raises(UnavailableError, match="mdeploy doctor --install-caffe2"):
            Caffe2Process()

    def test_a_python_without_caffe2_is_an_error_not_a_hang(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(environment.ENVIRONMENT_VARIABLE, sys.executable)
        with pytest.raises(UnavailableError, match="caffe2"):
            Caffe2Process()
