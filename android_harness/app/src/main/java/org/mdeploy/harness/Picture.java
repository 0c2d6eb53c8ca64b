// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.ColorSpace;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.net.Uri;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * A picture that the user chose, decoded by Android into plain RGBA. Resizing, cropping and normalising are for the
 * runtime: the app hands the pixels over as a PAM file.
 */
final class Picture {
  /** Larger pictures are decoded at a half, a quarter ... so that they fit into memory. */
  private static final long MAX_PIXELS = 24_000_000;
  private static final int THUMBNAIL = 384;

  final File pam;
  final Bitmap thumbnail;

  private Picture(File pam, Bitmap thumbnail) {
    this.pam = pam;
    this.thumbnail = thumbnail;
  }

  /**
   * Decodes the picture at {@code uri} upright and writes it to {@code target}. Slow: not for the main thread.
   *
   * @throws IOException with one line for people
   */
  static Picture read(ContentResolver resolver, Uri uri, File target) throws IOException {
    Bitmap bitmap = null;
    try {
      bitmap = upright(decode(resolver, uri), orientation(resolver, uri));
    } catch (OutOfMemoryError e) {
      throw new IOException("the picture is too large for this device's memory");
    } catch (SecurityException e) {
      throw new IOException("the picture may no longer be read; choose it again");
    } finally {
      if (bitmap == null) {
        target.delete();
      }
    }
    try {
      writePam(bitmap, target);
    } catch (IOException e) {
      target.delete();
      throw e;
    }
    return new Picture(target, thumbnail(bitmap));
  }

  /** Writes a binary PAM (P7) of depth 4: rows of RGBA bytes, alpha not multiplied in. */
  static void writePam(Bitmap bitmap, File target) throws IOException {
    int width = bitmap.getWidth();
    int height = bitmap.getHeight();
    String header =
        "P7\nWIDTH " + width + "\nHEIGHT " + height + "\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
    int[] argb = new int[width];
    byte[] rgba = new byte[4 * width];
    try (OutputStream out = new BufferedOutputStream(new FileOutputStream(target), 1 << 16)) {
      out.write(header.getBytes(StandardCharsets.US_ASCII));
      for (int y = 0; y < height; y++) {
        bitmap.getPixels(argb, 0, width, 0, y, width, 1);
        for (int x = 0; x < width; x++) {
          rgba[4 * x] = (byte) (argb[x] >> 16);
          rgba[4 * x + 1] = (byte) (argb[x] >> 8);
          rgba[4 * x + 2] = (byte) argb[x];
          rgba[4 * x + 3] = (byte) (argb[x] >>> 24);
        }
        out.write(rgba);
      }
    }
  }

  private static Bitmap decode(ContentResolver resolver, Uri uri) throws IOException {
    BitmapFactory.Options options = new BitmapFactory.Options();
    options.inJustDecodeBounds = true;
    try (InputStream in = open(resolver, uri)) {
      BitmapFactory.decodeStream(in, null, options);
    }
    if (options.outWidth <= 0 || options.outHeight <= 0) {
      throw new IOException("this is not a picture that Android can read");
    }
    long pixels = (long) options.outWidth * options.outHeight;
    options.inJustDecodeBounds = false;
    options.inSampleSize = 1;
    while (pixels / ((long) options.inSampleSize * options.inSampleSize) > MAX_PIXELS) {
      options.inSampleSize *= 2;
    }
    options.inPreferredConfig = Bitmap.Config.ARGB_8888;
    options.inPreferredColorSpace = ColorSpace.get(ColorSpace.Named.SRGB);
    options.inPremultiplied = false;
    options.inScaled = false;
    Bitmap bitmap;
    try (InputStream in = open(resolver, uri)) {
      bitmap = BitmapFactory.decodeStream(in, null, options);
    }
    if (bitmap == null) {
      throw new IOException("this is not a picture that Android can read");
    }
    return bitmap;
  }

  private static InputStream open(ContentResolver resolver, Uri uri) throws IOException {
    InputStream in = resolver.openInputStream(uri);
    if (in == null) {
      throw new FileNotFoundException("the picture cannot be opened");
    }
    return in;
  }

  private static int orientation(ContentResolver resolver, Uri uri) {
    try (InputStream in = open(resolver, uri)) {
      return new ExifInterface(in)
          .getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL);
    } catch (IOException e) {
      return ExifInterface.ORIENTATION_NORMAL;  // a format without EXIF
    }
  }

  /** Turns by quarters and mirrors as EXIF says: cameras store what the sensor saw. No pixel is interpolated. */
  static Bitmap upright(Bitmap bitmap, int orientation) {
    Matrix matrix = new Matrix();
    switch (orientation) {
      case ExifInterface.ORIENTATION_FLIP_HORIZONTAL:
        matrix.setScale(-1, 1);
        break;
      case ExifInterface.ORIENTATION_ROTATE_180:
        matrix.setRotate(180);
        break;
      case ExifInterface.ORIENTATION_FLIP_VERTICAL:
        matrix.setScale(1, -1);
        break;
      case ExifInterface.ORIENTATION_TRANSPOSE:
        matrix.setRotate(90);
        matrix.postScale(-1, 1);
        break;
      case ExifInterface.ORIENTATION_ROTATE_90:
        matrix.setRotate(90);
        break;
      case ExifInterface.ORIENTATION_TRANSVERSE:
        matrix.setRotate(-90);
        matrix.postScale(-1, 1);
        break;
      case ExifInterface.ORIENTATION_ROTATE_270:
        matrix.setRotate(-90);
        break;
      default:
        return bitmap;
    }
    return Bitmap.createBitmap(bitmap, 0, 0, bitmap.getWidth(), bitmap.getHeight(), matrix, false);
  }

  private static Bitmap thumbnail(Bitmap bitmap) {
    int longer = Math.max(bitmap.getWidth(), bitmap.getHeight());
    // Views draw premultiplied bitmaps only.
    bitmap.setPremultiplied(true);
    if (longer <= THUMBNAIL) {
      return bitmap;
    }
    int width = Math.max(1, bitmap.getWidth() * THUMBNAIL / longer);
    int height = Math.max(1, bitmap.getHeight() * THUMBNAIL / longer);
    return Bitmap.createScaledBitmap(bitmap, width, height, true);
  }
}
