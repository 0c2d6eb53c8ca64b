// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "mdeploy/harness.h"

int main(int argc, char** argv) { return mdeploy_harness_main(argc, argv); }
