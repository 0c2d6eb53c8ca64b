// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.view.View;
import java.io.File;
import java.io.FileOutputStream;
import java.util.HashSet;
import java.util.Set;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/** Draws the screen after a run with Android's own renderer; target/screen-*.png can be looked at. */
@RunWith(RobolectricTestRunner.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = 35)
public final class ScreenshotTest {
  @Rule public final AppRule app = new AppRule();

  @Test
  @Config(qualifiers = "w400dp-h900dp-xhdpi")
  public void light() throws Exception {
    draw("light");
  }

  @Test
  @Config(qualifiers = "w400dp-h900dp-night-xhdpi")
  public void night() throws Exception {
    draw("night");
  }

  private void draw(String name) throws Exception {
    app.start();
    BenchRequest request = new BenchRequest();
    request.measure("--runs", 200);
    request.goldenCase = new ModelStore(app.activity.get()).manifest().pictureCase;
    app.controller().start(request);
    app.waitForEnd();
    View root = app.activity.get().getWindow().getDecorView();
    Bitmap bitmap = Bitmap.createBitmap(root.getWidth(), root.getHeight(), Bitmap.Config.ARGB_8888);
    root.draw(new Canvas(bitmap));
    try (FileOutputStream out = new FileOutputStream(new File("target/screen-" + name + ".png"))) {
      bitmap.compress(Bitmap.CompressFormat.PNG, 100, out);
    }
    View plot = app.activity.get().findViewById(R.id.plot);
    Bitmap lines = Bitmap.createBitmap(plot.getWidth(), plot.getHeight(), Bitmap.Config.ARGB_8888);
    plot.draw(new Canvas(lines));
    Set<Integer> colors = new HashSet<>();
    for (int x = 0; x < lines.getWidth(); x++) {
      for (int y = 0; y < lines.getHeight(); y++) {
        colors.add(lines.getPixel(x, y));
      }
    }
    assertTrue("the curve is drawn", colors.contains(app.activity.get().getColor(R.color.accent)));
    assertTrue("around it there is room", colors.contains(Color.TRANSPARENT));
  }
}
