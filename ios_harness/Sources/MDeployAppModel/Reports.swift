// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import MDeploy

/// The reports that the app keeps, below its Documents folder, where Files and a host find them.
public struct Reports: Sendable {
    static let folderName = "reports"
    /// The report of the latest benchmark, whatever its name.
    static let latestName = "results.json"
    /// Older ones are removed.
    static let kept = 20

    public let documents: URL

    public init(documents: URL) { self.documents = documents }

    var folder: URL { documents.appendingPathComponent(Reports.folderName, isDirectory: true) }
    public var latest: URL { documents.appendingPathComponent(Reports.latestName) }

    func file(_ id: String) -> URL { folder.appendingPathComponent("\(id).json") }

    /// Makes the folder. Throws `MDeployError` (badInput) where it cannot be made.
    func prepare() throws {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw MDeployError(.badInput, "cannot make \(folder.path): \(error.localizedDescription)")
        }
    }

    /// Writes a report whole, as one of the kept ones and, for a benchmark, as the latest.
    func keep(_ report: Report, of request: BenchRequest) throws -> URL {
        let place = file(request.id)
        do {
            let json = try report.json() + Data("\n".utf8)
            try json.write(to: place, options: .atomic)
            if !request.classifyOnly { try json.write(to: latest, options: .atomic) }
        } catch {
            throw MDeployError(.badInput, "cannot write \(place.path): \(error.localizedDescription)")
        }
        removeOld(but: place)
        return place
    }

    /// Leaves the end marker of a host's run where the host looks for it: that it is there means that the run is over.
    func keepEnd(_ outcome: BenchOutcome) {
        try? prepare()
        let place = folder.appendingPathComponent("\(outcome.request.id).end")
        try? Data("\(outcome.endMarker)\n".utf8).write(to: place, options: .atomic)
    }

    private func removeOld(but newest: URL) {
        let files =
            (try? FileManager.default.contentsOfDirectory(
                at: folder, includingPropertiesForKeys: [.contentModificationDateKey])) ?? []
        let age = { (url: URL) in
            (try? url.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate) ?? .distantPast
        }
        let others = files.filter { $0.lastPathComponent != newest.lastPathComponent }.sorted { age($0) > age($1) }
        for old in others.dropFirst(Reports.kept - 1) { try? FileManager.default.removeItem(at: old) }
    }
}
