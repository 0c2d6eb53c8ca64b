// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import CMDeployRuntime
import Foundation

/// A net for an app: give it an image or tensors, get classes or tensors. Threads may share one.
public final class Classifier: @unchecked Sendable {
    public let artifact: Artifact
    private let net: Net
    private let threads: Int
    private let preprocessing: mdeploy_preprocess_spec?
    private let lock = NSLock()
    private var idle: [Session] = []

    /// Loads the nets of an artifact, whose files have been checked.
    ///
    /// - Parameter threads: that one run uses; 0 leaves it to the runtime (the cores there are, at most 8).
    ///
    /// Throws `MDeployError`: a net that is broken (badInput) or has operators that the runtime has not (unsupported).
    public init(_ artifact: Artifact, threads: Int = 0) throws {
        self.artifact = artifact
        self.threads = threads
        net = try Net(artifact)
        preprocessing = artifact.manifest.takesImages ? try artifact.preprocessing() : nil
        idle = [try Session(net, threads: threads)]
    }

    /// What the kernels use here: avx512, avx2, sse2, neon, ...
    public var instructionSet: String { net.instructionSet }

    /// Runs the net once. Inputs and outputs go by position; each thread that runs at the same time has its own memory.
    public func run(_ inputs: [Tensor]) throws -> [Tensor] {
        let session = try take()
        defer { give(session) }
        return try session.run(inputs)
    }

    /// Resizes, crops and normalises an image as the manifest says.
    public func prepare(_ image: RGBAImage) throws -> Tensor {
        guard var spec = preprocessing else {
            throw MDeployError(.unsupported, "\(artifact.name): the net does not take one image as its input")
        }
        let input = artifact.manifest.inputs[0]
        var tensor = try Tensor(zeros: input.dtype, shape: input.shape)
        try tensor.withC { lent in
            var lent = lent
            try check { error in
                mdeploy_preprocess(
                    image.pixels, Int32(image.width), Int32(image.height), 4 * image.width, &spec, &lent, error)
            }
        }
        return tensor
    }

    /// The most probable classes of an image, the first output being scores of classes.
    public func classify(_ image: RGBAImage, top count: Int = 5) throws -> [Classification] {
        try classify(try prepare(image), top: count)
    }

    /// The most probable classes of a prepared input.
    public func classify(_ input: Tensor, top count: Int = 5) throws -> [Classification] {
        let scores = try run([input])[0]
        return Classification.top(count, of: scores.floats, manifest: artifact.manifest)
    }

    private func take() throws -> Session {
        if let session = lock.withLock({ idle.popLast() }) { return session }
        return try Session(net, threads: threads)
    }

    private func give(_ session: Session) {
        lock.withLock { idle.append(session) }
    }
}
