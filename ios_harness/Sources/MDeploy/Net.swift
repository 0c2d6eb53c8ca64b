// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import CMDeployRuntime

/// A loaded net. It never changes, so that threads may share it; it lives as long as any session on it.
final class Net: @unchecked Sendable {
    fileprivate let handle: OpaquePointer
    let outputs: [(element: Tensor.Element, shape: [Int])]

    init(_ artifact: Artifact) throws {
        handle = try Net.load(artifact)
        do {
            outputs = try (0..<mdeploy_net_output_count(handle)).map { [handle] in try Net.output(handle, $0) }
        } catch {
            mdeploy_net_free(handle)
            throw error
        }
    }

    deinit { mdeploy_net_free(handle) }

    /// What runs it: avx512, avx2, sse2, neon, ...
    var instructionSet: String { String(cString: mdeploy_net_isa(handle)) }

    private static func load(_ artifact: Artifact) throws -> OpaquePointer {
        let inputs = artifact.manifest.inputs
        // By position, so no names are lent.
        let specs = try inputs.map { input in
            guard input.shape.count <= Int(MDEPLOY_MAX_RANK) else {
                throw MDeployError(
                    .badInput, "input \(input.name): at most \(MDEPLOY_MAX_RANK) dimensions are possible")
            }
            var spec = mdeploy_tensor_spec.sized()
            spec.dtype = input.dtype.cValue
            spec.rank = Int32(input.shape.count)
            setDimensions(&spec.dims, input.shape)
            return spec
        }
        var net: OpaquePointer?
        try specs.withUnsafeBufferPointer { specs in
            var options = mdeploy_load_options.sized()
            options.inputs = specs.baseAddress
            options.input_count = specs.count
            try check {
                mdeploy_net_load(artifact.initNet.path, artifact.predictNet.path, &options, &net, $0)
            }
        }
        return net!
    }

    private static func output(_ handle: OpaquePointer, _ index: Int) throws -> (Tensor.Element, [Int]) {
        var spec = mdeploy_tensor_spec.sized()
        let status = mdeploy_net_output(handle, index, &spec)
        if let error = MDeployError(status: status, message: "the runtime does not describe its outputs") {
            throw error
        }
        let name = spec.name.map { String(cString: $0) } ?? "\(index)"
        return (try Tensor.Element(cValue: spec.dtype, of: name), dimensions(spec.dims, rank: spec.rank))
    }
}

/// Runs a net, for one thread at a time.
final class Session {
    private let net: Net
    private let handle: OpaquePointer

    /// - Parameter threads: of the net itself; 0 leaves it to the runtime.
    init(_ net: Net, threads: Int) throws {
        guard let count = Int32(exactly: threads), count >= 0 else {
            throw MDeployError(.usage, "threads must be between 0 and \(Int32.max), not \(threads)")
        }
        var options = mdeploy_session_options.sized()
        options.threads = count
        var session: OpaquePointer?
        try check { mdeploy_session_create(net.handle, &options, &session, $0) }
        self.net = net
        handle = session!
    }

    deinit { mdeploy_session_free(handle) }

    func run(_ inputs: [Tensor]) throws -> [Tensor] {
        var inputs = inputs
        var outputs = try net.outputs.map { try Tensor(zeros: $0.element, shape: $0.shape) }
        try withCTensors(&inputs) { lentInputs in
            try withCTensors(&outputs) { lentOutputs in
                try check {
                    mdeploy_session_run(
                        handle, lentInputs.baseAddress, lentInputs.count, lentOutputs.baseAddress, lentOutputs.count, $0
                    )
                }
            }
        }
        return outputs
    }
}
