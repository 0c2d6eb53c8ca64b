# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The program that runs inside the Caffe2 environment: it answers requests on stdin with frames on stdout.

Started as ``python -I child.py CHILD_PROCESS_FOLDER THREADS`` by Python 3.9, so it imports nothing of the toolkit but
that folder; -I also keeps this directory off sys.path. Whatever Caffe2 prints goes to stderr.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import time
from typing import Any

import numpy as np

_RUN_WORKSPACE = "mdeploy-run"

Header = dict[str, Any]
Arrays = dict[str, Any]
Answer = tuple[Header, list[tuple[str, Any]]]


def _load_pipe(folder: str) -> Any:
    """Import the toolkit's ``child_process`` folder as a package, without the toolkit."""
    spec = importlib.machinery.ModuleSpec("child_process", None, is_package=True)
    spec.submodule_search_locations = [folder]
    sys.modules["child_process"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("child_process.serve")


pipe = _load_pipe(sys.argv[1])


class Server:
    """Answers requests. Each method takes (header, arrays) and returns (header, list of (name, array))."""

    def __init__(self, workspace: Any, caffe2_pb2: Any) -> None:
        self.workspace = workspace
        self.pb = caffe2_pb2
        self.predictors: list[tuple[Any, int]] = []

    def hello(self, _header: Header, _arrays: Arrays) -> Answer:
        """Versions of everything in here."""
        import google.protobuf
        import torch

        versions = {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "protobuf": google.protobuf.__version__,
            "python": ".".join(map(str, sys.version_info[:3])),
        }
        return {"versions": versions}, []

    def operators(self, _header: Header, _arrays: Arrays) -> Answer:
        """Names of all registered operators."""
        return {"operators": sorted(self.workspace.RegisteredOperators())}, []

    def load(self, _header: Header, arrays: Arrays) -> Answer:
        """Make a Predictor: init_net runs once, inputs go by position, outputs in external_output's order."""
        init, predict = self._nets(arrays)
        predictor = self.workspace.Predictor(init.SerializeToString(), predict.SerializeToString())
        self.predictors.append((predictor, len(self._data_inputs(init, predict))))
        described = {
            "predictor": len(self.predictors) - 1,
            "inputs": self._data_inputs(init, predict),
            "outputs": list(predict.external_output),
        }
        return described, []

    def predict(self, header: Header, arrays: Arrays) -> Answer:
        """Run a loaded Predictor, once or some times in a row."""
        predictor, expected = self.predictors[header["predictor"]]
        inputs = [arrays[str(i)] for i in range(len(arrays))]
        if len(inputs) != expected:
            raise pipe.RefusedError(f"predict_net takes {expected} inputs, {len(inputs)} given")
        seconds = []
        for _ in range(header["count"]):
            start = time.perf_counter()
            outputs = predictor.run(inputs)
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds}, [(str(i), np.asarray(value)) for i, value in enumerate(outputs)]

    def run(self, header: Header, arrays: Arrays) -> Answer:
        """Run a pair of nets in a fresh workspace and fetch blobs.

        With ``trace`` the operators run one by one and every output of each is fetched right after it, so that a
        blob which a later operator overwrites in place is still seen; names are "INDEX:BLOB".
        """
        init, predict = self._nets(arrays)
        names = self._data_inputs(init, predict)
        fed = {name[3:]: array for name, array in arrays.items() if name.startswith("in:")}
        if header["positional"]:
            if len(fed) > len(names):
                raise pipe.RefusedError(f"predict_net takes {len(names)} inputs ({', '.join(names)}), {len(fed)} given")
            fed = {names[int(i)]: array for i, array in fed.items()}
        workspace = self.workspace
        workspace.SwitchWorkspace(_RUN_WORKSPACE, True)
        try:
            workspace.RunNetOnce(init.SerializeToString())
            for name, array in fed.items():
                workspace.FeedBlob(name, array)
            fetched = []
            if header["trace"]:
                for index, operator in enumerate(predict.op):
                    operator = self._with_device(operator, predict)
                    workspace.RunOperatorOnce(operator.SerializeToString())
                    for name in operator.output:
                        value = workspace.FetchBlob(name)
                        if isinstance(value, np.ndarray) and value.dtype != object:
                            fetched.append((f"{index}:{name}", value))
                return {}, fetched
            if not predict.name:
                predict.name = "predict"  # CreateNet keys nets by name
            workspace.CreateNet(predict.SerializeToString(), True)
            start = time.perf_counter()
            workspace.RunNet(predict.name)
            seconds = time.perf_counter() - start
            for name in header["fetch"] if header["fetch"] is not None else list(predict.external_output):
                if not workspace.HasBlob(name):
                    raise pipe.RefusedError(f"there is no blob {name!r} after the run")
                fetched.append((name, self._fetch(name)))
            return {"seconds": seconds}, fetched
        finally:
            workspace.ResetWorkspace()
            # Predictors hold the default workspace as their parent: never reset that one.
            workspace.SwitchWorkspace("default", True)

    def _fetch(self, name: str) -> Any:
        value = self.workspace.FetchBlob(name)
        if hasattr(value, "_fields") and "data" in value._fields:  # Int8Tensor(data, scale, zero_point)
            value = value.data
        if not isinstance(value, np.ndarray) or value.dtype == object:
            raise pipe.RefusedError(f"blob {name!r} is not a tensor of numbers")
        return value

    @staticmethod
    def _with_device(operator: Any, net: Any) -> Any:
        if net.HasField("device_option") and not operator.HasField("device_option"):
            operator.device_option.CopyFrom(net.device_option)
        return operator

    @staticmethod
    def _data_inputs(init: Any, predict: Any) -> list[str]:
        made = {name for operator in init.op for name in operator.output} | set(init.external_output)
        declared = [name for name in predict.external_input if name not in made]
        if declared or not predict.external_input:
            return declared
        # mobile_exporter gives data inputs a dummy fill in init_net: they are the ones that come first.
        dummies = {
            operator.output[0]
            for operator in init.op
            if operator.type == "GivenTensorFill"
            and any(a.name == "shape" and list(a.ints) == [1, 1] for a in operator.arg)
        }
        inputs = []
        for name in predict.external_input:
            if name not in dummies:
                break
            inputs.append(name)
        return inputs or [predict.external_input[0]]

    def _nets(self, arrays: Arrays) -> tuple[Any, Any]:
        return self._parse(arrays["init"].tobytes(), "init_net"), self._parse(
            arrays["predict"].tobytes(), "predict_net"
        )

    def _parse(self, data: bytes, what: str) -> Any:
        from google.protobuf import text_format
        from google.protobuf.message import DecodeError

        net = self.pb.NetDef()
        try:
            net.ParseFromString(data)
            binary = True
        except DecodeError:
            binary = False
        # Caffe2's own ReadProtoFromFile tries binary first, then text. A text that begins with a newline can pass for
        # a binary message without a single operator, so that alone is not believed.
        if binary and net.op and all(operator.type for operator in net.op):
            return net
        try:
            return text_format.Parse(data.decode("utf-8"), self.pb.NetDef())
        except (UnicodeDecodeError, text_format.ParseError):
            if binary:
                return net
            raise pipe.RefusedError(f"{what} is not a NetDef") from None


def main() -> None:
    threads = int(sys.argv[2])
    requests, replies = pipe.claim_pipes()

    from caffe2.proto import caffe2_pb2  # type: ignore[import-not-found]
    from caffe2.python import workspace  # type: ignore[import-not-found]

    flags = ["caffe2", "--caffe2_log_level=2"]
    if threads:
        flags.append(f"--caffe2_omp_num_threads={threads}")
    workspace.GlobalInit(flags)
    pipe.serve(Server(workspace, caffe2_pb2), requests, replies)


if __name__ == "__main__":
    main()
