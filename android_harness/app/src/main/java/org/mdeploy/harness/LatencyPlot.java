// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.Path;
import android.util.AttributeSet;
import android.view.View;
import java.util.Locale;

/** Latency over time, with the median of each minute drawn over it in sustained mode. */
public final class LatencyPlot extends View {
  private final Paint line = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final Paint median = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final Paint grid = new Paint();
  private final Paint label = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final Path path = new Path();
  private final float density;
  private double[] xs = {};
  private double[] ys = {};
  private double[] minutes = {};
  private double low;
  private double high;

  public LatencyPlot(Context context, AttributeSet attributes) {
    super(context, attributes);
    density = context.getResources().getDisplayMetrics().density;
    line.setStyle(Paint.Style.STROKE);
    line.setStrokeWidth(density);
    line.setColor(context.getColor(R.color.accent));
    median.setStyle(Paint.Style.STROKE);
    median.setStrokeWidth(3 * density);
    median.setColor(context.getColor(R.color.failed));
    grid.setColor(context.getColor(R.color.grid));
    label.setColor(context.getColor(R.color.accent));
    label.setTextSize(11 * context.getResources().getDisplayMetrics().scaledDensity);
  }

  /**
   * @param xs time of each run in seconds, ascending
   * @param ys latency of each run in milliseconds
   * @param minutes median of each full minute in milliseconds; empty but in sustained mode
   */
  void setData(double[] xs, double[] ys, double[] minutes) {
    this.xs = xs;
    this.ys = ys;
    this.minutes = minutes;
    low = Double.POSITIVE_INFINITY;
    high = 0;
    for (double y : ys) {
      low = Math.min(low, y);
      high = Math.max(high, y);
    }
    setContentDescription(
        xs.length == 0
            ? getContext().getString(R.string.plot_title)
            : getContext().getString(R.string.plot_description, xs.length, low, high));
    invalidate();
  }

  @Override
  protected void onDraw(Canvas canvas) {
    super.onDraw(canvas);
    float top = label.getTextSize() * 1.4f;
    float bottom = getHeight() - label.getTextSize() * 1.4f;
    float right = getWidth() - density;
    canvas.drawText(getContext().getString(R.string.plot_title), 0, label.getTextSize(), label);
    canvas.drawLine(0, bottom, right, bottom, grid);
    if (xs.length == 0 || !(high > 0)) {
      return;
    }
    double span = Math.max(xs[xs.length - 1] - xs[0], 1e-3);
    // From zero, so that a small spread looks small.
    double scale = (bottom - top) / (high * 1.05);
    float lowLine = (float) (bottom - low * scale);
    canvas.drawLine(0, lowLine, right, lowLine, grid);
    path.rewind();
    for (int i = 0; i < xs.length; i++) {
      float x = (float) ((xs[i] - xs[0]) / span * right);
      float y = (float) (bottom - ys[i] * scale);
      if (i == 0) {
        path.moveTo(x, y);
      } else {
        path.lineTo(x, y);
      }
    }
    canvas.drawPath(path, line);
    for (int i = 0; i < minutes.length; i++) {
      float y = (float) (bottom - minutes[i] * scale);
      float from = (float) Math.min(right, i * 60 / span * right);
      float to = (float) Math.min(right, (i + 1) * 60 / span * right);
      canvas.drawLine(from, y, to, y, median);
    }
    String ends = String.format(Locale.getDefault(), "%.2f – %.2f ms · %.0f s", low, high, span);
    canvas.drawText(ends, 0, getHeight() - 2 * density, label);
  }
}
