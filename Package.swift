// swift-tools-version: 6.0
// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The Swift package, from the same sources as every other build. It lies at the root because SwiftPM takes no target from
// outside its package: targets are in runtime/ and ios_harness/.
import PackageDescription

// Whether nets are in it: `mdeploy package --target ios` puts them in and writes true.
let hasModels = false

// Tests of the package itself need artifacts from elsewhere; a package with nets is tested on these.
let tests: Target =
    hasModels
    ? .testTarget(
        name: "ModelsTests",
        dependencies: ["MDeploy", "MDeployModels"],
        path: "ios_harness/Tests/ModelsTests"
    )
    : .testTarget(
        name: "MDeployTests",
        dependencies: ["MDeploy", "MDeployAppModel", "MDeployModels"],
        path: "ios_harness/Tests/MDeployTests"
    )

let package = Package(
    name: "mdeploy",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "MDeploy", targets: ["MDeploy"]),
        .library(name: "MDeployAppModel", targets: ["MDeployAppModel"]),
        .library(name: "MDeployModels", targets: ["MDeployModels"]),
        .executable(name: "mdeploy-swift", targets: ["mdeploy-swift"]),
    ],
    targets: [
        // The runtime, and its C interface as a module.
        .target(
            name: "CMDeployRuntime",
            path: "runtime",
            exclude: [
                // SwiftPM would compile each as a source of its own.
                "src/kernels/isa/gemm_tile.inc",
                "src/kernels/isa/kernels.inc",
                "src/kernels/isa/split_attention.inc",
                "src/kernels/isa/window.inc",
                "src/kernels/isa/winograd.inc",
                "src/ops/operators.inc",
            ],
            sources: ["src"],
            publicHeadersPath: "include",
            cxxSettings: [.headerSearchPath("src"), .define("NDEBUG", .when(configuration: .release))]
        ),
        // The measuring harness. src/cli/main.cc would be a second main function.
        .target(
            name: "CMDeployHarness",
            dependencies: ["CMDeployRuntime"],
            path: "runtime/harness",
            exclude: ["src/cli/main.cc"],
            sources: ["src"],
            publicHeadersPath: "include",
            cxxSettings: [.headerSearchPath("src"), .define("NDEBUG", .when(configuration: .release))]
        ),
        // Both in Swift, with Foundation alone.
        .target(
            name: "MDeploy",
            dependencies: ["CMDeployRuntime", "CMDeployHarness"],
            path: "ios_harness/Sources/MDeploy"
        ),
        // What the app does, without its screen.
        .target(name: "MDeployAppModel", dependencies: ["MDeploy"], path: "ios_harness/Sources/MDeployAppModel"),
        .executableTarget(
            name: "mdeploy-swift",
            dependencies: ["MDeploy", "CMDeployHarness"],
            path: "ios_harness/Sources/mdeploy-swift"
        ),
        .executableTarget(
            name: "mdeploy-headless",
            dependencies: ["MDeployAppModel"],
            path: "ios_harness/Sources/mdeploy-headless"
        ),
        // The nets, where there are any.
        .target(
            name: "MDeployModels",
            path: "ios_harness/Sources/MDeployModels",
            resources: hasModels ? [.copy("Artifacts")] : [],
            swiftSettings: hasModels ? [.define("MDEPLOY_MODELS")] : []
        ),
        tests,
    ],
    cxxLanguageStandard: .cxx17
)
