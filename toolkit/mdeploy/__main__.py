# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m mdeploy`` is the command ``mdeploy``."""

from mdeploy.cli.main import main

if __name__ == "__main__":
    main()
