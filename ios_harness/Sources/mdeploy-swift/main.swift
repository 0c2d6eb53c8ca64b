// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// mdeploy-harness through the Swift package: the same flags, report and exit codes.
import CMDeployHarness
import Dispatch
import Foundation
import MDeploy

/// Flags that print something and run nothing: the C command answers them.
let questions: Set = ["--help", "-h", "--version", "--options-json"]

func complain(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

/// At most ten lines a second, but one for each new phase.
final class ProgressLines: @unchecked Sendable {
    private var shownMs = -Double.infinity
    private var shownPhase: Harness.Phase?

    func show(_ event: Harness.Event) {
        guard event.phase != shownPhase || event.elapsedMs - shownMs >= 100 else { return }
        shownMs = event.elapsedMs
        shownPhase = event.phase
        let members: [String: Any] = [
            "phase": event.phase.name, "fraction": event.fraction, "last_ms": event.lastMs ?? NSNull(),
            "elapsed_ms": event.elapsedMs, "text": event.text,
        ]
        if let json = try? JSONSerialization.data(withJSONObject: members, options: .sortedKeys) {
            complain("MDeployProgress \(String(decoding: json, as: UTF8.self))")
        }
    }
}

/// Cancels the run on SIGINT and SIGTERM; the report then says so.
func cancelOnSignals(_ harness: Harness) -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { harness.cancel() }
        source.resume()
        return source
    }
}

func runHarness(_ words: [String]) throws -> Int32 {
    let harness = try Harness()
    let signals = cancelOnSignals(harness)
    defer { withExtendedLifetime(signals) {} }
    signal(SIGPIPE, SIG_IGN)  // a closed stdout is an error of a write, not a death in the middle of a run
    let ours = Array(words.prefix { $0 != "--" })
    let strangers = Array(words.dropFirst(ours.count))
    let lines = ProgressLines()
    let showLines: @Sendable (Harness.Event) -> Void = { lines.show($0) }
    let outcome = harness.run(
        ours.filter { $0 != "--progress" } + strangers, progress: ours.contains("--progress") ? showLines : nil)
    if !outcome.reportJSON.isEmpty {
        do {
            let line = "MDeployReport \(String(decoding: outcome.reportJSON, as: UTF8.self))\n"
            try FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
        } catch {
            complain("mdeploy-swift: cannot write the report to stdout")
            return outcome.error?.code.rawValue ?? MDeployError.Code.badInput.rawValue
        }
    }
    if !outcome.summary.isEmpty, outcome.error?.code != .usage {
        FileHandle.standardError.write(Data(outcome.summary.utf8))
    }
    if let error = outcome.error { complain("mdeploy-swift: \(error.message)") }
    return outcome.exitCode
}

let words = Array(CommandLine.arguments.dropFirst())
if words.prefix(while: { $0 != "--" }).contains(where: questions.contains) {
    exit(mdeploy_harness_main(CommandLine.argc, CommandLine.unsafeArgv))
}
do {
    exit(try runHarness(words))
} catch let error as MDeployError {
    complain("mdeploy-swift: \(error.message)")
    exit(error.code.rawValue)
}
