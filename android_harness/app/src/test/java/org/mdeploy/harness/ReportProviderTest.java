// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.database.Cursor;
import android.net.Uri;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = {26, 35})
public final class ReportProviderTest {
  private ReportProvider provider;
  private Uri uri;

  @Before
  public void makeReport() throws Exception {
    provider = Robolectric.setupContentProvider(ReportProvider.class, "org.mdeploy.harness.reports");
    File directory = ReportProvider.directory(RuntimeEnvironment.getApplication());
    Files.makeDirectory(directory);
    File report = new File(directory, "abc-1.json");
    Files.replace(report, "{}");
    Files.replace(new File(directory.getParentFile(), "secret.json"), "secret");
    uri = ReportProvider.uriOf(report);
  }

  @Test
  public void lendsAReport() throws Exception {
    assertEquals("application/json", provider.getType(uri));
    provider.openFile(uri, "r").close();
    try (Cursor cursor = provider.query(uri, null, null, null, null)) {
      assertTrue(cursor.moveToFirst());
      assertEquals("abc-1.json", cursor.getString(cursor.getColumnIndex(OpenableColumns.DISPLAY_NAME)));
      assertEquals(2, cursor.getLong(cursor.getColumnIndex(OpenableColumns.SIZE)));
    }
  }

  @Test
  public void lendsNothingElse() {
    for (String path : new String[] {"..%2Fsecret.json", "%2e%2e/secret.json", "other.json", "", "a/abc-1.json"}) {
      Uri bad = Uri.parse("content://org.mdeploy.harness.reports/" + path);
      assertThrows(path, FileNotFoundException.class, () -> provider.openFile(bad, "r"));
      try (Cursor cursor = provider.query(bad, null, null, null, null)) {
        assertEquals(path, 0, cursor.getCount());
      }
    }
    assertThrows(FileNotFoundException.class, () -> provider.openFile(uri, "rw"));
    assertThrows(UnsupportedOperationException.class, () -> provider.delete(uri, null, null));
  }
}
