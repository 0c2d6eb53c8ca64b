# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Several backends on one artifact: which take part, each at its work, and what is said of those that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from mdeploy.backends.base import Availability, Backend, PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.backends.table import BACKENDS
from mdeploy.errors import MdeployError, UnavailableError
from mdeploy.progress import Tell, quiet

if TYPE_CHECKING:
    from mdeploy.formats.artifact import Artifact

__all__ = ["Absent", "Lineup", "Outcome", "Selection", "explain", "select_backends"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Absent:
    """A backend that gave no result, and why. ``version`` is known where it is here and could not do it."""

    name: str
    title: str
    reason: str
    install: str = ""
    version: str = ""
    exit_code: int = UnavailableError.exit_code

    @property
    def missing(self) -> bool:
        """Whether this backend cannot run the artifact here; otherwise it is here and failed."""
        return self.exit_code == UnavailableError.exit_code

    @property
    def explained(self) -> str:
        """The reason, and the command that brings it."""
        return Availability(False, reason=self.reason, install=self.install).explained


@dataclass(frozen=True)
class Selection:
    """What can run here, and what cannot with the reason."""

    present: tuple[Backend, ...]
    missing: tuple[tuple[str, Availability], ...]


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """Results by backend, in the order in which they were asked for, and those without one."""

    done: dict[str, Result]
    absent: tuple[Absent, ...]

    def require(self) -> None:
        """Raise ``UnavailableError`` where no backend gave a result."""
        if not self.done:
            raise UnavailableError(f"no backend can run this model; {explain(self.absent)}")


@dataclass(frozen=True)
class Lineup:
    """An artifact, and the backends that are to run it: those of ``backends``, or every one that can run here."""

    artifact: Artifact
    backends: Sequence[str] | None = None
    options: PrepareOptions = field(default_factory=PrepareOptions)
    tell: Tell = quiet
    """Gets one line for each step."""

    @property
    def by_name(self) -> bool:
        """Whether backends were asked for one by one, and not all that are here."""
        return self.backends is not None and tuple(self.backends) != ("all",)

    def each(
        self,
        work: Callable[[Backend], Result],
        fatal: type[MdeployError] = UnavailableError,
        among: Sequence[Backend] | None = None,
    ) -> Outcome[Result]:
        """Let each backend do its work, those of ``among`` where they were chosen before.

        An error makes it absent, and the others still work; but ``fatal`` errors of a backend that was asked for by
        name are raised. Raises ``UnavailableError`` where one of those is missing.
        """
        selection = select_backends(self.backends) if among is None else Selection(tuple(among), ())
        absent = [Absent(name, name, found.reason, found.install) for name, found in selection.missing]
        done: dict[str, Result] = {}
        for backend in selection.present:
            try:
                done[backend.name] = work(backend)
            except MdeployError as error:
                if self.by_name and isinstance(error, fatal):
                    if isinstance(error, UnavailableError):
                        raise UnavailableError(f"backend {backend.name} cannot run: {error}") from error
                    raise
                version = backend.availability().version
                code = error.exit_code
                absent.append(Absent(backend.name, backend.title, str(error), version=version, exit_code=code))
        return Outcome(done, tuple(absent))


def select_backends(names: Sequence[str] | None = None) -> Selection:
    """Return the backends asked for, or every installed one, which ``all`` means too.

    Raises ``UnavailableError`` when one asked for by name is missing.
    """
    names = None if names is not None and tuple(names) == ("all",) else names
    present: list[Backend] = []
    missing: list[tuple[str, Availability]] = []
    for name in BACKENDS if names is None else names:
        backend = get_backend(name)
        availability = backend.availability()
        if availability.available:
            present.append(backend)
        elif names is None:
            missing.append((name, availability))
        else:
            raise UnavailableError(f"backend {name} is not available: {availability.explained}")
    return Selection(tuple(present), tuple(missing))


def explain(absent: Iterable[Absent]) -> str:
    """What is missing and why, on one line."""
    return "; ".join(f"{one.name}: {one.explained}" for one in absent)
