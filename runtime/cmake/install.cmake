# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
#
# What `cmake --install` puts into a prefix: the C header, the libraries, a CMake package and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(MDEPLOY_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/mdeploy)
install(DIRECTORY include/mdeploy DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS ${MDEPLOY_LIBRARIES} EXPORT mdeployTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT mdeployTargets NAMESPACE mdeploy:: DESTINATION ${MDEPLOY_PACKAGE_DIR})
configure_package_config_file(cmake/mdeployConfig.cmake.in mdeployConfig.cmake
                              INSTALL_DESTINATION ${MDEPLOY_PACKAGE_DIR})
write_basic_package_version_file(mdeployConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mdeployConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/mdeployConfigVersion.cmake
        DESTINATION ${MDEPLOY_PACKAGE_DIR})

# From the folder of the .pc file back to the prefix, so that a prefix may be moved.
file(RELATIVE_PATH MDEPLOY_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" MDEPLOY_PC_PREFIX "${MDEPLOY_PC_PREFIX}")
configure_file(cmake/mdeploy.pc.in mdeploy.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mdeploy.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
