# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""::

python -m tools.swift test            # lint, build and test the package of this checkout
python -m tools.swift root            # only make the folder with Swift, and print where it is
python -m tools.swift run swift build # any command, on this checkout
"""

from __future__ import annotations

import sys

from mdeploy.errors import MdeployError, UsageError
from tools.swift.package import swift_package, test
from tools.swift.root import swift_root


def main(words: list[str]) -> int:
    """Do what ``words`` say; returns an exit code."""
    try:
        match words:
            case ["test"]:
                test(_tell)
            case ["root"]:
                print(swift_root(_tell))
            case ["run", *command] if command:
                with swift_package(_tell) as package:
                    return package.run(*command)
            case _:
                raise UsageError(f"give test, root, or run with a command:\n{__doc__}")
    except MdeployError as error:
        print(f"tools.swift: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
