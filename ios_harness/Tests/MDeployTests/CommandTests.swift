// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import XCTest

@testable import MDeploy

/// The command mdeploy-swift as a program: its report, its words and its exit codes.
final class CommandTests: XCTestCase {
    private var executable: URL {
        #if canImport(Darwin)
            let tests = Bundle(for: CommandTests.self).bundleURL
        #else
            let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        #endif
        return tests.deletingLastPathComponent().appendingPathComponent("mdeploy-swift")
    }

    private func run(_ words: [String]) throws -> (code: Int32, out: String, said: String) {
        let process = Process()
        let out = Pipe()
        process.executableURL = executable
        process.arguments = words
        process.standardOutput = out
        let folder = try TemporaryFolder()
        // A file, since two pipes cannot be emptied at once.
        let errors = folder.url.appendingPathComponent("said")
        try Data().write(to: errors)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text, try String(contentsOf: errors, encoding: .utf8))
    }

    private func flags(_ more: [String]) throws -> [String] {
        let artifact = try TestData.artifact()
        var options = HarnessOptions(artifact)
        options.checkParity(artifact)
        return options.arguments(runner: "cli").dropLast() + ["--runs", "2", "--warmup", "0"] + more
    }

    func testReport() throws {
        let done = try run(try flags([]))
        XCTAssertEqual(done.code, 0, done.said)
        let line = try XCTUnwrap(done.out.split(separator: "\n").first { $0.hasPrefix("MDeployReport ") })
        let json = Data(line.dropFirst("MDeployReport ".count).utf8)
        XCTAssertEqual(try Report(json: json).status, "ok")
        XCTAssertTrue(done.said.contains("parity"), done.said)
        try TestData.keepReport(json, as: "command")
    }

    func testReportFile() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("report.json")
        XCTAssertEqual(try run(try flags(["--report", file.path])).code, 0)
        XCTAssertEqual(try Report(json: try Data(contentsOf: file)).latencyMs?.n, 2)
    }

    func testProgress() throws {
        let done = try run(try flags(["--progress"]))
        XCTAssertEqual(done.code, 0, done.said)
        XCTAssertTrue(done.said.contains("MDeployProgress {"), done.said)
        XCTAssertTrue(done.said.contains("\"phase\":\"parity\""), done.said)
    }

    func testExitCodes() throws {
        XCTAssertEqual(try run(["--nonsense"]).code, 2)
        XCTAssertEqual(try run(try flags(["--tol", "1e-12"])).code, 1)
        let missing = try run(["--init", "/nowhere/i", "--predict", "/nowhere/p", "--golden", "/nowhere/g"])
        XCTAssertEqual(missing.code, 3)
        XCTAssertTrue(missing.said.contains("mdeploy-swift: "), missing.said)
        XCTAssertTrue(missing.said.contains("/nowhere/"), missing.said)
    }

    func testQuestions() throws {
        XCTAssertTrue(try run(["--help"]).out.contains("--sustained MINUTES"))
        XCTAssertTrue(try run(["--version"]).out.contains("clang"))
        XCTAssertTrue(try run(["--options-json"]).out.hasPrefix("[{"))
    }
}
