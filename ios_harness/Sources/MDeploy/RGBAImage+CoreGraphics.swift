// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#if canImport(CoreGraphics) && canImport(ImageIO)
    import CoreGraphics
    import Foundation
    import ImageIO

    extension RGBAImage {
        /// Larger images are decoded smaller, so that they fit into memory.
        private static let maxSide = 6000

        /// The pixels of an image in sRGB. Throws `MDeployError` (unavailable) where there is no memory for them.
        public init(_ image: CGImage) throws {
            let (width, height) = (image.width, image.height)
            var pixels = [UInt8](repeating: 0, count: 4 * width * height)
            let drawn = pixels.withUnsafeMutableBytes { bytes in
                guard
                    let space = CGColorSpace(name: CGColorSpace.sRGB),
                    let context = CGContext(
                        data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8,
                        bytesPerRow: 4 * width, space: space, bitmapInfo: CGImageAlphaInfo.premultipliedLast.rawValue)
                else { return false }
                context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
                return true
            }
            guard drawn else { throw MDeployError(.unavailable, "no memory for an image of \(width)x\(height)") }
            RGBAImage.divideByAlpha(&pixels)
            try self.init(width: width, height: height, pixels: pixels)
        }

        /// Decodes a file's bytes, upright as the camera was held. Throws `MDeployError` (badInput).
        public init(decoding data: Data) throws {
            let options: [CFString: Any] = [
                kCGImageSourceCreateThumbnailFromImageAlways: true,
                kCGImageSourceCreateThumbnailWithTransform: true,
                kCGImageSourceThumbnailMaxPixelSize: RGBAImage.maxSide,
            ]
            guard
                let source = CGImageSourceCreateWithData(data as CFData, nil),
                let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
            else { throw MDeployError(.badInput, "this is not an image that this device can read") }
            try self.init(image)
        }
    }
#endif
