# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An extra behind the protocol of ``mdeploy.backends``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdeploy.backends.base import Availability, PrepareOptions
from mdeploy.backends.optional.engine import Engine
from mdeploy.backends.optional.environment import find_home, how_to_install, why_missing
from mdeploy.errors import UnavailableError

if TYPE_CHECKING:
    from mdeploy.backends.optional.process import ExtraSession
    from mdeploy.formats.artifact import Artifact

__all__ = ["ExtraBackend"]


class ExtraBackend:
    """See the package."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = engine.name
        self.title = engine.title

    def availability(self) -> Availability:
        """Whether some Python has its runtime; whether its file can be made is known only in ``prepare``."""
        home = find_home(self.engine, self.engine.run)
        if home is None:
            reason, remedy = (f(self.engine, self.engine.run) for f in (why_missing, how_to_install))
            return Availability(False, reason=reason, install=remedy)
        return Availability(True, home.versions[self.engine.run[0]])

    def prepare(self, artifact: Artifact, options: PrepareOptions) -> ExtraSession:
        """Load the artifact's own file, or one made of its model.onnx."""
        from mdeploy.backends.optional.files import find_files, net_spec
        from mdeploy.backends.optional.process import ExtraSession

        home = find_home(self.engine, self.engine.run)
        if home is None:
            raise UnavailableError(f"{self.title}: {why_missing(self.engine, self.engine.run)}")
        folder = find_files(self.engine, artifact)
        return ExtraSession(self.engine, home, folder, net_spec(artifact.manifest), options.threads)
