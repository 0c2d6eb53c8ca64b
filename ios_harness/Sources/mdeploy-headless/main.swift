// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The app without its screen, for where there is none: takes what a host gives the app, leaves what the app leaves.
//
//   mdeploy-headless MODELS DOCUMENTS --mdeploy-id ID --mdeploy-net NAME --mdeploy-args "--threads 2"
import Dispatch
import Foundation
import MDeployAppModel

let words = CommandLine.arguments
guard words.count > 3 else {
    FileHandle.standardError.write(
        Data("mdeploy-headless: give the folder of models, that of documents, and a request\n".utf8))
    exit(2)
}
let model = BenchModel(
    models: URL(fileURLWithPath: words[1], isDirectory: true),
    documents: URL(fileURLWithPath: words[2], isDirectory: true))
model.onEnd = { outcome in
    print(outcome.endMarker)
    exit(outcome.exitCode)
}
model.runForHost(Array(words.dropFirst(3)))
guard model.state.running else { exit(2) }
dispatchMain()
