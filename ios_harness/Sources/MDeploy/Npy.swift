// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The .npy files of golden cases and of the harness: version 1, C order.
enum Npy {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    private static let types: [(String, Tensor.Element)] = [
        ("<f4", .float32), ("<i4", .int32), ("<i8", .int64), ("|u1", .uint8),
    ]

    static func read(_ url: URL) throws -> Tensor {
        let data: [UInt8]
        do {
            data = [UInt8](try Data(contentsOf: url))
        } catch {
            throw MDeployError.cannotRead(url, error)
        }
        guard let tensor = parse(data) else {
            throw MDeployError(
                .badInput,
                "\(url.path): not a .npy file of version 1 with float32, int32, int64 or uint8 in C order, or cut short"
            )
        }
        return tensor
    }

    static func parse(_ data: [UInt8]) -> Tensor? {
        guard data.count >= 10, Array(data[0..<6]) == magic, data[6] == 1 else { return nil }
        let start = 10 + Int(data[8]) + Int(data[9]) << 8
        guard start <= data.count else { return nil }
        let header = String(decoding: data[10..<start], as: UTF8.self)
        guard let type = value(after: "'descr':", in: header, from: "'", to: "'"),
            let element = types.first(where: { $0.0 == type })?.1,
            header.contains("'fortran_order': False"),
            let sizes = value(after: "'shape':", in: header, from: "(", to: ")")
        else { return nil }
        let words = sizes.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let shape = words.filter { !$0.isEmpty }.compactMap { Int($0) }
        guard shape.count == words.filter({ !$0.isEmpty }).count else { return nil }
        return try? Tensor(element: element, shape: shape, bytes: Array(data[start...]))
    }

    static func write(_ tensor: Tensor, to url: URL) throws {
        let type = types.first { $0.1 == tensor.element }!.0
        let sizes = tensor.shape.map(String.init).joined(separator: ", ") + (tensor.shape.count == 1 ? "," : "")
        var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        let length = header.utf8.count
        let bytes = magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(header.utf8) + tensor.bytes
        do {
            try Data(bytes).write(to: url, options: .atomic)
        } catch {
            throw MDeployError.cannotWrite(url, error)
        }
    }

    private static func value(after key: String, in text: String, from open: String, to close: String) -> String? {
        guard let key = text.range(of: key),
            let start = text.range(of: open, range: key.upperBound..<text.endIndex),
            let end = text.range(of: close, range: start.upperBound..<text.endIndex)
        else { return nil }
        return String(text[start.upperBound..<end.lowerBound])
    }
}
