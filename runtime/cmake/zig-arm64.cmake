# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds for arm64 by the zig of PyPI's ziglang, and runs tests under qemu: NEON kernels are tested where no ARM is.
#   cmake -S runtime -B build/arm64 -DCMAKE_TOOLCHAIN_FILE=cmake/zig-arm64.cmake -DMDEPLOY_TESTS=ON
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

find_program(MDEPLOY_PYTHON NAMES python3 python REQUIRED)
execute_process(COMMAND ${MDEPLOY_PYTHON} -c "import ziglang; print(ziglang.__path__[0])"
                OUTPUT_VARIABLE ziglang OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(MDEPLOY_ZIG ${ziglang}/zig)
set(CMAKE_CXX_COMPILER ${MDEPLOY_ZIG} c++ -target aarch64-linux-musl)
# The host's ar may know nothing of this machine's objects, and zig's is one program with the compiler.
set(CMAKE_CXX_ARCHIVE_CREATE "${MDEPLOY_ZIG} ar qc <TARGET> <LINK_FLAGS> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "${MDEPLOY_ZIG} ranlib <TARGET>")
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)

find_program(MDEPLOY_QEMU NAMES qemu-aarch64-static qemu-aarch64)
if(NOT MDEPLOY_QEMU)
  message(FATAL_ERROR "qemu-aarch64 is not on PATH; install it with: apt-get install qemu-user-static")
endif()
set(CMAKE_CROSSCOMPILING_EMULATOR ${MDEPLOY_QEMU} -cpu max)
