// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;
import java.util.List;

/** Lends reports, and nothing else, to the app that the user shares one with. Read only, by granted URI. */
public final class ReportProvider extends ContentProvider {
  static final String DIRECTORY = "reports";
  private static final String AUTHORITY = "org.mdeploy.harness.reports";

  static File directory(Context context) {
    return new File(context.getFilesDir(), DIRECTORY);
  }

  static Uri uriOf(File report) {
    return new Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(report.getName()).build();
  }

  @Override
  public boolean onCreate() {
    return true;
  }

  @Override
  public String getType(Uri uri) {
    return "application/json";
  }

  @Override
  public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
    if (!"r".equals(mode)) {
      throw new FileNotFoundException("reports can only be read");
    }
    return ParcelFileDescriptor.open(fileOf(uri), ParcelFileDescriptor.MODE_READ_ONLY);
  }

  @Override
  public Cursor query(Uri uri, String[] projection, String selection, String[] arguments, String order) {
    String[] columns =
        projection != null ? projection : new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE};
    MatrixCursor cursor = new MatrixCursor(columns, 1);
    File file;
    try {
      file = fileOf(uri);
    } catch (FileNotFoundException e) {
      return cursor;
    }
    Object[] row = new Object[columns.length];
    for (int i = 0; i < columns.length; i++) {
      if (OpenableColumns.DISPLAY_NAME.equals(columns[i])) {
        row[i] = file.getName();
      } else if (OpenableColumns.SIZE.equals(columns[i])) {
        row[i] = file.length();
      }
    }
    cursor.addRow(row);
    return cursor;
  }

  private File fileOf(Uri uri) throws FileNotFoundException {
    List<String> segments = uri.getPathSegments();
    // A decoded segment may hold slashes and dots: only names that this app gives are taken.
    if (segments.size() != 1 || !segments.get(0).matches("[A-Za-z0-9-]{1,64}\\.json")) {
      throw new FileNotFoundException("no such report");
    }
    File file = new File(directory(getContext()), segments.get(0));
    if (!file.isFile()) {
      throw new FileNotFoundException("no such report");
    }
    return file;
  }

  @Override
  public Uri insert(Uri uri, ContentValues values) {
    throw new UnsupportedOperationException("read only");
  }

  @Override
  public int delete(Uri uri, String selection, String[] arguments) {
    throw new UnsupportedOperationException("read only");
  }

  @Override
  public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
    throw new UnsupportedOperationException("read only");
  }
}
