// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What an app asks of the harness, as flags of the command `mdeploy-harness`.
public struct HarnessOptions: Sendable {
    private var files: [String] = []
    private var measure: [String] = []

    /// The nets and the manifest of an artifact.
    public init(_ artifact: Artifact) {
        add("--init", artifact.initNet)
        add("--predict", artifact.predictNet)
        add("--manifest", artifact.manifestFile)
    }

    /// Parity with the golden cases before anything is timed.
    public mutating func checkParity(_ artifact: Artifact) {
        if !artifact.manifest.golden.isEmpty { add("--golden", artifact.goldenDirectory) }
    }

    /// A flag that names a file or a folder.
    public mutating func add(_ flag: String, _ url: URL) { files += [flag, url.path] }

    /// How to measure. These may be a stranger's words: the harness takes none among them that names a file.
    public mutating func measure(_ flags: [String]) { measure += flags }

    /// All flags, with the name of what runs the harness as the report gives it.
    public func arguments(runner: String) -> [String] { files + ["--runner", runner, "--"] + measure }
}
