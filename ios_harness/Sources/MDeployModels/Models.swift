// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The nets that `mdeploy package --target ios` has put into this package.
public enum Models {
    /// The folder with an artifact in each of its folders, or nil where the package has none.
    public static var folder: URL? {
        #if MDEPLOY_MODELS
            Bundle.module.url(forResource: "Artifacts", withExtension: nil)
        #else
            nil
        #endif
    }
}
