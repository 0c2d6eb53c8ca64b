// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import CMDeployHarness
import CMDeployRuntime

/// A struct of the C interface that begins with its own size.
protocol SizedStruct {
    init()
    var struct_size: Int { get set }
}

extension SizedStruct {
    /// All zero but for the size.
    static func sized() -> Self {
        var made = Self()
        made.struct_size = MemoryLayout<Self>.stride  // C's sizeof
        return made
    }
}

extension mdeploy_error: SizedStruct {}
extension mdeploy_tensor_spec: SizedStruct {}
extension mdeploy_load_options: SizedStruct {}
extension mdeploy_session_options: SizedStruct {}
extension mdeploy_tensor: SizedStruct {}
extension mdeploy_preprocess_spec: SizedStruct {}
extension mdeploy_harness_host: SizedStruct {}

/// Runs a call of the C interface and throws what it says.
func check(_ call: (UnsafeMutablePointer<mdeploy_error>) -> mdeploy_status) throws {
    var error = mdeploy_error.sized()
    let status = call(&error)
    if let thrown = MDeployError(status: status, message: cText(&error.message)) { throw thrown }
}

/// The text in a C array of characters, which ends at its NUL.
private func cText<Characters>(_ array: inout Characters) -> String {
    withUnsafeBytes(of: &array) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// Writes a shape into the C array of dimensions. The rank has been checked.
func setDimensions<Dimensions>(_ dimensions: inout Dimensions, _ shape: [Int]) {
    withUnsafeMutableBytes(of: &dimensions) { bytes in
        let values = bytes.bindMemory(to: Int64.self)
        for (index, size) in shape.enumerated() { values[index] = Int64(size) }
    }
}

func dimensions<Dimensions>(_ dimensions: Dimensions, rank: Int32) -> [Int] {
    withUnsafeBytes(of: dimensions) { bytes in
        bytes.bindMemory(to: Int64.self).prefix(Int(max(rank, 0))).map(Int.init)
    }
}
