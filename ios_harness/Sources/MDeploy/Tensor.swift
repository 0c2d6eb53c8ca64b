// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import CMDeployRuntime

/// Numbers in C order with their shape.
public struct Tensor: Equatable, Sendable {
    /// What the numbers are, by the names of the manifest.
    public enum Element: String, Codable, Sendable {
        case float32, int32, int64, uint8

        public var byteCount: Int {
            switch self {
            case .float32, .int32: return 4
            case .int64: return 8
            case .uint8: return 1
            }
        }

        var cValue: Int32 {
            switch self {
            case .float32: return Int32(MDEPLOY_FLOAT32.rawValue)
            case .int32: return Int32(MDEPLOY_INT32.rawValue)
            case .int64: return Int32(MDEPLOY_INT64.rawValue)
            case .uint8: return Int32(MDEPLOY_UINT8.rawValue)
            }
        }

        init(cValue: Int32, of name: String) throws {
            let known: [Element] = [.float32, .int32, .int64, .uint8]
            guard let found = known.first(where: { $0.cValue == cValue }) else {
                throw MDeployError(.unsupported, "blob \(name): element type \(cValue) cannot be taken out of the net")
            }
            self = found
        }
    }

    public let element: Element
    public let shape: [Int]
    /// Little endian, as every device that this runs on has them.
    public internal(set) var bytes: [UInt8]

    /// Throws `MDeployError` (usage) unless the bytes are what the shape needs.
    public init(element: Element, shape: [Int], bytes: [UInt8]) throws {
        let wanted = try Tensor.byteCount(element, shape)
        guard bytes.count == wanted else {
            throw MDeployError(
                .usage, "a tensor of shape \(shapeText(shape)) has \(wanted) bytes, and \(bytes.count) were given")
        }
        self.element = element
        self.shape = shape
        self.bytes = bytes
    }

    /// Throws `MDeployError` (usage) unless there are as many numbers as the shape needs.
    public init(shape: [Int], floats: [Float]) throws {
        try self.init(element: .float32, shape: shape, bytes: floats.withUnsafeBytes { Array($0) })
    }

    /// An output to be written.
    init(zeros element: Element, shape: [Int]) throws {
        let count = try Tensor.byteCount(element, shape)
        self.element = element
        self.shape = shape
        bytes = [UInt8](repeating: 0, count: count)
    }

    /// The numbers of a float32 tensor; of any other, none.
    public var floats: [Float] {
        guard element == .float32 else { return [] }
        return bytes.withUnsafeBytes { source in
            [Float](unsafeUninitializedCapacity: source.count / 4) { target, count in
                UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
                count = source.count / 4
            }
        }
    }

    static func byteCount(_ element: Element, _ shape: [Int]) throws -> Int {
        guard shape.count <= Int(MDEPLOY_MAX_RANK) else {
            throw MDeployError(.usage, "a tensor has at most \(MDEPLOY_MAX_RANK) dimensions, not \(shape.count)")
        }
        var count = element.byteCount
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard size >= 0, !overflow else {
                throw MDeployError(.usage, "a tensor of shape \(shapeText(shape)) is not possible")
            }
            count = product
        }
        return count
    }

    /// Lends the tensor to a call of the C interface.
    mutating func withC<Result>(_ body: (mdeploy_tensor) throws -> Result) rethrows -> Result {
        var tensor = mdeploy_tensor.sized()
        tensor.dtype = element.cValue
        tensor.rank = Int32(shape.count)
        setDimensions(&tensor.dims, shape)
        return try bytes.withUnsafeMutableBytes { buffer in
            tensor.data = buffer.baseAddress
            tensor.bytes = buffer.count
            return try body(tensor)
        }
    }
}

/// Such as 1x3x32x32.
func shapeText(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "x") }

/// Lends several tensors at once.
func withCTensors<Result>(
    _ tensors: inout [Tensor], _ body: (UnsafeMutableBufferPointer<mdeploy_tensor>) throws -> Result
) throws -> Result {
    func lend(_ index: Int, _ lent: [mdeploy_tensor]) throws -> Result {
        guard index < tensors.count else {
            var all = lent
            return try all.withUnsafeMutableBufferPointer { try body($0) }
        }
        // Out of the array while it is lent, so that nothing is copied and nothing is accessed twice.
        var tensor = tensors[index]
        tensors[index].bytes = []
        defer { tensors[index] = tensor }
        return try tensor.withC { try lend(index + 1, lent + [$0]) }
    }
    return try lend(0, [])
}
