// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import CMDeployHarness
import Foundation

/// A folder with a net pair, its manifest and golden cases, as `mdeploy convert` writes it. Its files have been checked.
public struct Artifact: Sendable {
    public struct GoldenCase: Sendable {
        public let inputs: [Tensor]
        /// What PyTorch answered.
        public let outputs: [Tensor]
    }

    public let directory: URL
    public let manifest: Manifest

    /// Reads the manifest and compares sizes and SHA-256 of all files that are there; both nets must be.
    ///
    /// Throws `MDeployError` (badInput) naming the file that is missing, broken or not the manifest's.
    public init(directory: URL) throws {
        self.directory = directory
        let path = directory.appendingPathComponent("manifest.json")
        manifest = try Manifest(contentsOf: path)
        try check { mdeploy_artifact_verify(path.path, $0) }
    }

    private init(directory: URL, manifest: Manifest) {
        self.directory = directory
        self.manifest = manifest
    }

    /// The same manifest on files elsewhere, which nobody has checked: for tests of what then happens.
    func with(directory: URL) -> Artifact { Artifact(directory: directory, manifest: manifest) }

    /// Every artifact right below a folder, by name. Throws `MDeployError` for a broken one.
    public static func all(in folder: URL) throws -> [Artifact] {
        let entries: [URL]
        do {
            entries = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        } catch {
            throw MDeployError.cannotRead(folder, error)
        }
        return
            try entries
            .filter { FileManager.default.fileExists(atPath: $0.appendingPathComponent("manifest.json").path) }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
            .map { try Artifact(directory: $0) }
    }

    public var name: String { manifest.name }
    public var initNet: URL { file("init_net.pb") }
    public var predictNet: URL { file("predict_net.pb") }
    public var manifestFile: URL { file("manifest.json") }
    public var goldenDirectory: URL { file("golden") }

    /// A golden case by its name in the manifest.
    public func golden(_ name: String) throws -> GoldenCase {
        guard manifest.golden.contains(where: { $0.name == name }) else {
            throw MDeployError(.usage, "\(manifest.name): there is no golden case \(name)")
        }
        let folder = goldenDirectory.appendingPathComponent(name)
        return GoldenCase(
            inputs: try manifest.inputs.indices.map {
                try Npy.read(folder.appendingPathComponent("input_\($0).npy"))
            },
            outputs: try manifest.outputs.indices.map {
                try Npy.read(folder.appendingPathComponent("output_\($0).npy"))
            })
    }

    /// How an image becomes the only input.
    func preprocessing() throws -> mdeploy_preprocess_spec {
        guard manifest.takesImages else {
            throw MDeployError(.unsupported, "\(manifest.name): the net does not take one image as its input")
        }
        var spec = mdeploy_preprocess_spec.sized()
        try check { mdeploy_artifact_preprocess(manifestFile.path, 0, &spec, $0) }
        return spec
    }

    private func file(_ name: String) -> URL { directory.appendingPathComponent(name) }
}
