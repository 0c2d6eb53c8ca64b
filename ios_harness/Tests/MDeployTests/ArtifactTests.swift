// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import MDeploy

@Suite struct ArtifactTests {
    let folder: TemporaryFolder
    let copy: URL

    init() throws {
        folder = try TemporaryFolder()
        copy = try folder.copy(TestData.artifactFolder())
    }

    private func damage(_ name: String, _ change: (inout Data) -> Void) throws {
        let url = copy.appendingPathComponent(name)
        var data = try Data(contentsOf: url)
        change(&data)
        try data.write(to: url)
    }

    @Test func saysWhatItHolds() throws {
        let artifact = try Artifact(directory: copy)
        #expect(artifact.name == "resnest_small_cifar10")
        #expect(artifact.manifest.inputs[0].shape == [1, 3, 32, 32])
        #expect(artifact.manifest.takesImages)
        #expect(artifact.manifest.labels?.count == 10)
        #expect(artifact.manifest.label(0) == "airplane" && artifact.manifest.label(10) == "#10")
        #expect(try Artifact.all(in: folder.url).map(\.name) == ["resnest_small_cifar10"])
    }

    @Test func refusesAChangedNet() throws {
        try damage("init_net.pb") { $0[$0.count / 2] ^= 1 }
        let error = thrown { _ = try Artifact(directory: copy) }
        #expect(error?.code == .badInput)
        #expect(error!.message.contains("init_net.pb: refused: SHA-256"), "\(error!.message)")
        #expect(!error!.message.contains("\n"))
    }

    @Test func refusesAChangedGoldenFile() throws {
        try damage("golden/ones/output_0.npy") { $0[$0.count - 1] ^= 1 }
        let error = thrown { _ = try Artifact(directory: copy) }
        #expect(error?.code == .badInput && error!.message.contains("output_0.npy"))
    }

    @Test func refusesAMissingNet() throws {
        try FileManager.default.removeItem(at: copy.appendingPathComponent("predict_net.pb"))
        let error = thrown { _ = try Artifact(directory: copy) }
        #expect(error?.code == .badInput && error!.message.contains("predict_net.pb"))
    }

    @Test func refusesAMissingFolder() throws {
        let error = thrown { _ = try Artifact(directory: folder.url.appendingPathComponent("nothing")) }
        #expect(error?.code == .badInput)
        #expect(error!.message.contains("cannot read") && error!.message.contains("manifest.json"), "\(error!.message)")
    }

    @Test(arguments: [
        ("\"schema\": \"mdeploy-manifest/1\"", "\"schema\": \"mdeploy-manifest/9\"", "schema mdeploy-manifest/9"),
        ("\"parameters\":", "\"parameter\":", "parameters is missing"),
        ("\"log_probabilities\"", "\"scores\"", "outputs[0].meaning"),
        ("\"zeros\"", "\"../zeros\"", "must be a plain name"),
        ("{", "[", "the document"),
    ])
    func refusesABrokenManifest(_ old: String, _ new: String, _ said: String) throws {
        let url = copy.appendingPathComponent("manifest.json")
        let text = try String(contentsOf: url, encoding: .utf8)
        let at = try #require(text.range(of: old), "\(old) is not in the manifest")
        try text.replacingCharacters(in: at, with: new).write(to: url, atomically: true, encoding: .utf8)
        let error = thrown { _ = try Artifact(directory: copy) }
        #expect(error?.code == .badInput)
        #expect(error!.message.contains("manifest.json") && error!.message.contains(said), "\(error!.message)")
    }

    /// A net that is broken although its hash is right: the manifest is the attacker's too.
    @Test func refusesABrokenNetWithTheRightHash() throws {
        try damage("predict_net.pb") { $0 = $0.prefix($0.count / 2) }
        let artifact = try TestData.artifact()
        let broken = artifact.with(directory: copy)
        let error = thrown { _ = try Classifier(broken, threads: 1) }
        #expect(error?.code == .badInput, "\(error?.message ?? "")")
    }

    @Test func namesAnOperatorThatTheRuntimeHasNot() throws {
        try damage("predict_net.pb") { data in
            let range = data.range(of: Data("Softmax".utf8))!
            data.replaceSubrange(range, with: Data("Softmin".utf8))
        }
        let error = thrown { _ = try Classifier(try TestData.artifact().with(directory: copy), threads: 1) }
        #expect(error?.code == .unsupported && error!.message.contains("Softmin"), "\(error?.message ?? "")")
    }

    @Test func goldenCasesAreThoseOfTheManifest() throws {
        #expect(thrown { _ = try TestData.artifact().golden("nothing") }?.code == .usage)
        #expect(try TestData.artifact().golden("zeros").inputs[0].floats.allSatisfy { $0 == 0 })
    }
}

@Suite struct NpyTests {
    @Test func givesBackWhatItWrote() throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appendingPathComponent("a.npy")
        for tensor in [
            try Tensor(shape: [2, 3], floats: [1, -2, 3.5, .infinity, 0, 1e-30]),
            try Tensor(element: .uint8, shape: [5], bytes: [1, 2, 3, 4, 255]),
            try Tensor(element: .int64, shape: [], bytes: [1, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            try Npy.write(tensor, to: url)
            #expect(try Npy.read(url) == tensor)
        }
    }

    @Test func refusesWhatIsCutShort() throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appendingPathComponent("a.npy")
        try Npy.write(try Tensor(shape: [4], floats: [1, 2, 3, 4]), to: url)
        let whole = try Data(contentsOf: url)
        for length in 0..<whole.count {
            #expect(Npy.parse([UInt8](whole.prefix(length))) == nil, "\(length) bytes")
        }
        try whole.dropLast().write(to: url)
        #expect(thrown { _ = try Npy.read(url) }?.code == .badInput)
    }
}

@Suite struct TensorTests {
    @Test func refusesShapesThatCannotBe() {
        #expect(thrown { _ = try Tensor(shape: [2], floats: [1]) }?.code == .usage)
        #expect(thrown { _ = try Tensor(shape: [-1], floats: []) }?.code == .usage)
        #expect(thrown { _ = try Tensor(shape: [Int.max, 4], floats: []) }?.code == .usage)
        #expect(thrown { _ = try Tensor(shape: [Int](repeating: 1, count: 9), floats: [1]) }?.code == .usage)
        #expect(thrown { _ = try RGBAImage(width: 2, height: 2, pixels: [0]) }?.code == .usage)
    }
}

@Suite struct RGBAImageTests {
    @Test func alphaIsDividedOut() {
        var pixels: [UInt8] = [10, 20, 64, 128, 1, 2, 3, 0, 9, 8, 7, 255, 255, 128, 0, 1]
        RGBAImage.divideByAlpha(&pixels)
        #expect(pixels == [20, 40, 128, 128, 1, 2, 3, 0, 9, 8, 7, 255, 255, 255, 0, 1])
    }

    @Test func isWrittenAsTheHarnessReadsIt() throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appendingPathComponent("a.pam")
        try RGBAImage(width: 1, height: 2, pixels: [1, 2, 3, 4, 5, 6, 7, 8]).writePAM(to: url)
        let text = try Data(contentsOf: url)
        #expect(String(decoding: text, as: UTF8.self).hasPrefix("P7\nWIDTH 1\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\n"))
        #expect(Array(text.suffix(8)) == [1, 2, 3, 4, 5, 6, 7, 8])
    }
}
