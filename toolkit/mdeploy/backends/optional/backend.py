# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An optional backend with files of its own, behind the protocol of all backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdeploy.backends.base import Availability, Backend, PrepareOptions
from mdeploy.backends.optional.environment import find_home, how_to_install, why_missing
from mdeploy.errors import UnavailableError

if TYPE_CHECKING:
    from mdeploy.backends.optional.process import OptionalSession
    from mdeploy.formats.artifact import Artifact

__all__ = ["OptionalBackend"]


class OptionalBackend(Backend):
    """Any of them: they differ in their rows of the table and in their modules."""

    def availability(self) -> Availability:
        """Whether some Python has its runtime; whether its files can be made is known only in ``prepare``."""
        home = find_home(self.info, self.info.run)
        if home is None:
            reason, remedy = (f(self.info, self.info.run) for f in (why_missing, how_to_install))
            return Availability(False, reason=reason, install=remedy)
        return Availability(True, home.versions[self.info.run[0]])

    def prepare(self, artifact: Artifact, options: PrepareOptions) -> OptionalSession:
        """Load the artifact's own files, or those made of its model.onnx."""
        from mdeploy.backends.optional.files import find_files, net_spec
        from mdeploy.backends.optional.process import OptionalSession

        home = find_home(self.info, self.info.run)
        if home is None:
            raise UnavailableError(f"{self.title}: {why_missing(self.info, self.info.run)}")
        folder = find_files(self.info, artifact, options.made_only)
        return OptionalSession(self.info, home, folder, net_spec(artifact.manifest), options.threads)
