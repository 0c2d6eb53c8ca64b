// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Pixels of four bytes, row by row from the top: red, green, blue, alpha (not multiplied in).
public struct RGBAImage: Equatable, Sendable {
    public let width: Int
    public let height: Int
    public let pixels: [UInt8]

    /// Throws `MDeployError` (usage) unless there are four bytes for each pixel.
    public init(width: Int, height: Int, pixels: [UInt8]) throws {
        guard (1...65535).contains(width), (1...65535).contains(height), pixels.count == 4 * width * height else {
            throw MDeployError(.usage, "an image of \(width)x\(height) with \(pixels.count) bytes is not RGBA")
        }
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// Writes a binary PAM (P7) of depth 4, which the harness takes as `--picture`.
    public func writePAM(to url: URL) throws {
        let header = "P7\nWIDTH \(width)\nHEIGHT \(height)\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
        do {
            try (Data(header.utf8) + Data(pixels)).write(to: url, options: .atomic)
        } catch {
            throw MDeployError.cannotWrite(url, error)
        }
    }
}

extension RGBAImage {
    /// Undoes the multiplication of colours by alpha that a drawing has gone through.
    static func divideByAlpha(_ pixels: inout [UInt8]) {
        for pixel in stride(from: 0, to: pixels.count, by: 4) {
            let alpha = Int(pixels[pixel + 3])
            guard alpha != 0, alpha != 255 else { continue }
            for channel in pixel..<(pixel + 3) {
                pixels[channel] = UInt8(min(255, (Int(pixels[channel]) * 255 + alpha / 2) / alpha))
            }
        }
    }
}
