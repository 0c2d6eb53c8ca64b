// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import MDeployAppModel
import MDeployModels
import SwiftUI

@main
struct MDeployApp: App {
    @StateObject private var screen = Screen()
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            BenchView(screen: screen)
                .task { screen.model.runForHost(CommandLine.arguments) }
        }
        .onChange(of: phase) { now in
            if now == .background { screen.model.enteredBackground() }
        }
    }
}

/// The model as SwiftUI wants it: something that says when it changes.
@MainActor
final class Screen: ObservableObject {
    let model: BenchModel

    init() {
        let documents = FileManager.default.urls(for: .documentDirectory, in: .userDomainMask)[0]
        model = BenchModel(models: Models.folder, documents: documents, readings: PhoneReadings())
        model.onChange = { [weak self] in
            self?.objectWillChange.send()
            // The screen stays on while a run is in progress.
            UIApplication.shared.isIdleTimerDisabled = self?.model.state.running ?? false
        }
        // Logs cut long lines: the report itself is in the file that this line names.
        model.onEnd = { print($0.endMarker) }
    }
}
