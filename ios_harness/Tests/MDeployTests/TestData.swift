// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import MDeploy

/// What `python -m tools.swift test` has made: artifacts, and what the C++ harness answered on this machine.
enum TestData {
    /// All that were made.
    static let nets = try! FileManager.default.contentsOfDirectory(
        atPath: folder.appendingPathComponent("artifacts").path
    ).sorted()
    static let small = "resnest_small_cifar10"

    private static let folder = place("MDEPLOY_TEST_DATA")

    static func artifact(_ name: String = small) throws -> Artifact {
        try Artifact(directory: artifactFolder(name))
    }

    static func artifactFolder(_ name: String = small) -> URL { folder.appendingPathComponent("artifacts/\(name)") }

    /// What the command mdeploy-harness, which another compiler has made, answered to a golden input or to the image.
    static func commandAnswer(_ name: String, _ what: String) throws -> Tensor {
        try Npy.read(folder.appendingPathComponent("harness/\(name)/\(what)/output_0.npy"))
    }

    /// What the C++ harness of this build answers to the same, on so many threads.
    static func harnessAnswer(_ name: String, _ what: String, threads: Int = 1) throws -> Tensor {
        let output = try TemporaryFolder()
        let artifact = try artifact(name)
        var options = HarnessOptions(artifact)
        options.add("--output", output.url)
        if what == "image" {
            options.add("--picture", folder.appendingPathComponent("harness/\(name)/image.pam"))
        } else {
            options.add("--input", artifact.goldenDirectory.appendingPathComponent("\(what)/input_0.npy"))
        }
        options.measure(["--runs", "1", "--warmup", "0", "--threads", "\(threads)"])
        if let error = try Harness().run(options.arguments(runner: "cli")).error { throw error }
        return try Npy.read(output.url.appendingPathComponent("output_0.npy"))
    }

    /// The image that the C++ harness was given.
    static func image(_ name: String = small) throws -> RGBAImage {
        let data = [UInt8](try Data(contentsOf: folder.appendingPathComponent("harness/\(name)/image.pam")))
        let words = String(decoding: data.prefix(60), as: UTF8.self).split { " \n".contains($0) }
        guard words.count > 4, let width = Int(words[2]), let height = Int(words[4]) else { fatalError("no PAM") }
        return try RGBAImage(width: width, height: height, pixels: Array(data.suffix(4 * width * height)))
    }

    /// Leaves a report where the caller checks it against the schema.
    static func keepReport(_ json: Data, as name: String) throws {
        try json.write(to: place("MDEPLOY_TEST_REPORTS").appendingPathComponent("\(name).json"))
    }

    private static func place(_ variable: String) -> URL {
        guard let path = ProcessInfo.processInfo.environment[variable] else {
            fatalError("\(variable) is not set: run these tests by `make test-swift`")
        }
        return URL(fileURLWithPath: path, isDirectory: true)
    }
}

/// A folder that goes away with the object.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("mdeploy-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// A copy of an artifact that a test may damage.
    func copy(_ source: URL) throws -> URL {
        let target = url.appendingPathComponent(source.lastPathComponent)
        try FileManager.default.copyItem(at: source, to: target)
        return target
    }
}

/// The error that a call throws; a test fails where it throws none.
func thrown(_ call: () throws -> Void) -> MDeployError? {
    do {
        try call()
        Issue.record("nothing was thrown")
    } catch let error as MDeployError {
        return error
    } catch {
        Issue.record("\(error) is not an MDeployError")
    }
    return nil
}
