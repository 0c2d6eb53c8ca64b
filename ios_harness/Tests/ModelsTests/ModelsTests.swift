// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import MDeploy
import MDeployModels
import XCTest

/// Every net of this package, on the machine or device that the tests run on: parity with PyTorch, then latency. Each run
/// prints its report as one line, `MDeployReport {json}`.
final class ModelsTests: XCTestCase {
    func testEveryNet() throws {
        let folder = try XCTUnwrap(Models.folder, "the package has no nets")
        let artifacts = try Artifact.all(in: folder)
        XCTAssertFalse(artifacts.isEmpty)
        for artifact in artifacts {
            var options = HarnessOptions(artifact)
            options.checkParity(artifact)
            let outcome = try Harness().run(options.arguments(runner: "ios_app"))
            print("MDeployReport \(String(decoding: outcome.reportJSON, as: UTF8.self))")
            XCTAssertNil(outcome.error, "\(artifact.name): \(outcome.error?.message ?? "")")
            XCTAssertEqual(try outcome.report().parity?.allSatisfy(\.passed), true, artifact.name)
        }
    }

    #if canImport(Darwin)
        /// The same by XCTest's own clocks: time, processor and memory, as Xcode shows them beside earlier runs.
        func testMetrics() throws {
            let folder = try XCTUnwrap(Models.folder, "the package has no nets")
            for artifact in try Artifact.all(in: folder) {
                let classifier = try Classifier(artifact)
                let name = try XCTUnwrap(artifact.manifest.golden.first?.name, "\(artifact.name) has no golden case")
                let inputs = try artifact.golden(name).inputs
                measure(metrics: [XCTClockMetric(), XCTCPUMetric(), XCTMemoryMetric()]) {
                    XCTAssertNoThrow(try classifier.run(inputs))
                }
            }
        }
    #endif
}
